import { wholeBox } from './box.js';
import type { TensorEntry } from './checkpoint.js';
import { ChunkTable, type ChunkView } from './chunks.js';
import type { StorageTable } from './storage.js';

/** A tensor that is one view of one storage. */
export interface ViewedTensor {
  entry: TensorEntry;
  view: ChunkView;
}

/** The chunks of tensors that have one each, which is all of the tensor. Tells every entry its row. */
export function viewChunks(tensors: readonly ViewedTensor[], storages: StorageTable): ChunkTable {
  const dimensionTotal = tensors.reduce((sum, { entry }) => sum + entry.shape.length, 0);
  const chunks = new ChunkTable(tensors.length, dimensionTotal);
  let dimensionBase = 0;
  for (const [chunk, { entry, view }] of tensors.entries()) {
    chunks.setBox(chunk, dimensionBase, wholeBox(entry.shape));
    chunks.setView(chunk, view);
    chunks.itemByteLength[chunk] = storages.at(view.storage).byteLength;
    entry.firstChunk = chunk;
    entry.chunkCount = 1;
    dimensionBase += entry.shape.length;
  }
  return chunks;
}
