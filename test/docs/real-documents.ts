/** What the real program prints with `--json`, by command line. Each line is run once, in a directory of its own. */
import { blocksOf, Sandbox } from '../documents.js';
import { is } from '../suite.js';

export interface RealDocument {
  document: Record<string, unknown>;
  code: number | null;
}

const known = new Map<string, Promise<RealDocument>>();

/**
 * Runs `dcp LINE --json`. Words are parted by blanks, and no shell looks at them; fixtures that are named are there.
 * @param before what a shell runs first in the same directory.
 */
export function realDocument(line: string, before = ''): Promise<RealDocument> {
  const key = `${before}\n${line}`;
  const found = known.get(key) ?? run(line, before);
  known.set(key, found);
  return found;
}

async function run(line: string, before: string): Promise<RealDocument> {
  const sandbox = new Sandbox();
  sandbox.addFixtures(`${before} ${line}`);
  if (before !== '') is((await sandbox.bash(before)).code, 0, before);
  const words = [...line.split(' '), '--json'].map(word => `'${word}'`);
  const { code, output } = await sandbox.bash(`dcp ${words.join(' ')} 2>/dev/null`);
  is(output.trimEnd().split('\n').length, 1, output);
  return { document: JSON.parse(output) as Record<string, unknown>, code };
}

/** Examples of a page: JSON that stands under the command line that prints it. */
export function examplesOf(page: string): { line: string; document: Record<string, unknown> }[] {
  return blocksOf(page)
    .filter(({ purpose }) => purpose.startsWith('of: '))
    .map(({ purpose, text }) => ({
      line: purpose.slice('of: '.length).replace(/ --json$/, ''),
      document: JSON.parse(text) as Record<string, unknown>,
    }));
}
