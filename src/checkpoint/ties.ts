import type { Checkpoint, TensorEntry } from './checkpoint.js';

/** Tensors that are one and the same view of one storage: weights that a model ties. */
export interface Tie {
  /** The first in the order of the checkpoint. */
  kept: TensorEntry;
  others: readonly TensorEntry[];
}

/**
 * Finds ties by storage, of resolved tensors: same storage, place, shape, strides and type. Only torch files say what shares memory. Views
 * that overlap without being equal are no ties. Tensors without elements share nothing.
 */
export function findTies(checkpoint: Checkpoint, tensors: readonly TensorEntry[]): Tie[] {
  const { chunks, storages } = checkpoint;
  const byView = new Map<string, TensorEntry[]>();
  for (const entry of tensors) {
    const { storage, firstChunk, shape, dtype, storedDtype } = entry;
    if (storage === undefined || shape.includes(0)) continue;
    const stride = chunks.strideOf(firstChunk);
    // By place in the file: a storage may be a part of another one (torch before 1.6 writes such).
    const { file, byteOffset } = storages.at(chunks.storage[firstChunk]!);
    const start = byteOffset + chunks.storageOffset[firstChunk]! * storedDtype.itemSize;
    const place = [storage, file, start, chunks.viewFlags[firstChunk]!];
    // The step of a dimension of one element says nothing.
    const steps = stride.map((step, d) => (shape[d] === 1 ? 0 : step));
    const key = [dtype.name, place.join(), shape.join(), steps.join()].join(':');
    const known = byView.get(key);
    if (known === undefined) byView.set(key, [entry]);
    else known.push(entry);
  }
  return [...byView.values()].flatMap(([kept, ...others]) =>
    others.length === 0 ? [] : [{ kept: kept!, others }],
  );
}
