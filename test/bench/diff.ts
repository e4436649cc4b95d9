/**
 * `npm run bench:diff -- [--gib 4] [--rounds 5] [--directory DIR]`: the time of `dcp diff` of equal checkpoints in
 * different shardings, against reading both with `cat`. Everything is in the page cache.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeSyntheticDcp } from './synthetic.js';

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const rounds = Number(flags.rounds);
const bin = fileURLToPath(new URL('../../../bin/dcp.js', import.meta.url));
const SHAPE = [4096, 4096];
const tensorCount = Math.max(1, Math.round((Number(flags.gib) * 2 ** 30) / (SHAPE[0]! * SHAPE[1]! * 2)));

/** Ranks along rows and columns, of the one checkpoint and of the other. */
const PAIRS: readonly (readonly [name: string, a: readonly number[], b: readonly number[]])[] = [
  ['8 ranks by rows, 3 by rows', [8], [3]],
  ['8 ranks by rows, 2 × 4', [8], [2, 4]],
  ['8 ranks by rows, 8 by columns', [8], [1, 8]],
];

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

function seconds(command: string, args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${status} ${stderr}`);
  return (performance.now() - start) / 1000;
}

const filesOf = (directory: string): string[] => readdirSync(directory).map(name => join(directory, name));

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
    const [cat, diff]: [number[], number[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const taken = [
        seconds('cat', [...filesOf(a), ...filesOf(b)]),
        seconds(process.execPath, [bin, 'diff', a, b, '--quiet']),
      ];
      // The first round brings all into the page cache.
      if (round === 0) continue;
      cat.push(taken[0]!);
      diff.push(taken[1]!);
    }
    const [catSeconds, diffSeconds] = [median(cat), median(diff)];
    rows.push(
      `| ${name} | ${catSeconds.toFixed(2)} | ${diffSeconds.toFixed(2)} | ${(diffSeconds / catSeconds).toFixed(2)} |`,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.stdout.write(
  [
    `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, Node ${process.version}; two checkpoints of ${flags.gib} GiB of bfloat16, medians of ${rounds}`,
    '',
    '| shardings | cat of both, s | dcp diff, s | diff / cat |',
    '| --- | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n'),
);
