import { type Box, elementCountOf } from '../../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { InspectedFile } from '../completeness.js';

/** A stored box of a tensor: what it holds, which rank saved it, and where it lies. */
export interface PlacedChunk extends Box {
  /** Undefined where no rank is told by the file's name. */
  rank: number | undefined;
  relativePath: string;
  /**
   * Of the stored item in its file; in a torch.save file of the elements, and undefined until it is known where the
   * file keeps its storages (and where it keeps them compressed).
   */
  byteOffset: number | undefined;
  byteLength: number;
  /** `missing`: its file is not there. `short`: its file ends before it does. `unknown`: only an index is at hand. */
  state: 'there' | 'missing' | 'short' | 'unknown';
}

/** How a tensor is cut, and where its parts are. Chunks are looked up one by one: there may be a million. */
export interface TensorLayout {
  shape: readonly number[];
  chunkCount: number;
  chunkAt(index: number): PlacedChunk;
}

export interface LayoutOptions {
  /** The data files, in the order of the checkpoint's. */
  files: readonly InspectedFile[];
  /** False for an index on its own. */
  isDataAtHand: boolean;
  /** Of a torch.save file: whether `checkpoint.resolve` has run. */
  isPlaced(): boolean;
}

export function tensorLayout(
  checkpoint: Checkpoint,
  entry: TensorEntry,
  { files, isDataAtHand, isPlaced }: LayoutOptions,
): TensorLayout {
  const { chunks, format } = checkpoint;
  const { shape, firstChunk, chunkCount } = entry;
  const isTorch = format === 'torch' || format === 'torchscript';
  return {
    shape,
    chunkCount,
    chunkAt(index) {
      const chunk = firstChunk + index;
      const file = files[chunks.itemFile[chunk]!];
      const { offsets, sizes } = chunks.boxOf(chunk);
      const place = isTorch
        ? placeInTorchFile(checkpoint, entry, isPlaced())
        : { byteOffset: chunks.itemByteOffset[chunk]!, byteLength: chunks.itemByteLength[chunk]! };
      return {
        offsets,
        sizes,
        rank: file?.rank ?? undefined,
        relativePath: file?.relativePath ?? '',
        ...place,
        state: isDataAtHand ? stateOf(file, (place.byteOffset ?? 0) + place.byteLength) : 'unknown',
      };
    },
  };
}

/** There a tensor is a view of a storage. */
function placeInTorchFile(
  { chunks, storages }: Checkpoint,
  { firstChunk, shape, dtype }: TensorEntry,
  isPlaced: boolean,
): Pick<PlacedChunk, 'byteOffset' | 'byteLength'> {
  const byteLength = elementCountOf(shape) * dtype.itemSize;
  const { file, byteOffset } = storages.at(chunks.storage[firstChunk]!);
  // Compressed storages are inflated into a file of their own, which is none of the user's.
  if (!isPlaced || file !== 0) return { byteOffset: undefined, byteLength };
  return { byteOffset: byteOffset + chunks.storageOffset[firstChunk]! * dtype.itemSize, byteLength };
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
