/**
 * `npm run bench:diff -- [--gib 4] [--rounds 5] [--directory DIR]`: the time of `dcp diff` of equal checkpoints in
 * different shardings, against reading both with `cat`. Everything is in the page cache.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DCP, filesOf, machineText, median, type Sample, timed } from './measure.js';
import { makeSyntheticDcp } from './synthetic.js';

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const rounds = Number(flags.rounds);
const SHAPE = [4096, 4096];
const tensorCount = Math.max(1, Math.round((Number(flags.gib) * 2 ** 30) / (SHAPE[0]! * SHAPE[1]! * 2)));

/** Ranks along rows and columns, of the one checkpoint and of the other. */
const PAIRS: readonly (readonly [name: string, a: readonly number[], b: readonly number[]])[] = [
  ['8 ranks by rows, 3 by rows', [8], [3]],
  ['8 ranks by rows, 2 × 4', [8], [2, 4]],
  ['8 ranks by rows, 8 by columns', [8], [1, 8]],
];

const rows: string[] = [];
for (const [name, gridA, gridB] of PAIRS) {
  const directory = mkdtempSync(join(flags.directory, 'dcp-bench-diff-'));
  try {
    const [a, b] = [join(directory, 'a'), join(directory, 'b')];
    for (const [path, grid] of [
      [a, gridA],
      [b, gridB],
    ] as const) {
      await makeSyntheticDcp(path, join(directory, 'random'), {
        tensorCount,
        shape: SHAPE,
        dtype: 'bfloat16',
        grid,
      });
    }
    rmSync(join(directory, 'random'));
    const [cat, diff]: [Sample[], Sample[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const taken = [
        timed('cat', [...filesOf(a), ...filesOf(b)]),
        timed(process.execPath, [DCP, 'diff', a, b, '--quiet']),
      ] as const;
      // The first round brings all into the page cache.
      if (round === 0) continue;
      cat.push(taken[0]);
      diff.push(taken[1]);
    }
    const of = (samples: readonly Sample[], what: keyof Sample): number =>
      median(samples.map(sample => sample[what]));
    const cells = [
      of(cat, 'seconds'),
      of(diff, 'seconds'),
      of(diff, 'seconds') / of(cat, 'seconds'),
      of(cat, 'cpuSeconds'),
      of(diff, 'cpuSeconds'),
    ];
    rows.push(`| ${[name, ...cells.map(cell => cell.toFixed(2))].join(' | ')} |`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.stdout.write(
  [
    `${machineText()}; two checkpoints of ${flags.gib} GiB of bfloat16, medians of ${rounds}`,
    '',
    '| shardings | cat of both, s | dcp diff, s | diff / cat | CPU of cat, s | CPU of dcp diff, s |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n'),
);
