/**
 * `npm run bench:targets -- [--gib 4] [--rounds 3] [--directory DIR]`: time and memory of the conversions of one DCP
 * checkpoint of 8 ranks into each target, with and without another sharding and another element type, against
 * `dcp_to_torch` of the same. Rounds alternate, medians count; every output is synced. Then how fast one core casts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { castElements } from '../../src/copy/cast.js';
import { overflowsOf } from '../../src/copy/overflow.js';
import { dtypeOf } from '../../src/dtype.js';
import { DCP, machineText, median, type Sample, timed } from './measure.js';
import { makeSyntheticDcp, normalNumbers } from './synthetic.js';

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const byteTotal = Number(flags.gib) * 2 ** 30;

const BASE = ['dcp_to_torch', 'out.pth'];
/** Mode, name of the output, options. */
const TARGETS = [
  BASE,
  ['dcp_to_safetensors', 'out.safetensors'],
  ['dcp_to_safetensors', 'out'],
  ['dcp_to_dcp', 'out'],
  ['dcp_to_dcp', 'out', '--ranks', '3'],
  ['dcp_to_dcp', 'out', '--mesh', '2x4', '--placements', 'Shard(0),Shard(1)'],
];
const CASTS: Readonly<Record<string, readonly string[]>> = {
  float32: ['bf16', 'fp16'],
  bfloat16: ['fp32'],
};

const lines: string[] = [];
for (const [dtype, casts] of Object.entries(CASTS)) {
  const directory = mkdtempSync(join(flags.directory, 'dcp-bench-targets-'));
  try {
    const source = join(directory, 'source');
    const [rows, columns] = [4096, 4096];
    const tensorCount = Math.round(byteTotal / (rows * columns * (dtype === 'float32' ? 4 : 2)));
    await makeSyntheticDcp(source, join(directory, 'random'), {
      shape: [rows, columns],
      grid: [8],
      dtype,
      tensorCount,
      // Numbers of weights: bytes at random would be infinite in half of all casts to 16 bits.
      block: normalNumbers(dtype, 1 << 20),
    });
    rmSync(join(directory, 'random'));
    const runs = [
      ...(dtype === 'bfloat16' ? TARGETS : [BASE]),
      ...casts.map(cast => [...BASE, '--dtype', cast]),
    ];
    const samples = runs.map((): Sample[] => []);
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const [i, [mode, name, ...options]] of runs.entries()) {
        const out = join(directory, name!);
        samples[i]!.push(
          timed(process.execPath, [DCP, 'convert', mode!, source, out, '--quiet', ...options]),
        );
        rmSync(out, { recursive: true });
      }
    }
    const secondsOf = (i: number): number => median(samples[i]!.map(({ seconds }) => seconds));
    for (const [i, run] of runs.entries()) {
      const cpu = median(samples[i]!.map(({ cpuSeconds }) => cpuSeconds));
      const rss = Math.max(...samples[i]!.map(({ rssMiB }) => rssMiB));
      const rate = (byteTotal / 1e9 / cpu).toFixed(2);
      lines.push(
        `| ${dtype} | ${run.join(' ')} | ${secondsOf(i).toFixed(2)} | ${(secondsOf(i) / secondsOf(0)).toFixed(2)} | ${rate} | ${rss.toFixed(0)} |`,
      );
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
process.stdout.write(
  `${machineText()}, ${flags.gib} GiB by 8 ranks\n\n` +
    '| source | run | seconds | ÷ dcp_to_torch | GB a CPU second | peak RSS, MiB |\n| --- | --- | ---: | ---: | ---: | ---: |\n' +
    `${lines.join('\n')}\n`,
);

/** Bytes of input a nanosecond, of blocks in the cache, counting what becomes infinite where that can be. */
function castRate(from: string, to: string): number {
  const elementCount = 1 << 18;
  const source = normalNumbers(from, elementCount * dtypeOf(from).itemSize);
  const target = new Uint8Array(elementCount * dtypeOf(to).itemSize);
  const cast = castElements({ from, to });
  const countOverflows = overflowsOf({ from, to });
  const taken = Array.from({ length: 21 }, () => {
    const start = performance.now();
    cast(source, target);
    countOverflows?.(source, target);
    return performance.now() - start;
  });
  return source.length / median(taken) / 1e6;
}

process.stdout.write('\n| cast | GB of input a second, one core |\n| --- | ---: |\n');
for (const [from, to] of [
  ['float32', 'bfloat16'],
  ['bfloat16', 'float32'],
  ['float32', 'float16'],
] as const) {
  process.stdout.write(`| ${from} to ${to} | ${castRate(from, to).toFixed(2)} |\n`);
}
