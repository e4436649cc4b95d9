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

interface Sample {
  /** From start to end. */
  wall: number;
  /** Of all threads, in the program and in the system. */
  cpu: number;
}

function timed(command: string, args: readonly string[]): Sample {
  const line = `TIMEFORMAT='%R %U %S'; time "$@" > /dev/null`;
  const { status, stderr } = spawnSync('bash', ['-c', line, 'bash', command, ...args], { encoding: 'utf8' });
  const [wall, user, system] = stderr.trim().split(/\s+/).map(Number);
  if (status !== 0 || system === undefined)
    throw new Error(`${command} ${args.join(' ')}: ${status} ${stderr}`);
  return { wall: wall!, cpu: user! + system };
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
    const [cat, diff]: [Sample[], Sample[]] = [[], []];
    for (let round = 0; round <= rounds; round++) {
      const taken = [
        timed('cat', [...filesOf(a), ...filesOf(b)]),
        timed(process.execPath, [bin, 'diff', a, b, '--quiet']),
      ] as const;
      // The first round brings all into the page cache.
      if (round === 0) continue;
      cat.push(taken[0]);
      diff.push(taken[1]);
    }
    const of = (samples: readonly Sample[], what: keyof Sample): number =>
      median(samples.map(sample => sample[what]));
    const cells = [
      of(cat, 'wall'),
      of(diff, 'wall'),
      of(diff, 'wall') / of(cat, 'wall'),
      of(cat, 'cpu'),
      of(diff, 'cpu'),
    ];
    rows.push(`| ${[name, ...cells.map(cell => cell.toFixed(2))].join(' | ')} |`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.stdout.write(
  [
    `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, Node ${process.version}; two checkpoints of ${flags.gib} GiB of bfloat16, medians of ${rounds}`,
    '',
    '| shardings | cat of both, s | dcp diff, s | diff / cat | CPU of cat, s | CPU of dcp diff, s |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
    '',
  ].join('\n'),
);
