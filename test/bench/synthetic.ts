import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { Box } from '../../src/checkpoint/box.js';
import { contiguousStride, elementCountOf } from '../../src/checkpoint/box.js';
import { type Checkpoint, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { ChunkTable } from '../../src/checkpoint/chunks.js';
import { StorageTable } from '../../src/checkpoint/storage.js';
import { runCopy } from '../../src/copy/copy.js';
import type { Shard } from '../../src/dcp/rank-plan.js';
import { planDcpSave } from '../../src/dcp/writer.js';
import { dtypeOf } from '../../src/dtype.js';
import { OutputDirectory } from '../../src/io/output-directory.js';
import { PyDict } from '../../src/pickle/dict.js';

/** A checkpoint to measure with: `tensorCount` tensors of one shape, their bytes from a file of random words. */
export interface SyntheticSpec {
  tensorCount: number;
  shape: readonly number[];
  dtype: string;
  /** Ranks along each dimension: `[8]` cuts rows, `[1, 8]` columns, `[2, 4]` a grid. */
  grid: readonly number[];
  /** The number in the name of the first tensor; default 0. */
  firstTensor?: number;
  /** Bytes of a block that is repeated, instead of random words. */
  block?: Uint8Array;
}

/** Cuts a shape as `torch.chunk` does along each dimension: ceil(size / ranks), the last one shorter. */
export function gridShards(shape: readonly number[], grid: readonly number[]): Shard[] {
  let boxes: Box[] = [{ offsets: [], sizes: [] }];
  for (const [d, size] of shape.entries()) {
    const ranks = grid[d] ?? 1;
    const step = Math.ceil(size / ranks);
    boxes = boxes.flatMap(box =>
      Array.from({ length: ranks }, (_, rank) => {
        const start = Math.min(size, rank * step);
        return {
          offsets: [...box.offsets, start],
          sizes: [...box.sizes, Math.min(size, start + step) - start],
        };
      }),
    );
  }
  return boxes.map((box, rank) => ({ rank, box }));
}

/** Random words, the same for the same length: 1 MiB of them, rotated from block to block. */
function writeRandomFile(path: string, byteLength: number): void {
  const block = new Uint32Array(1 << 18);
  let state = 0x9e3779b9;
  const fd = openSync(path, 'w');
  try {
    ftruncateSync(fd, byteLength);
    for (let at = 0; at < byteLength; at += block.byteLength) {
      for (let i = 0; i < block.length; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        block[i] = state;
      }
      writeSync(fd, new Uint8Array(block.buffer), 0, Math.min(block.byteLength, byteLength - at), at);
    }
  } finally {
    closeSync(fd);
  }
}

function writeRepeated(path: string, byteLength: number, block: Uint8Array): void {
  const fd = openSync(path, 'w');
  try {
    for (let at = 0; at < byteLength; at += block.length) {
      writeSync(fd, block, 0, Math.min(block.length, byteLength - at), at);
    }
  } finally {
    closeSync(fd);
  }
}

function syntheticCheckpoint(rawPath: string, spec: SyntheticSpec): Checkpoint {
  const dtype = dtypeOf(spec.dtype);
  const byteLength = elementCountOf(spec.shape) * dtype.itemSize;
  const chunks = new ChunkTable(spec.tensorCount, spec.tensorCount * spec.shape.length);
  const storages = new StorageTable();
  const tree = new PyDict();
  const entries = Array.from({ length: spec.tensorCount }, (_, i) => {
    const name = `layers.${i}.weight`;
    const entry = new TensorEntry(`model.${name}`, ['model', name], dtype, spec.shape);
    entry.firstChunk = i;
    entry.chunkCount = 1;
    chunks.setBox(i, i * spec.shape.length, { offsets: spec.shape.map(() => 0), sizes: spec.shape });
    const storage = storages.add({ file: 0, byteOffset: i * byteLength, byteLength, crc32: undefined });
    chunks.setView(i, { storage, storageOffset: 0, stride: contiguousStride(spec.shape), flags: 0 });
    return entry;
  });
  return {
    format: 'torch',
    path: rawPath,
    files: [{ path: rawPath, name: 'random', byteLength: byteLength * spec.tensorCount }],
    snapshots: [],
    entries,
    tree,
    chunks,
    storages,
    provenance: { torchEra: '', globals: [] },
    resolve: async () => {},
    loadObjects: async () => {},
    close: () => {},
  };
}

/** A block of numbers from a normal distribution, as weights are: of `bfloat16` or `float32`. */
export function normalNumbers(dtype: string, byteLength: number): Uint8Array {
  const numbers = Float32Array.from(
    { length: 1 << 18 },
    () => 0.02 * Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()),
  );
  const words = new Uint32Array(numbers.buffer);
  const of = dtype === 'float32' ? words : Uint16Array.from(words, word => word >>> 16);
  const block = new Uint8Array(of.buffer);
  return block.subarray(0, Math.min(block.length, byteLength));
}

/** Makes a DCP directory by the library. `rawPath` is a scratch file that may be removed afterwards. */
export async function makeSyntheticDcp(
  directory: string,
  rawPath: string,
  spec: SyntheticSpec,
): Promise<void> {
  const byteLength = elementCountOf(spec.shape) * dtypeOf(spec.dtype).itemSize * spec.tensorCount;
  if (spec.block === undefined) writeRandomFile(rawPath, byteLength);
  else writeRepeated(rawPath, byteLength, spec.block);
  const shards = gridShards(spec.shape, spec.grid);
  const plan = planDcpSave(syntheticCheckpoint(rawPath, spec), { withCrc: true, shardsOf: () => shards });
  const output = OutputDirectory.create(directory, {
    indexName: '.metadata',
    isIndex: name => name === '.metadata',
  });
  const files = plan.outputs.map(({ name, byteLength: length }) => {
    const file = output.createFile(name);
    file.preallocate(length);
    return file;
  });
  await runCopy(
    plan,
    files.map(file => file.temporaryPath),
  );
  await output.commit();
}
