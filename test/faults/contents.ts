/** What a directory holds, byte for byte, so that a test can say: nothing changed, and nothing was left. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { equal } from '../suite.js';

/** Paths below a directory, hidden ones included: `directory`, `-> target`, `fifo`, or length and SHA-256. */
export type Contents = Record<string, string>;

export function contentsOf(root: string): Contents {
  const contents: Contents = {};
  const visit = (directory: string, prefix: string): void => {
    for (const name of readdirSync(directory).sort()) {
      const path = join(directory, name);
      const shown = prefix + name;
      const status = lstatSync(path);
      if (status.isDirectory()) {
        contents[shown] = 'directory';
        visit(path, `${shown}/`);
      } else if (status.isSymbolicLink()) contents[shown] = `-> ${readlinkSync(path)}`;
      else if (status.isFIFO()) contents[shown] = 'fifo';
      else contents[shown] = `${status.size} bytes, ${sha256(path)}`;
    }
  };
  visit(root, '');
  return contents;
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Runs `action`, after which the directory must hold what it held before, and nothing else. */
export async function leavesUnchanged<T>(root: string, action: () => Promise<T>): Promise<T> {
  const before = contentsOf(root);
  const result = await action();
  equal(contentsOf(root), before);
  return result;
}
