import { type Box, elementCountOf } from '../../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { InspectedFile } from '../completeness.js';

/** A stored box of a tensor: what it holds, which rank saved it, and where it lies. */
export interface PlacedChunk extends Box {
  /** Undefined where no rank is told by the file's name. */
  rank: number | undefined;
  relativePath: string;
  /** Of the stored item in its file. */
  byteOffset: number;
  byteLength: number;
  /** `missing`: its file is not at hand. `short`: its file ends before it does. */
  state: 'there' | 'missing' | 'short';
}

/** How a tensor is cut, and where its parts are. Chunks are looked up one by one: there may be a million. */
export interface TensorLayout {
  shape: readonly number[];
  chunkCount: number;
  chunkAt(index: number): PlacedChunk;
}

/** @param files the data files, in the order of the checkpoint's */
export function tensorLayout(
  { chunks }: Checkpoint,
  files: readonly InspectedFile[],
  { shape, firstChunk, chunkCount }: TensorEntry,
): TensorLayout {
  return {
    shape,
    chunkCount,
    chunkAt(index) {
      const chunk = firstChunk + index;
      const file = files[chunks.itemFile[chunk]!];
      const byteOffset = chunks.itemByteOffset[chunk]!;
      const byteLength = chunks.itemByteLength[chunk]!;
      const { offsets, sizes } = chunks.boxOf(chunk);
      return {
        offsets,
        sizes,
        rank: file?.rank ?? undefined,
        relativePath: file?.relativePath ?? '',
        byteOffset,
        byteLength,
        state: stateOf(file, byteOffset + byteLength),
      };
    },
  };
}

function stateOf(file: InspectedFile | undefined, end: number): PlacedChunk['state'] {
  if (file === undefined || file.byteLength === null) return 'missing';
  return end > file.byteLength ? 'short' : 'there';
}

/** The first chunk that holds an element; undefined where none does. */
export function chunkHolding(layout: TensorLayout, position: readonly number[]): number | undefined {
  for (let index = 0; index < layout.chunkCount; index++) {
    const { offsets, sizes } = layout.chunkAt(index);
    if (
      elementCountOf(sizes) > 0 &&
      position.every((at, d) => at >= offsets[d]! && at < offsets[d]! + sizes[d]!)
    ) {
      return index;
    }
  }
  return undefined;
}
