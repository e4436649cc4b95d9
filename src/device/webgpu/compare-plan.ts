import { type DTypeInfo, dtypeOf } from '../../dtype.js';
import {
  compareElements,
  joinComparisons,
  NO_DIFFERENCE,
  type PartialComparison,
  type Tolerance,
} from '../compare-numbers.js';
import type { RecordTensor } from '../records.js';
import type { TileLayout } from '../tile-layout.js';
import { COMPARE_BLOCK_BYTE_LENGTH, COMPARE_RESULT_WORDS, COMPARE_WGSL } from './kernels/compare.js';
import type { Lane, TileWork } from './lane.js';

/** Part of a segment, as one workgroup compares it. */
export interface ComparedBlock {
  record: number;
  dtype: DTypeInfo;
  tileByteOffset: number;
  byteLength: number;
  /** Of the tensor. */
  firstElement: number;
}

/** The blocks of a tile, and the work that compares them. Both sides of a comparison have the same layout of segments. */
export function planTileComparison(
  layout: TileLayout,
  tensors: readonly RecordTensor[],
): { work: TileWork; blocks: ComparedBlock[] } {
  const blocks: ComparedBlock[] = [];
  const jobs: number[] = [];
  for (const segment of layout.segments) {
    const dtype = dtypeOf(tensors[segment.record]!.dtype);
    for (let at = 0; at < segment.byteLength; at += COMPARE_BLOCK_BYTE_LENGTH) {
      const byteLength = Math.min(COMPARE_BLOCK_BYTE_LENGTH, segment.byteLength - at);
      const tileByteOffset = segment.tileByteOffset + at;
      jobs.push(
        tileByteOffset / 4,
        Math.ceil(byteLength / 4),
        Math.log2(dtype.itemSize),
        blocks.length * COMPARE_RESULT_WORDS,
      );
      const firstElement = (segment.startByte + at) / dtype.itemSize;
      blocks.push({ record: segment.record, dtype, tileByteOffset, byteLength, firstElement });
    }
  }
  const work: TileWork = {
    dispatches: [{ wgsl: COMPARE_WGSL, jobs: Uint32Array.from(jobs), groupCount: jobs.length / 4 }],
    copies: [],
    resultByteLength: blocks.length * COMPARE_RESULT_WORDS * 4,
  };
  return { work, blocks };
}

/** Bytes of each side that are brought back at a time. */
const READ_BYTE_LENGTH = 8 << 20;

/**
 * What the differences come to, by record. The GPU says how many elements of which blocks differ; by how much is
 * computed here, from those blocks only, because GPUs have no float64.
 */
export async function compareBlocks(
  lane: Lane,
  blocks: readonly ComparedBlock[],
  results: Uint32Array,
  tolerance: Tolerance,
): Promise<Map<number, PartialComparison>> {
  const found = new Map<number, PartialComparison>();
  const differing = blocks.filter((_, i) => results[i * COMPARE_RESULT_WORDS] !== 0);
  const perRead = Math.floor(READ_BYTE_LENGTH / COMPARE_BLOCK_BYTE_LENGTH);
  for (let first = 0; first < differing.length; first += perRead) {
    const taken = differing.slice(first, first + perRead);
    const bytes = await lane.readTiles([
      ...taken.map(block => ({ side: 0, ...block })),
      ...taken.map(block => ({ side: 1, ...block })),
    ]);
    for (const [i, { dtype, record, firstElement }] of taken.entries()) {
      const comparison = compareElements(dtype, bytes[i]!, bytes[taken.length + i]!, firstElement, tolerance);
      found.set(record, joinComparisons(found.get(record) ?? NO_DIFFERENCE, comparison));
    }
  }
  return found;
}
