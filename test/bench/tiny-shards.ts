import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { encodeMetadata, type WrittenEntry } from '../../src/dcp/metadata-writer.js';
import { openDcp } from '../../src/dcp/reader.js';
import { makeSyntheticDcp } from './synthetic.js';

/** Tensors saved at a time: a plan of eight times as many items takes a few hundred megabytes. */
const GROUP = 10_000;
const RANKS = 8;

/**
 * Makes a DCP directory of `tensorCount` tensors × 8 ranks, each shard [8, 4] of bfloat16: what matters is how many
 * items there are. It is saved by the library in groups, whose data files become `__<rank>_<group>.distcp`, as those of
 * a save with several threads.
 */
export async function makeTinyShards(directory: string, tensorCount: number): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const written: WrittenEntry[] = [];
  for (let group = 0; group * GROUP < tensorCount; group++) {
    const part = join(directory, 'part');
    const count = Math.min(GROUP, tensorCount - group * GROUP);
    await makeSyntheticDcp(part, join(directory, 'random'), {
      tensorCount: count,
      firstTensor: group * GROUP,
      shape: [8 * RANKS, 4],
      dtype: 'bfloat16',
      grid: [RANKS],
    });
    const fileName = (name: string): string => name.replace('_0.', `_${group}.`);
    written.push(...(await writtenEntries(part, fileName)));
    for (const name of readdirSync(part)) {
      if (name.endsWith('.distcp')) renameSync(join(part, name), join(directory, fileName(name)));
    }
    rmSync(part, { recursive: true });
  }
  rmSync(join(directory, 'random'));
  writeFileSync(join(directory, '.metadata'), encodeMetadata(written, 'synthetic'));
}

async function writtenEntries(path: string, fileName: (name: string) => string): Promise<WrittenEntry[]> {
  const { entries, chunks, files } = await openDcp(path);
  return entries.map(entry => {
    const { fqn, path: steps, dtype, shape, requiresGrad, firstChunk, chunkCount } = entry as TensorEntry;
    const boxes = Array.from({ length: chunkCount }, (_, i) => ({
      ...chunks.boxOf(firstChunk + i),
      place: {
        relativePath: fileName(files[chunks.itemFile[firstChunk + i]!]!.name),
        byteOffset: chunks.itemByteOffset[firstChunk + i]!,
        byteLength: chunks.itemByteLength[firstChunk + i]!,
      },
    }));
    return { kind: 'tensor', fqn, path: steps, dtype, shape, requiresGrad, chunks: boxes };
  });
}
