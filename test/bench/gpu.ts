/**
 * `node dist/test/bench/gpu.js [--gib 8] [--rounds 3] [--layouts rows,columns] [--directory DIR] [--json FILE]
 * [--python PYTHON] [--torch-device cuda] [--dcp PROGRAM] [--sweep]`: times rebuilding a checkpoint in the memory of a
 * GPU, and `dcp stats --device webgpu`, against torch's `dcp.load` into CUDA tensors and isfinite and max over them.
 * All of a layout run one after the other in each round; medians count. `--sweep` tries sizes of tiles as well.
 *
 * For a host without Node: test/bench/pack-gpu.mjs.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import type { Device } from '../../src/device/device.js';
import { planTensorRecords, type TensorRecords } from '../../src/device/records.js';
import { openWebGpuDevice } from '../../src/device/webgpu/driver.js';
import { DEFAULT_SETTINGS, type EngineSettings } from '../../src/device/webgpu/engine.js';
import { openCheckpoint } from '../../src/ops/open.js';
import { makeSyntheticDcp, normalNumbers } from './synthetic.js';

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '3' },
    layouts: { type: 'string', default: 'rows,columns' },
    directory: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    'torch-script': {
      type: 'string',
      default: fileURLToPath(new URL('../../../test/bench/torch_cuda.py', import.meta.url)),
    },
    'torch-device': { type: 'string', default: 'cuda' },
    dcp: { type: 'string', default: fileURLToPath(new URL('../../../bin/dcp.js', import.meta.url)) },
    sweep: { type: 'boolean', default: false },
  },
});
const byteTotal = Number(flags.gib) * 2 ** 30;
const rounds = Number(flags.rounds);
const SHAPE = [4096, 4096];
const GRIDS: Record<string, readonly number[]> = { rows: [8], columns: [1, 8] };

interface Row {
  layout: string;
  name: string;
  seconds: number;
  gb_per_second: number;
  all_seconds: number[];
}

const rows: Row[] = [];
const checks: Record<string, unknown>[] = [];
const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

function note(layout: string, name: string, seconds: number[], byteLength: number): void {
  const middle = median(seconds);
  rows.push({
    layout,
    name,
    seconds: middle,
    gb_per_second: byteLength / 1e9 / middle,
    all_seconds: seconds,
  });
  process.stderr.write(`${layout}  ${name}  ${seconds.map(value => value.toFixed(2)).join(' ')} s\n`);
}

async function timed<T>(seconds: number[], action: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await action();
  seconds.push((performance.now() - start) / 1000);
  return result;
}

async function recordsOf(directory: string): Promise<TensorRecords> {
  const source = await openCheckpoint(directory);
  try {
    const entries = source.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
    await source.resolve(entries);
    return planTensorRecords(entries.map(entry => ({ entry, source })));
  } finally {
    source.close();
  }
}

/** Puts all tensors together on the GPU, then gives their memory back. Returns the sum of the first one's bytes. */
async function rebuild(device: Device, records: TensorRecords, seconds: number[]): Promise<number> {
  const { results } = await timed(seconds, () => device.rebuild(records));
  const bytes = await results[0]!.readBack();
  for (const tensor of results) tensor.release();
  return bytes.reduce((sum, byte) => sum + byte, 0);
}

