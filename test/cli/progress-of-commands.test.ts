/** Progress on stderr of the real program, the same for every command that takes long. */
import { join } from 'node:path';
import { COMMANDS } from '../../src/cli/commands.js';
import { progressKind } from '../../src/cli/long-run.js';
import { terminalOf } from '../../src/cli/terminal.js';
import type { ProgressEvent } from '../../src/tui/progress-event.js';
import { problemsOf } from '../docs/schemas.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, suite } from '../suite.js';
import { dcp, type Ending } from './run-dcp.js';

const SOURCE = fixturePath('fsdp2_adam');
const out = (name: string): string => join(scratch(), name);

/** Every command that takes long, with the phases that it goes through. */
const RUNS: readonly (readonly [args: readonly string[], phases: readonly string[]])[] = [
  [
    ['convert', 'dcp_to_torch', SOURCE, out('a.pth')],
    ['open', 'plan', 'copy', 'finish'],
  ],
  [
    ['convert', 'dcp_to_torch', SOURCE, out('b.pth'), '--check'],
    ['open', 'plan', 'copy', 'open', 'plan', 'compare'],
  ],
  [
    ['stats', SOURCE],
    ['open', 'plan', 'count'],
  ],
  [
    ['diff', SOURCE, SOURCE],
    ['open', 'plan', 'compare'],
  ],
  [['verify', SOURCE, '--crc'], ['open']],
  [
    ['scan', SOURCE],
    ['open', 'verify'],
  ],
  [
    ['extract', SOURCE, 'app.model.net1.weight', '-o', out('w.npy')],
    ['open', 'copy'],
  ],
  [
    ['extract', SOURCE, 'app.model.net1.weight', '--format', 'text'],
    ['open', 'copy'],
  ],
];

function eventsOf({ stderr }: Ending): ProgressEvent[] {
  return stderr
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as ProgressEvent);
}

/** Phases, each as often as it begins. */
function phasesOf(events: readonly ProgressEvent[]): string[] {
  return events.map(({ phase }) => phase).filter((phase, i, phases) => phase !== phases[i - 1]);
}

suite('progress of commands', ({ test, each }) => {
  each(
    RUNS,
    ([args]) => `dcp ${args[0]} ${args.at(-1)!.startsWith('-') ? args.at(-1) : ''} --progress json`,
    async ([args, phases]) => {
      const ending = await dcp([...args, '--progress', 'json']);
      is(ending.code, 0, ending.stderr);
      const events = eventsOf(ending);
      for (const event of events) equal(problemsOf('progress-event', event), []);
      const met = phasesOf(events);
      equal(met.slice(0, phases.length), phases);
      const bytes = events.filter(event => event.byte_total !== undefined);
      ok(bytes.length > 0 && bytes.at(-1)!.byte_total! > 0);
      is(bytes.at(-1)!.byte_count, bytes.at(-1)!.byte_total, 'the end of the phase is told');
    },
  );

  each<readonly [how: readonly string[]]>(
    [[['--progress', 'none']], [['--progress', 'lines']], [['--progress', 'auto']], [[]]],
    ([how]) => `what is over soon is silent with ${how.join(' ') || 'nothing said'}`,
    async ([how]) => {
      const { code, stderr } = await dcp(['stats', SOURCE, ...how]);
      equal([code, stderr], [0, '']);
    },
  );

  test('--quiet has none, unless it is asked for', async () => {
    is((await dcp(['diff', SOURCE, SOURCE, '--quiet'])).stderr, '');
    ok(eventsOf(await dcp(['diff', SOURCE, SOURCE, '--quiet', '--progress', 'json'])).length > 0);
  });

  test('with --json there is one document on stdout, and events on stderr', async () => {
    const ending = await dcp(['stats', SOURCE, '--json', '--progress', 'json']);
    is((JSON.parse(ending.stdout) as { ok: boolean }).ok, true);
    ok(eventsOf(ending).length >= 3);
  });

  test('what is no way of telling is refused', async () => {
    const { code, stderr } = await dcp(['stats', SOURCE, '--progress', 'jsn']);
    is(code, 2);
    ok(stderr.includes('--progress does not know jsn') && stderr.includes('Did you mean json?'), stderr);
  });

  test('the commands that have --quiet or copy bytes have --progress', () => {
    const having = COMMANDS.filter(({ options }) => options.some(({ name }) => name === 'progress'));
    const wanted = COMMANDS.filter(({ options }) =>
      options.some(({ name }) => name === 'workers' || name === 'quiet'),
    );
    equal(
      having.map(({ name }) => name),
      wanted.map(({ name }) => name),
    );
  });

  const drawing = terminalOf({ isTTY: true, columns: 80, rows: 24 }, { TERM: 'xterm', LANG: 'C.UTF-8' });
  const pipe = terminalOf({}, { TERM: 'xterm' });
  each<
    readonly [
      choice: 'auto' | 'lines' | 'json' | 'none' | undefined,
      quiet: boolean,
      json: boolean,
      onTerminal: string,
      inPipe: string,
    ]
  >(
    [
      [undefined, false, false, 'screen', 'lines'],
      [undefined, false, true, 'lines', 'lines'],
      [undefined, true, false, 'none', 'none'],
      ['auto', true, true, 'screen', 'lines'],
      ['lines', false, false, 'lines', 'lines'],
      ['json', true, true, 'events', 'events'],
      ['none', false, false, 'none', 'none'],
    ],
    ([choice, quiet, json]) =>
      `${choice ?? 'nothing said'}${quiet ? ', --quiet' : ''}${json ? ', --json' : ''}`,
    ([choice, quiet, json, onTerminal, inPipe]) => {
      is(progressKind(choice, quiet, json, drawing), onTerminal);
      is(progressKind(choice, quiet, json, pipe), inPipe);
    },
  );
});
