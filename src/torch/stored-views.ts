import { strideOfCopy } from '../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../checkpoint/checkpoint.js';
import type { DTypeInfo } from '../dtype.js';
import type { TensorView } from './pickler.js';

/**
 * How tensors of a torch file are written into another one. A storage that several tensors view, or one tensor fills,
 * is written as it is, once: ties stay ties. A part of a storage that nothing else views becomes a storage of its
 * own, in the same memory order.
 */
export class StoredViews {
  private readonly usersOf = new Map<number, { dtype: DTypeInfo; count: number; isMixed: boolean }>();

  constructor(private readonly checkpoint: Checkpoint) {
    const seen = new Set<object>();
    for (const entry of checkpoint.entries) {
      if (entry.kind !== 'tensor' || entry.storage === undefined || seen.has(entry.identity)) continue;
      seen.add(entry.identity);
      const users = this.usersOf.get(entry.storage);
      if (users === undefined)
        this.usersOf.set(entry.storage, { dtype: entry.dtype, count: 1, isMixed: false });
      else {
        users.count++;
        users.isMixed ||= users.dtype !== entry.dtype;
      }
    }
  }

  /** Undefined for a tensor of no torch file: it is to be contiguous. */
  of(entry: TensorEntry): TensorView | undefined {
    if (entry.storage === undefined) return undefined;
    const { chunks, storages } = this.checkpoint;
    const stride = chunks.strideOf(entry.firstChunk);
    if (!this.isKept(entry)) return { storageOffset: 0, stride: strideOfCopy(entry.shape, stride), flags: 0 };
    const { byteLength } = storages.at(entry.storage);
    return {
      storageOffset: this.partOffset(entry)! + chunks.storageOffset[entry.firstChunk]!,
      stride,
      flags: chunks.viewFlags[entry.firstChunk]!,
      storage: { row: entry.storage, elementCount: byteLength / entry.dtype.itemSize },
    };
  }

  /** Whether its storage is written as it is. A storage that is read as several types cannot be: pickles name one. */
  isKept({ storage, dtype, shape, firstChunk }: TensorEntry): boolean {
    if (storage === undefined) return false;
    const users = this.usersOf.get(storage);
    const { byteLength } = this.checkpoint.storages.at(storage);
    if (users === undefined || users.isMixed || byteLength % dtype.itemSize !== 0) return false;
    if (this.partOffset({ storage, dtype, firstChunk }) === undefined) return false;
    return users.count > 1 || shape.reduce((count, size) => count * size, dtype.itemSize) === byteLength;
  }

  /**
   * Elements from the start of its storage to that of the storage that its chunk views, which may be a part of it:
   * torch before 1.6 writes such. Undefined where that is no whole number.
   */
  private partOffset({
    storage,
    dtype,
    firstChunk,
  }: Pick<TensorEntry, 'storage' | 'dtype' | 'firstChunk'>): number | undefined {
    const { chunks, storages } = this.checkpoint;
    const whole = storages.at(storage!);
    const part = storages.at(chunks.storage[firstChunk]!);
    const offset = (part.byteOffset - whole.byteOffset) / dtype.itemSize;
    return part.file === whole.file && Number.isInteger(offset) ? offset : undefined;
  }
}
