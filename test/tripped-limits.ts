/** Which limits of the sources were gone beyond, by any test of a run. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DcpError } from '../src/errors.js';

const seen = new Set<string>();

/** To be told of every error that a test expects. */
export function noteLimit(error: unknown): void {
  if (error instanceof DcpError && error.code === 'limit') seen.add(error.message);
}

/** As {@link noteLimit}, of a run of the program. */
export function noteLimitMessage(code: string, message: string): void {
  if (code === 'limit') seen.add(message);
}

/** The messages of limits in the sources that no test has seen, each with its file. */
export function limitsNotTripped(): string[] {
  const root = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name => /\.tsx?$/.test(name));
  return files.sort().flatMap(file => {
    const text = readFileSync(join(root, file), 'utf8');
    // Where the message is a variable, its callers say it with this name.
    const thrown = text.matchAll(/new LimitError\(\s*(?:'([^']+)'|`([^`]+)`)|tooLarge = '([^']+)'/g);
    return [...thrown]
      .map(([, plain, template, named]) => (plain ?? template ?? named)!)
      .filter(message => !wasSeen(message))
      .map(message => `${file}: ${message}`);
  });
}

function wasSeen(message: string): boolean {
  const parts = message.split(/\$\{[^}]*\}/);
  return [...seen].some(text => {
    let at = 0;
    return parts.every(part => {
      const found = text.indexOf(part, at);
      at = found + part.length;
      return found >= 0;
    });
  });
}
