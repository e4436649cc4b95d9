/** Whether every command that writes, wherever it writes, has a scenario in which its system calls fail. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMMAND_NAMES } from '../../src/cli/commands.js';
import { equal, ok, suite } from '../suite.js';
import { injectFaults } from './inject/injection.js';

const root = fileURLToPath(new URL('../../../src', import.meta.url));

/** What makes files for others: of a destination, or of the temporary area. */
const WRITERS: Record<string, 'changes' | 'spools'> = {
  'io/output-file.ts': 'changes',
  'io/output-directory.ts': 'changes',
  'io/spool.ts': 'spools',
};
/** Nothing in them starts an operation: what a user does there, tests of their own do. */
const WITHOUT_SCENARIO: Record<string, string> = {
  explore: 'a screen that waits for keys: it opens checkpoints as inspect does, and stays open',
  completion: 'a script or words: it reads the tables of all commands, and opens checkpoints as inspect does',
};

/** Files of `src` that a file loads, at once or when needed; types alone load nothing. */
function importsOf(file: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b(?!\s+type\b)[^;'"]*?from\s*'(\.[^']+)'|import\(\s*'(\.[^']+)'\s*\)/g;
  return [...readFileSync(join(root, file), 'utf8').matchAll(pattern)].flatMap(([, at, later]) => {
    const target = relative(root, join(root, dirname(file), (at ?? later)!));
    const paths = [target.replace(/\.js$/, '.ts'), target.replace(/\.js$/, '.tsx')];
    return paths.filter(path => existsSync(join(root, path)));
  });
}

/** In which ways a command can come to write. */
function waysOfWriting(command: string): string[] {
  const seen = new Set([`cli/commands/${command}.ts`]);
  const ways = new Set<string>();
  for (const file of seen) {
    for (const target of importsOf(file)) {
      if (file.startsWith('io/')) continue;
      if (target in WRITERS) ways.add(WRITERS[target]!);
      seen.add(target);
    }
  }
  return [...ways].sort();
}

suite('faults: scenarios', ({ test }) => {
  test('the ways of writing are found in the sources', () => {
    equal(waysOfWriting('convert'), ['changes', 'spools']);
    equal(waysOfWriting('diff'), ['spools']);
    equal(waysOfWriting('devices'), []);
  });

  test('every way of writing of every command is in a scenario, which was seen to write so', async () => {
    // Harmless, and seldom made: the scenarios run undisturbed, but for a few calls.
    const { rows, findings } = await injectFaults({ every: 1000, seed: 1, jobs: 2, mode: 'EINTR' });
    equal(findings, []);
    const missing = COMMAND_NAMES.filter(name => !(name in WITHOUT_SCENARIO)).flatMap(name =>
      waysOfWriting(name)
        .filter(way => !rows.some(row => row.command === name && row[way as 'changes' | 'spools']))
        .map(way => `${name} ${way}`),
    );
    equal(missing, []);
  });

  test('commands that are excused exist, and write nothing for the user', () => {
    for (const name of Object.keys(WITHOUT_SCENARIO)) {
      ok(COMMAND_NAMES.includes(name), name);
    }
    equal(waysOfWriting('explore'), ['spools']);
  });
});
