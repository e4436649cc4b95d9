import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DirectoryState,
  findTornOverwrite,
  requireComplete,
  stateOfDirectory,
} from '../../src/dcp/directory.js';
import type { DirectoryEntry } from '../../src/io/listing.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite, throws } from '../suite.js';

const NOW_MS = 1_700_000_000_000;

/** Files last written so many seconds before NOW_MS. */
function files(secondsAgo: Record<string, number>): DirectoryEntry[] {
  return Object.entries(secondsAgo).map(([name, seconds]) => ({
    name,
    kind: 'file',
    byteLength: 1,
    mtimeNs: BigInt(NOW_MS - seconds * 1000) * 1_000_000n,
  }));
}

suite('states of a directory', ({ each, test }) => {
  const rows: [string, Record<string, number>, DirectoryState['kind']][] = [
    ['empty', {}, 'none'],
    [
      'other files',
      { 'model.pth': 1, config: 1, '__x_0.distcp': 1, '__0_0.distcp.bak': 1, '0.metadata': 1 },
      'none',
    ],
    ['a checkpoint', { '.metadata': 5000, '__0_0.distcp': 5001 }, 'complete'],
    ['an index alone', { '.metadata': 5000 }, 'complete'],
    ['a save over a checkpoint', { '.metadata': 5000, '.metadata.tmp': 1, '__0_0.distcp': 1 }, 'complete'],
    ['data written now', { '__0_0.distcp': 0 }, 'saving'],
    ['data written two minutes ago', { '__0_0.distcp': 120, '__1_0.distcp': 9999 }, 'saving'],
    ['data written longer ago', { '__0_0.distcp': 121, '__12_3.distcp': 9999 }, 'dead'],
    ['data written by a clock ahead of ours', { '__0_0.distcp': -86400 }, 'saving'],
    ['data of the future', { '__0_0.distcp': -86401 }, 'dead'],
    ['the temporary index, new', { '.metadata.tmp': 3 }, 'saving'],
    ['the temporary index, old', { '.metadata.tmp': 3000 }, 'dead'],
    ['an index a rank', { '__0.metadata': 1, '__1.metadata': 1, '__0_0.distcp': 1 }, 'rank-metadata'],
    ['an index a rank, and one for all', { '__0.metadata': 1, '.metadata': 1 }, 'complete'],
  ];
  each(
    rows,
    ([name]) => name,
    ([, names, kind]) => is(stateOfDirectory(files(names), NOW_MS).kind, kind),
  );

  test('an unfinished save is told with the file written last and its age', () => {
    const state = stateOfDirectory(files({ '__0_0.distcp': 90, '__1_0.distcp': 14, 'x.pth': 1 }), NOW_MS);
    ok(state.kind === 'saving');
    is(state.detail, '2 files of a save without .metadata; the last one written is __1_0.distcp, 14 s ago');
    const ahead = stateOfDirectory(files({ '__0_0.distcp': -60 }), NOW_MS);
    ok(ahead.kind === 'saving');
    is(ahead.detail.endsWith('__0_0.distcp, 60 s ahead of the clock here'), true);
  });
});

suite('requiring a finished checkpoint', ({ each, test }) => {
  const rows: [string, string[], number, Parameters<typeof throws>[1]][] = [
    [
      'a save in progress',
      ['__0_0.distcp'],
      10,
      { code: 'file', message: /seems to be in progress.*10 s ago/ },
    ],
    [
      'a dead save',
      ['__0_0.distcp', '.metadata.tmp'],
      3600,
      { code: 'file', message: /died.*2 files.*3600 s ago/ },
    ],
    ['an empty directory', [], 1, { code: 'file', message: /no DCP checkpoint.*found an empty directory/ }],
    ['other files', ['a.pth', 'b'], 1, { code: 'file', message: /no DCP checkpoint.*found 2 other entries/ }],
  ];
  each(
    rows,
    ([name]) => name,
    ([, names, seconds, expected]) => {
      const directory = scratch();
      for (const name of names) writeFileSync(join(directory, name), 'x');
      const error = throws(() => requireComplete(directory, Date.now() + seconds * 1000), expected);
      is(error.context.path, directory);
    },
  );

  test('a finished one passes', () => {
    const directory = scratch();
    writeFileSync(join(directory, '.metadata'), 'x');
    requireComplete(directory);
  });

  test('the parent of checkpoints names them', () => {
    const directory = scratch();
    for (const step of ['step_1', 'step_2', 'logs']) mkdirSync(join(directory, step));
    for (const step of ['step_1', 'step_2']) writeFileSync(join(directory, step, '.metadata'), 'x');
    const error = throws(() => requireComplete(directory), { code: 'file' });
    is(error.hint, `Did you mean ${directory}/step_1 or ${directory}/step_2?`);
  });

  test('the parent of many checkpoints names the first', () => {
    const directory = scratch();
    for (const step of ['a', 'b', 'c', 'd', 'e']) {
      mkdirSync(join(directory, step));
      writeFileSync(join(directory, step, '.metadata'), 'x');
    }
    const error = throws(() => requireComplete(`${directory}/`), { code: 'file' });
    is(
      error.hint,
      `Did you mean ${['a', 'b', 'c'].map(name => join(directory, name)).join(', ')} or one of 2 more?`,
    );
  });

  test('a path that is no directory', async () => {
    await rejects(async () => requireComplete(join(scratch(), 'missing')), {
      code: 'file',
      message: /missing/,
    });
  });
});

suite('the trace of a torn overwrite', ({ each }) => {
  const at = (second: number): bigint => BigInt(second) * 1_000_000_000n;
  const rows: [string, Record<string, bigint>, string[]][] = [
    ['all older', { a: at(98), b: at(99) }, []],
    ['the same time', { a: at(100) }, []],
    ['two seconds newer, as the clock of FAT is', { a: at(102) }, []],
    ['a nanosecond more', { a: at(102) + 1n, b: at(102) }, ['a']],
    ['the newest first', { a: at(103), b: at(99), c: at(105) }, ['c', 'a']],
    ['no files', {}, []],
  ];
  each(
    rows,
    ([name]) => name,
    ([, times, newer]) => {
      const found = findTornOverwrite(
        at(100),
        Object.entries(times).map(([name, mtimeNs]) => ({ name, mtimeNs })),
      );
      equal(found?.newer.map(({ name }) => name) ?? [], newer);
      if (found !== undefined) is(found.indexTime.getTime(), 100_000);
    },
  );
});
