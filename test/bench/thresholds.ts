/**
 * `node dist/test/bench/thresholds.js [DIRECTORY]`: where the engine's thresholds lie on this machine: from what
 * size on threads pay, and up to what length a run is copied faster word by word than as a block.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyBlocks, copyRunsByWord } from '../../src/copy/scatter.js';
import { dcpToTorchSave } from '../../src/index.js';
import { median } from './measure.js';
import { makeSyntheticDcp } from './synthetic.js';

/** Milliseconds of a conversion without its sync, by number of threads. */
async function threads(directory: string): Promise<void> {
  const rounds = 9;
  process.stdout.write('| MiB | 0 threads, ms | 1 | 2 |\n| ---: | ---: | ---: | ---: |\n');
  for (const mib of [4, 16, 32, 64, 128, 256]) {
    const source = join(directory, `dcp-${mib}`);
    const spec = { tensorCount: mib, shape: [512, 1024], dtype: 'bfloat16', grid: [8] };
    await makeSyntheticDcp(source, join(directory, 'random'), spec);
    const taken: number[][] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      for (const workers of [0, 1, 2]) {
        const out = join(directory, 'out.pth');
        rmSync(out, { force: true });
        const start = performance.now();
        await dcpToTorchSave(source, out, { workers, sync: false });
        taken[workers]!.push(performance.now() - start);
      }
    }
    process.stdout.write(`| ${mib} | ${taken.map(times => median(times).toFixed(0)).join(' | ')} |\n`);
    rmSync(source, { recursive: true });
  }
}

/** GB/s of copying runs of a length out of rows eight times as long. */
function runs(): void {
  process.stdout.write('\n| run, bytes | by words, GB/s | by blocks |\n| ---: | ---: | ---: |\n');
  for (const runByteLength of [4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 512, 1024]) {
    const count = Math.floor((1 << 20) / runByteLength);
    const source = new Uint8Array(1 << 20);
    const target = new Uint8Array(8 << 20);
    const step = { count, sourceStep: runByteLength, recordStep: 8 * runByteLength };
    const rate = (copy: typeof copyBlocks): string => {
      const taken: number[] = [];
      for (let round = 0; round < 40; round++) {
        const start = performance.now();
        copy(source, 0, target, 0, runByteLength, step);
        taken.push(performance.now() - start);
      }
      return ((1 << 20) / median(taken) / 1e6).toFixed(2);
    };
    process.stdout.write(`| ${runByteLength} | ${rate(copyRunsByWord)} | ${rate(copyBlocks)} |\n`);
  }
}

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'dcp-thresholds-'));
try {
  await threads(directory);
  runs();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
