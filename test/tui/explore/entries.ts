/** Checkpoints for the explorer that exist in memory only. */
import { elementCountOf } from '../../../src/checkpoint/box.js';
import { type Entry, type EntryPath, ObjectEntry, TensorEntry } from '../../../src/checkpoint/checkpoint.js';
import { dtypeOf } from '../../../src/dtype.js';
import type { ExploredCheckpoint } from '../../../src/ops/explore/explorer.js';
import type { PlacedChunk, TensorLayout } from '../../../src/ops/explore/tensor-layout.js';

export function tensorEntry(
  path: string | EntryPath,
  shape: readonly number[],
  dtype = 'float32',
): TensorEntry {
  const keys = typeof path === 'string' ? [path] : path;
  return new TensorEntry(keys.join('.'), keys, dtypeOf(dtype), shape);
}

export function objectEntry(path: string | EntryPath, byteLength = 0): ObjectEntry {
  const keys = typeof path === 'string' ? [path] : path;
  const entry = new ObjectEntry(keys.join('.'), keys);
  entry.byteLength = byteLength;
  return entry;
}

type Box = readonly [offsets: readonly number[], sizes: readonly number[]];

/** Boxes of ranks 0, 1, …, one behind the other in a file of each. */
export function layoutOf(
  shape: readonly number[],
  boxes: readonly Box[],
  overrides: Partial<Record<number, Partial<PlacedChunk>>> = {},
): TensorLayout {
  return {
    shape,
    chunkCount: boxes.length,
    chunkAt: rank => ({
      offsets: boxes[rank]![0],
      sizes: boxes[rank]![1],
      rank,
      relativePath: `__${rank}_0.distcp`,
      byteOffset: 100 * rank,
      byteLength: 4 * elementCountOf(boxes[rank]![1]),
      state: 'there',
      ...overrides[rank],
    }),
  };
}

/** Rows of dimension 0 dealt to ranks. */
export function rowShards(shape: readonly [number, ...number[]], ranks: number): Box[] {
  const [rows, ...rest] = shape;
  const each = Math.ceil(rows / ranks);
  return Array.from({ length: ranks }, (_, rank) => {
    const start = Math.min(rows, rank * each);
    return [
      [start, ...rest.map(() => 0)],
      [Math.min(each, rows - start), ...rest],
    ];
  });
}

export function checkpointOf(
  entries: readonly Entry[],
  overrides: Partial<ExploredCheckpoint> = {},
): ExploredCheckpoint {
  return {
    path: 'run/step-7',
    format: 'dcp',
    torchEra: '2.9 or newer',
    completeness: 'complete',
    missingRanks: [],
    files: [0, 1].map(rank => ({ relativePath: `__${rank}_0.distcp`, byteLength: 4096, rank })),
    entries,
    holderOf: new Map(),
    chunkCount: 2 * entries.length,
    needsPlaces: false,
    layoutOf: entry => {
      const { shape } = entry;
      return shape.length === 0
        ? layoutOf([], [[[], []]])
        : layoutOf(shape, rowShards(shape as [number, ...number[]], 2));
    },
    byteLengthByFile: () => Float64Array.of(300, 200),
    ...overrides,
  };
}

/** Two layers, an optimizer of objects, and a scalar. */
export const MODEL_ENTRIES: readonly Entry[] = [
  tensorEntry('model.layers.0.attn.wq.weight', [8, 4]),
  tensorEntry('model.layers.0.norm.weight', [4], 'bfloat16'),
  tensorEntry('model.layers.1.attn.wq.weight', [8, 4]),
  tensorEntry('model.layers.1.norm.weight', [4], 'bfloat16'),
  tensorEntry('model.layers.10.attn.wq.weight', [16, 4]),
  objectEntry(['optim', 'param_groups', 0, 'lr'], 99),
  tensorEntry(['optim', 'step'], [], 'int64'),
];
