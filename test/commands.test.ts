/** docs/commands.md against the real program: options, exit codes, names. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND_NAMES } from '../src/cli/commands.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_OF_SIGNAL } from '../src/cli/exit-codes.js';
import { FINDING_RULES, SCAN_RULES } from '../src/index.js';
import { PROOFS } from '../src/ops/verify/byte-account.js';
import { SAVE_STATES } from './docs/words.js';
import {
  codesOf,
  firstCells,
  readDocument,
  repository,
  runSession,
  Sandbox,
  sectionOf,
} from './documents.js';
import { equal, ok, suite } from './suite.js';

const commands = readDocument('docs/commands.md');

suite('commands.md: options', ({ each }) => {
  const helps: readonly (readonly [heading: string, command: string])[] = [
    ...COMMAND_NAMES.map(name => [`## dcp ${name}`, `dcp ${name} --help`] as const),
    ['## Without a command', 'dcp --help'],
  ];
  each(
    helps,
    ([, command]) => command,
    async ([heading, command]) => {
      const [help] = await runSession(new Sandbox(), [command]);
      const printed = [...help!.matchAll(/^ {2}((?:-\w, )?--[\w-]+(?: [A-Z]+)?)(?: |$)/gm)].map(
        match => match[1]!,
      );
      const documented = firstCells(sectionOf(commands, heading), 'Option').map(cell =>
        codesOf(cell).join(', '),
      );
      ok(printed.includes('-h, --help'));
      equal(documented.sort(), printed.sort());
    },
  );
});

suite('commands.md: endings', ({ each, test }) => {
  const codes = [EXIT_DONE, 1, EXIT_FAILED, ...Object.values(EXIT_OF_SIGNAL)];
  const tables: readonly (readonly [document: string, heading: string])[] = [
    ['docs/commands.md', '## Output and endings'],
    ['README.md', '## In scripts'],
  ];
  each(
    tables,
    ([document]) => `exit codes in ${document}`,
    ([document, heading]) => {
      const documented = firstCells(sectionOf(readDocument(document), heading), 'Exit code').flatMap(cell =>
        cell.split(', '),
      );
      equal(documented.map(Number), codes);
    },
  );

  test('environment variables', () => {
    const sources = ['cli', 'tui'].flatMap(folder =>
      readdirSync(join(repository, 'src', folder), { recursive: true, encoding: 'utf8' })
        .filter(name => /\.tsx?$/.test(name))
        .map(name => readDocument(`src/${folder}/${name}`)),
    );
    const read = sources.flatMap(source => [...source.matchAll(/\benv\.([A-Z_]+)/g)].map(match => match[1]!));
    const documented = firstCells(sectionOf(commands, '## Output and endings'), 'Environment').flatMap(
      codesOf,
    );
    // React reads NODE_ENV; TMPDIR is read by Node.
    const expected = new Set([...read.filter(name => name !== 'NODE_ENV'), 'TMPDIR']);
    equal(documented.sort(), [...expected].sort());
  });
});

suite('commands.md: names', ({ each }) => {
  const rows: readonly (readonly [command: string, head: string, names: readonly string[]])[] = [
    ['verify', 'Rule', FINDING_RULES],
    ['verify', 'State', Object.keys(SAVE_STATES)],
    ['verify', 'Count', PROOFS],
    ['scan', 'Rule', SCAN_RULES],
    ['scan', 'Verdict', ['weights_only', 'known', 'unknown', 'dangerous']],
  ];
  each(
    rows,
    ([command, head]) => `${head} of ${command}`,
    ([command, head, names]) =>
      equal(firstCells(sectionOf(commands, `## dcp ${command}`), head).flatMap(codesOf), [...names]),
  );
});
