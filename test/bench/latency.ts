/**
 * `npm run bench:latency -- [--mib 512] [--latency 5] [--reads 2,4] [--rounds 5] [--directory DIR]`: copies from storage
 * that answers every read late, against as many threads that only read the same files from end to end, through the
 * same simulated storage. Prints the rate of the copy over that of the readers.
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { runCopy } from '../../src/copy/copy.js';
import type { CopyPlan } from '../../src/copy/plan.js';
import { openDcp } from '../../src/dcp/reader.js';
import { DescriptorCache } from '../../src/io/descriptors.js';
import { ReadGate, readGateSpec } from '../../src/io/read-gate.js';
import { planTorchSave } from '../../src/torch/writer.js';
import { median } from './measure.js';
import { makeSyntheticDcp } from './synthetic.js';

const READ_BYTE_LENGTH = 1 << 20;

/** What one of the plain readers reads, from end to end. */
interface ReaderTask {
  paths: string[];
  latencyMs: number;
}

function readAll({ paths, latencyMs }: ReaderTask): void {
  const gate = new ReadGate(readGateSpec(1, latencyMs));
  const files = new DescriptorCache();
  const buffer = new Uint8Array(READ_BYTE_LENGTH);
  for (const path of paths) {
    const { size } = statSync(path);
    for (let at = 0; at < size; at += READ_BYTE_LENGTH) {
      const part = buffer.subarray(0, Math.min(READ_BYTE_LENGTH, size - at));
      gate.pass(() => files.readInto(path, part, at));
    }
  }
  files.close();
}

async function secondsOfReaders(
  paths: readonly string[],
  readers: number,
  latencyMs: number,
): Promise<number> {
  const start = performance.now();
  const ended = Array.from({ length: readers }, (_, reader) => {
    const task: ReaderTask = { paths: paths.filter((_path, i) => i % readers === reader), latencyMs };
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: task });
    return new Promise<void>((resolve, reject) => worker.on('error', reject).on('exit', () => resolve()));
  });
  await Promise.all(ended);
  return (performance.now() - start) / 1000;
}

async function secondsOfCopy(
  plan: CopyPlan,
  target: string,
  readsInFlight: number,
  readLatencyMs: number,
): Promise<number> {
  closeSync(openSync(target, 'w'));
  const fd = openSync(target, 'r+');
  ftruncateSync(fd, plan.outputs[0]!.byteLength);
  closeSync(fd);
  const start = performance.now();
  await runCopy(plan, [target], { readsInFlight, readLatencyMs });
  const seconds = (performance.now() - start) / 1000;
  rmSync(target);
  return seconds;
}

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      mib: { type: 'string', default: '512' },
      latency: { type: 'string', default: '5' },
      reads: { type: 'string', default: '2,4' },
      rounds: { type: 'string', default: '5' },
      directory: { type: 'string', default: tmpdir() },
    },
  });
  const latencyMs = Number(flags.latency);
  const directory = mkdtempSync(join(flags.directory, 'dcp-latency-'));
  try {
    const source = join(directory, 'dcp');
    const raw = join(directory, 'random');
    const tensorCount = Math.ceil(Number(flags.mib) / 32);
    process.stdout.write('| layout | reads in flight | readers, GB/s | copy, GB/s | copy / readers |\n');
    process.stdout.write('| --- | ---: | ---: | ---: | ---: |\n');
    for (const [layout, grid] of [
      ['rows', [8]],
      ['columns', [1, 8]],
    ] as const) {
      await makeSyntheticDcp(source, raw, { tensorCount, shape: [4096, 4096], dtype: 'bfloat16', grid });
      rmSync(raw);
      const checkpoint = await openDcp(source);
      await checkpoint.resolve(checkpoint.entries.filter(entry => entry instanceof TensorEntry));
      const { plan } = planTorchSave(checkpoint, checkpoint.tree, 'out.pth', { withCrc: true });
      const paths = checkpoint.files.map(file => file.path);
      const byteLength = paths.reduce((sum, path) => sum + statSync(path).size, 0);
      for (const reads of flags.reads.split(',').map(Number)) {
        const taken: { readers: number[]; copy: number[] } = { readers: [], copy: [] };
        for (let round = 0; round < Number(flags.rounds); round++) {
          taken.readers.push(await secondsOfReaders(paths, reads, latencyMs));
          taken.copy.push(await secondsOfCopy(plan, join(directory, 'out.pth'), reads, latencyMs));
        }
        const rates = [taken.readers, taken.copy].map(seconds => byteLength / median(seconds) / 1e9);
        const ratio = rates[1]! / rates[0]!;
        process.stdout.write(
          `| ${layout} | ${reads} | ${rates[0]!.toFixed(2)} | ${rates[1]!.toFixed(2)} | ${ratio.toFixed(2)} |\n`,
        );
      }
      checkpoint.close();
      rmSync(source, { recursive: true });
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (isMainThread) await main();
else readAll(workerData as ReaderTask);
