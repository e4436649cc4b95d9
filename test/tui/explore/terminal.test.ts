/**
 * The real program in a real terminal, of a checkpoint of a hundred thousand entries. What its screens show is kept in
 * `test/tui/explore/screens`; with DCP_TEST_WRITE_SCREENS=1 they are written anew, to be looked at.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { BIN } from '../../cli/run-dcp.js';
import { repository } from '../../documents.js';
import { fixturePath } from '../../fixtures.js';
import { scratch } from '../../io/scratch.js';
import { equal, is, ok, suite } from '../../suite.js';
import { makeManyEntries } from './many-entries.js';
import { NO_TMUX, type TerminalOptions, TmuxTerminal } from './tmux.js';

const SCREENS = join(repository, 'test/tui/explore/screens');
const EXPLORE = `'${process.execPath}' '${BIN}' explore`;
const COUNT = 100_000;

function sameAsKept(name: string, screen: string): void {
  const path = join(SCREENS, `${name}.txt`);
  if (process.env.DCP_TEST_WRITE_SCREENS === '1') {
    mkdirSync(SCREENS, { recursive: true });
    writeFileSync(path, screen);
  }
  is(screen, readFileSync(path, 'utf8'), name);
}

/** Whether the last line, which has the keys, is in that row: the screen was drawn for that many. */
const keysInRow =
  (row: number) =>
  (screen: string): boolean =>
    screen.split('\n')[row - 1]?.includes('q quit') === true;

const isRead =
  (text: string) =>
  (screen: string): boolean =>
    screen.includes(text) && !screen.includes('reading');

/** Throws, where nobody waits for it, at SIGUSR2. */
const CRASH = `process.on('SIGUSR2', () => setTimeout(() => { throw new Error('boom'); }));`;

async function inTerminal(
  line: string,
  options: Partial<TerminalOptions>,
  drive: (terminal: TmuxTerminal) => Promise<void>,
): Promise<void> {
  const terminal = new TmuxTerminal(line, { columns: 80, rows: 24, cwd: scratch(), ...options });
  try {
    await drive(terminal);
  } finally {
    terminal.close();
  }
}

/** Waits until there is no such process. */
async function gone(pid: number): Promise<void> {
  for (let i = 0; i < 250; i++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await setTimeout(40);
  }
  process.kill(pid, 'SIGKILL');
  throw new Error('the program is still there');
}

function crashFile(): string {
  const path = join(scratch(), 'crash.mjs');
  writeFileSync(path, CRASH);
  return path;
}

const SUITE = 'explorer: in a terminal';