async function measure(layout: string, directory: string): Promise<void> {
  const records = await recordsOf(directory);
  const byteLength = records.plan.recordByteLength;
  const [open, plan, rebuilt, stats, command] = [[], [], [], [], []] as number[][];
  let firstSum = 0;
  for (let round = 0; round < rounds; round++) {
    const device = await timed(open!, () => openWebGpuDevice());
    const planned = await timed(plan!, () => recordsOf(directory));
    firstSum = await rebuild(device, planned, rebuilt!);
    const { results } = await timed(stats!, () => device.stats(planned));
    if (results.length !== records.tensors.length) throw new Error('results are missing');
    await device.close();
    const args = [flags.dcp, 'stats', directory, '--device', 'webgpu', '--json'];
    const run = await timed(command!, async () =>
      spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 }),
    );
    if (run.status !== 0) throw new Error(`dcp stats failed: ${run.stderr}${run.stdout}`);
    if (round === 0) {
      const { total, device: described } = JSON.parse(run.stdout);
      const nonFinite = total.nan_count + total.positive_inf_count + total.negative_inf_count;
      checks.push({
        layout,
        by: 'dcp',
        device: described.label,
        non_finite: nonFinite,
        max: total.max,
        first_sum: firstSum,
      });
    }
  }
  note(layout, 'dcp: open the device', open!, Number.NaN);
  note(layout, 'dcp: open the checkpoint and plan', plan!, Number.NaN);
  note(layout, 'dcp: rebuild on the GPU', rebuilt!, byteLength);
  note(layout, 'dcp: statistics, device open', stats!, byteLength);
  note(layout, 'dcp stats --device webgpu, whole process', command!, byteLength);

  const torchArgs = [
    flags['torch-script'],
    directory,
    '--rounds',
    String(rounds),
    '--device',
    flags['torch-device'],
  ];
  const torch = spawnSync(flags.python, torchArgs, { encoding: 'utf8' });
  if (torch.status !== 0) {
    process.stderr.write(`torch was not measured: ${torch.stderr}\n`);
    return;
  }
  const found = JSON.parse(torch.stdout.trim().split('\n').at(-1)!) as {
    torch: string;
    device: string;
    load_seconds: number[];
    check_seconds: number[];
    non_finite: number;
    max: number;
    first_sum: number;
  };
  const { load_seconds: loads, check_seconds: scans } = found;
  note(layout, `torch ${found.torch}: dcp.load into ${found.device}`, loads, byteLength);
  note(
    layout,
    'torch: load, isfinite and max',
    loads.map((value, i) => value + scans[i]!),
    byteLength,
  );
  checks.push({
    layout,
    by: 'torch',
    non_finite: found.non_finite,
    max: found.max,
    first_sum: found.first_sum,
  });
}

async function sweep(directory: string): Promise<void> {
  const records = await recordsOf(directory);
  const byteLength = records.plan.recordByteLength;
  for (const threads of [4, 8, 16]) {
    process.env.UV_THREADPOOL_SIZE = String(threads);
    for (const tileMiB of [8, 16, 32, 64]) {
      for (const laneCount of [3, 6, 12]) {
        const settings: EngineSettings = { ...DEFAULT_SETTINGS, tileByteLength: tileMiB << 20, laneCount };
        const device = await openWebGpuDevice(settings);
        const [rebuilt, stats] = [[], []] as number[][];
        await rebuild(device, records, rebuilt!);
        await timed(stats!, () => device.stats(records));
        await device.close();
        const label = `${tileMiB} MiB, ${laneCount} lanes, ${threads} threads`;
        note('sweep', `rebuild: ${label}`, rebuilt!, byteLength);
        note('sweep', `statistics: ${label}`, stats!, byteLength);
      }
    }
  }
  delete process.env.UV_THREADPOOL_SIZE;
}

for (const layout of flags.layouts.split(',')) {
  const scratch = mkdtempSync(join(flags.directory, 'dcp-gpu-'));
  try {
    const directory = join(scratch, 'dcp');
    const tensorCount = Math.max(1, Math.round(byteTotal / (2 * SHAPE[0]! * SHAPE[1]!)));
    const block = normalNumbers('bfloat16', 1 << 20);
    const spec = { tensorCount, shape: SHAPE, grid: GRIDS[layout]!, dtype: 'bfloat16', block };
    await makeSyntheticDcp(directory, join(scratch, 'random'), spec);
    rmSync(join(scratch, 'random'));
    await measure(layout, directory);
    if (flags.sweep && layout === 'rows') await sweep(directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const machine = {
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memory_gib: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  date: new Date().toISOString().slice(0, 10),
  gib: Number(flags.gib),
};
const lines = [
  `${machine.processor}, ${machine.cores} cores, ${machine.memory_gib} GiB, Node ${machine.node}, ${machine.date}, ${machine.gib} GiB of bfloat16 by 8 ranks`,
  '',
  '| layout | run | seconds | GB/s |',
  '| --- | --- | ---: | ---: |',
  ...rows.map(
    ({ layout, name, seconds, gb_per_second: rate }) =>
      `| ${layout} | ${name} | ${seconds.toFixed(2)} | ${Number.isNaN(rate) ? '–' : rate.toFixed(2)} |`,
  ),
  '',
  ...checks.map(check => JSON.stringify(check)),
];
process.stdout.write(`${lines.join('\n')}\n`);
if (flags.json !== undefined)
  writeFileSync(flags.json, `${JSON.stringify({ machine, rows, checks }, null, 2)}\n`);
