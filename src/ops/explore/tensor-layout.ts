import { type Box, elementCountOf } from '../../checkpoint/box.js';
import type { Checkpoint, ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { TensorSource } from '../../checkpoint/gather.js';
import { DcpCheckpoint } from '../../dcp/reader.js';
import type { InspectedFile } from '../completeness.js';

/** A stored box of a tensor: what it holds, which rank saved it, and where it lies. */
export interface PlacedChunk extends Box {
  /** Undefined where no rank is told by the file's name. */
  rank: number | undefined;
  relativePath: string;
  /**
   * Of the stored item in its file; in a torch.save file, and in an object, of the elements, and undefined until it is
   * known where the file keeps its storages (and where it keeps them compressed).
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
  /** Of a tensor inside an object. */
  inner?: { holder: ObjectEntry; source: TensorSource };
}

export function tensorLayout(
  checkpoint: Checkpoint,
  entry: TensorEntry,
  { files, isDataAtHand, isPlaced, inner }: LayoutOptions,
): TensorLayout {
  const { chunks } = inner?.source ?? checkpoint;
  const { shape, firstChunk, chunkCount } = entry;
  const isTorch = checkpoint.format === 'torch' || checkpoint.format === 'torchscript';
  return {
    shape,
    chunkCount,
    chunkAt(index) {
      const chunk = firstChunk + index;
      const { offsets, sizes } = chunks.boxOf(chunk);
      const place =
        inner !== undefined || isTorch
          ? placeOfView(checkpoint, entry, isTorch && !isPlaced(), inner)
          : itemPlace(checkpoint, chunk);
      const file = files[place.file];
      const { byteOffset, byteLength } = place;
      return {
        offsets,
        sizes,
        rank: file?.rank ?? undefined,
        relativePath: file?.relativePath ?? '',
        byteOffset,
        byteLength,
        state: isDataAtHand ? stateOf(file, (byteOffset ?? 0) + byteLength) : 'unknown',
      };
    },
  };
}

interface Place {
  /** Position among the checkpoint's files. */
  file: number;
  byteOffset: number | undefined;
  byteLength: number;
}

function itemPlace(checkpoint: Checkpoint, chunk: number): Place {
  if (checkpoint instanceof DcpCheckpoint) return checkpoint.storedPlaceOf(chunk)!;
  const { itemFile, itemByteOffset, itemByteLength } = checkpoint.chunks;
  return { file: itemFile[chunk]!, byteOffset: itemByteOffset[chunk]!, byteLength: itemByteLength[chunk]! };
}

/** In a torch.save file, and in an object, a tensor is a view of a storage. */
function placeOfView(
  checkpoint: Checkpoint,
  { firstChunk, shape, dtype }: TensorEntry,
  isUnknown: boolean,
  inner: LayoutOptions['inner'],
): Place {
  const { chunks, storages } = inner?.source ?? checkpoint;
  // From the first element to the last one: those of an expanded tensor lie in one place, those of a column apart.
  const stride = chunks.strideOf(firstChunk);
  const reach = shape.reduce((sum, size, d) => sum + (size - 1) * stride[d]!, 1);
  const byteLength = elementCountOf(shape) === 0 ? 0 : reach * dtype.itemSize;
  const { file, byteOffset } = storages.at(chunks.storage[firstChunk]!);
  // What is compressed was inflated into a file that is none of the user's: so is all of a file in gzip.
  const stored =
    checkpoint instanceof DcpCheckpoint && inner !== undefined
      ? (checkpoint.storedPlaceOf(inner.holder)?.file ?? file)
      : 0;
  const isInflated =
    checkpoint instanceof DcpCheckpoint ? file !== stored : checkpoint.files[file]!.path !== checkpoint.path;
  if (isUnknown || isInflated) return { file: stored, byteOffset: undefined, byteLength };
  return { file, byteOffset: byteOffset + chunks.storageOffset[firstChunk]! * dtype.itemSize, byteLength };
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