const reason = NO_TMUX;
if (reason !== undefined) {
  suite(SUITE, ({ skip }) => skip('the real program, driven by keys', reason));
} else {
  suite(SUITE, ({ test, each }) => {
    test(`${COUNT} entries: open, fold, search, sort, detail, resize, quit`, async () => {
      const cwd = scratch({ inMemory: true });
      makeManyEntries(join(cwd, 'step-1000'), COUNT);
      const options = { cwd, env: { NO_COLOR: '1' } };
      await inTerminal(`echo before; ${EXPLORE} step-1000/.metadata`, options, async terminal => {
        await terminal.shows('reading the index of step-1000');
        await terminal.shows('100,000 tensors');
        is(terminal.state(), 'alternate 1, cursor 0');
        sameAsKept('opened', await terminal.shows('1/2'));

        terminal.press('Down', 'Right', 'Down', 'Right');
        sameAsKept('unfolded', await terminal.shows('3/11,118'));

        terminal.type('/11110.attn.w');
        sameAsKept('searching', await terminal.shows('4 found'));
        terminal.press('Enter');
        terminal.type('n');
        sameAsKept('found', await terminal.shows('/11110.attn.w: 2 of 4'));

        terminal.type('b');
        sameAsKept('largest', await terminal.shows('number 1 by size'));

        terminal.type('s');
        terminal.type('s');
        sameAsKept('by-size', await terminal.shows('by size  '));

        terminal.press('Tab');
        terminal.press('End');
        sameAsKept('detail', await terminal.shows('Tab tree'));

        terminal.resize(120, 32);
        sameAsKept('wide', await terminal.until(keysInRow(32), 'keys in row 32'));
        terminal.resize(46, 12);
        sameAsKept('narrow', await terminal.until(keysInRow(12), 'keys in row 12'));
        terminal.resize(20, 5);
        sameAsKept('tiny', await terminal.shows('too small'));
        terminal.resize(80, 24);
        await terminal.until(keysInRow(24), 'keys in row 24');

        terminal.type('q');
        const screen = await terminal.shows('ended 0');
        equal(screen.trimEnd().split('\n'), ['before', 'ended 0']);
        is(terminal.state(), 'alternate 0, cursor 1');
      });
    });

    test('values and statistics of a tensor, an object, help', async () => {
      const line = `${EXPLORE} fsdp2_adam`;
      const cwd = join(fixturePath('fsdp2_adam'), '..');
      await inTerminal(line, { cwd, columns: 100, rows: 26, env: { NO_COLOR: '1' } }, async terminal => {
        await terminal.shows('16 tensors');
        terminal.type('/model.net1.weight');
        await terminal.shows('1 found');
        terminal.press('Enter');
        await terminal.shows('/model.net1.weight: 1 of 1');
        sameAsKept('layout', await terminal.shows('4 chunks on 4 ranks'));
        terminal.type('2');
        sameAsKept('values', await terminal.shows('-0.080028'));
        terminal.type(':');
        terminal.type('9,2');
        terminal.press('Enter');
        sameAsKept('element', await terminal.until(isRead('rank 2, __2_0.distcp'), 'element 9,2'));
        terminal.type('3');
        sameAsKept('statistics', await terminal.shows('subnormal'));
        terminal.press('Tab');
        terminal.type('/betas');
        terminal.press('Enter');
        await terminal.shows('/betas: 1 of 1');
        sameAsKept('object', await terminal.shows('(0.9, 0.999)'));
        terminal.type('?');
        sameAsKept('help', await terminal.shows('to the top'));
        terminal.press('Escape');
        await terminal.until(screen => !screen.includes('to the top'), 'no help');
        terminal.press('C-c');
        await terminal.shows('ended 0');
      });
    });

    test('a tensor inside an object', async () => {
      const cwd = join(fixturePath('tensors_in_objects_dcp'), '..');
      const options = { cwd, columns: 100, rows: 20, env: { NO_COLOR: '1' } };
      await inTerminal(`${EXPLORE} tensors_in_objects_dcp`, options, async terminal => {
        await terminal.shows('9 objects');
        terminal.type('/quantized');
        terminal.press('Enter');
        sameAsKept('holder', await terminal.shows('4 tensors inside it'));
        terminal.press('Right', 'Down');
        await terminal.shows('quantized![0].args[0]');
        terminal.type('2');
        sameAsKept('inside', await terminal.until(isRead('14   15   10   17'), 'its numbers'));
      });
    });

    each<readonly [what: string, line: string, end: (terminal: TmuxTerminal) => void, ended: string]>(
      [
        ['q', EXPLORE, terminal => terminal.type('q'), 'ended 0'],
        ['Ctrl-C', EXPLORE, terminal => terminal.press('C-c'), 'ended 0'],
        ['SIGTERM', EXPLORE, terminal => process.kill(terminal.pid('node'), 'SIGTERM'), 'ended 143'],
        ['SIGHUP', EXPLORE, terminal => process.kill(terminal.pid('node'), 'SIGHUP'), 'ended 129'],
        [
          'an error that nobody catches',
          `NODE_OPTIONS='--import=${crashFile()}' ${EXPLORE}`,
          terminal => process.kill(terminal.pid('node'), 'SIGUSR2'),
          'ended 2',
        ],
      ],
      ([what]) => `after ${what} the terminal is as it was`,
      async ([what, line, end, ended]) => {
        const cwd = join(fixturePath('fsdp2_adam'), '..');
        await inTerminal(`echo before; ${line} fsdp2_adam`, { cwd }, async terminal => {
          await terminal.shows('16 tensors');
          is(terminal.state(), 'alternate 1, cursor 0');
          end(terminal);
          const screen = await terminal.shows(ended);
          is(terminal.state(), 'alternate 0, cursor 1');
          is(screen.split('\n')[0], 'before');
          is(screen.includes('boom'), what === 'an error that nobody catches', screen);
          terminal.type('typed');
          await terminal.shows('typed');
        });
      },
    );

    each<readonly [what: string, stop: (terminal: TmuxTerminal) => void]>(
      [
        ['Ctrl-Z', terminal => terminal.press('C-z')],
        ['SIGTSTP', terminal => process.kill(terminal.pid('node'), 'SIGTSTP')],
      ],
      ([what]) => `${what} gives the terminal back, and fg takes it again, in whatever size it has then`,
      async ([, stop]) => {
        const cwd = join(fixturePath('fsdp2_adam'), '..');
        const line = `set -m; echo before; ${EXPLORE} fsdp2_adam; echo "stopped $?"; stty -a; read _; fg`;
        await inTerminal(line, { cwd, env: { NO_COLOR: '1' } }, async terminal => {
          await terminal.shows('16 tensors');
          terminal.type('/net1');
          await terminal.shows('8 found');
          stop(terminal);
          const screen = await terminal.shows('stopped 14');
          is(terminal.state(), 'alternate 0, cursor 1');
          is(screen.split('\n')[0], 'before');
          const modes = await terminal.shows('iexten');
          ok(/ icanon /.test(modes) && / echo /.test(modes), modes);
          terminal.resize(60, 12);
          terminal.press('Enter');
          const isLast = (screen: string) => / \/net1. +8 found/.test(screen.split('\n')[11] ?? '');
          await terminal.until(isLast, 'what is typed in row 12');
          is(terminal.state(), 'alternate 1, cursor 0');
          terminal.press('Escape');
          terminal.type('q');
          await terminal.shows('ended 0');
          is(terminal.state(), 'alternate 0, cursor 1');
        });
      },
    );

    test('Ctrl-Z where no shell could let it go on changes nothing', async () => {
      const cwd = join(fixturePath('fsdp2_adam'), '..');
      await inTerminal(`${EXPLORE} fsdp2_adam`, { cwd }, async terminal => {
        await terminal.shows('16 tensors');
        terminal.press('C-z');
        terminal.type('/net1');
        await terminal.shows('8 found');
        is(terminal.state(), 'alternate 1, cursor 0');
      });
    });

    each(
      [
        ['', ''],
        ['', ', also where it is stopped'],
        [`trap '' HUP; `, ', also where SIGHUP is ignored'],
      ] as const,
      ([, what]) => `when the terminal goes, so does the program${what}`,
      async ([before, what]) => {
        const cwd = join(fixturePath('fsdp2_adam'), '..');
        const line = `${before}set -m; ${EXPLORE} fsdp2_adam; echo "stopped $?"; read _`;
        await inTerminal(line, { cwd }, async terminal => {
          await terminal.shows('16 tensors');
          const pid = terminal.pid('node');
          if (what.includes('stopped')) {
            terminal.press('C-z');
            await terminal.shows('stopped 14');
          }
          terminal.close();
          await gone(pid);
        });
      },
    );

    test('what cannot be opened is told on a screen that stays', async () => {
      await inTerminal(`${EXPLORE} nowhere`, {}, async terminal => {
        const screen = await terminal.shows('ended 2');
        ok(screen.startsWith('dcp: There is nothing at this path [in nowhere]'), screen);
      });
    });

    each(
      [
        ['TERM=dumb', 'TERM=dumb'],
        ['TERM=', 'no TERM in the environment'],
      ] as const,
      ([setting]) => `a terminal whose cursor cannot be moved: ${setting}`,
      async ([setting, found]) => {
        await inTerminal(`${setting} ${EXPLORE} nowhere`, { columns: 200 }, async terminal => {
          const screen = await terminal.shows('ended 2');
          ok(screen.includes(`needs a terminal whose cursor can be moved (found ${found})`), screen);
          ok(screen.includes('dcp inspect nowhere prints'), screen);
        });
      },
    );

    test('a checkpoint with a missing file', async () => {
      const cwd = scratch();
      const line = `cp -r '${fixturePath('grid_shards')}' run && rm run/__3_0.distcp && ${EXPLORE} run`;
      await inTerminal(line, { cwd, env: { NO_COLOR: '1' }, columns: 90 }, async terminal => {
        sameAsKept('missing-file', await terminal.shows('NOT COMPLETE'));
        terminal.type('/columns_rows');
        await terminal.shows('1 found');
        terminal.press('Enter');
        sameAsKept('missing-chunk', await terminal.shows('/columns_rows: 1 of 1'));
        terminal.type(':');
        terminal.type('4,5');
        terminal.press('Enter');
        sameAsKept('missing-values', await terminal.until(isRead('rank 3, __3_0.distcp'), 'element 4,5'));
      });
    });

    test('without colours, and in ASCII where the locale has no more', async () => {
      const cwd = join(fixturePath('fsdp2_adam'), '..');
      const env = { LANG: 'C', LC_ALL: 'C', NO_COLOR: '1' };
      await inTerminal(`${EXPLORE} fsdp2_adam`, { cwd, env }, async terminal => {
        const screen = await terminal.shows('16 tensors');
        // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII.
        ok(/^[\u0000-\u007f]*$/.test(screen), screen);
      });
    });
  });
}
