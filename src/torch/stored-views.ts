import { strideOfCopy } from '../checkpoint/box.js';
import { type Checkpoint, castOf, type TensorEntry } from '../checkpoint/checkpoint.js';
import { StorageReference } from '../checkpoint/storage.js';
import { walkValue } from '../pickle/walk.js';
import type { TensorView } from './pickler.js';

/**
 * How tensors of a torch file are written into another one. A storage that several tensors view, or one tensor fills,
 * is written as it is, once: ties stay ties. A part of a storage that nothing else views becomes a storage of its
 * own, in the same memory order.
 */
export class StoredViews {
  private readonly usersOf = new Map<number, { first: TensorEntry; count: number; isMixed: boolean }>();

  constructor(private readonly checkpoint: Checkpoint) {
    const seen = new Set<object>();
    let hasCasts = false;
    for (const entry of checkpoint.entries) {
      if (entry.kind !== 'tensor' || entry.storage === undefined || seen.has(entry.identity)) continue;
      seen.add(entry.identity);
      hasCasts ||= castOf(entry) !== undefined;
      const users = this.usersOf.get(entry.storage);
      if (users === undefined) this.usersOf.set(entry.storage, { first: entry, count: 1, isMixed: false });
      else {
        users.count++;
        users.isMixed ||= users.first.dtype !== entry.dtype || users.first.storedDtype !== entry.storedDtype;
      }
    }
    if (hasCasts) this.noteObjects();
  }

  /** What objects refer to stays as it is, so a storage that is cast for tensors is not theirs too. */
  private noteObjects(): void {
    for (const entry of this.checkpoint.entries) {
      if (entry.kind !== 'object' || entry.value === undefined) continue;
      for (const { value } of walkValue(entry.value, () => true)) {
        if (!(value instanceof StorageReference)) continue;
        const users = this.usersOf.get(value.memory);
        if (users !== undefined) users.isMixed ||= castOf(users.first) !== undefined;
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
      storage: { row: entry.storage, elementCount: byteLength / entry.storedDtype.itemSize },
    };
  }

  /** Whether its storage is written as it is. A storage that is read as several types cannot be: pickles name one. */
  isKept({ storage, storedDtype, shape, firstChunk }: TensorEntry): boolean {
    if (storage === undefined) return false;
    const users = this.usersOf.get(storage);
    const { byteLength } = this.checkpoint.storages.at(storage);
    if (users === undefined || users.isMixed || byteLength % storedDtype.itemSize !== 0) return false;
    if (this.partOffset({ storage, storedDtype, firstChunk }) === undefined) return false;
    return (
      users.count > 1 || shape.reduce((count, size) => count * size, storedDtype.itemSize) === byteLength
    );
  }

  /**
   * Elements from the start of its storage to that of the storage that its chunk views, which may be a part of it:
   * torch before 1.6 writes such. Undefined where that is no whole number.
   */
  private partOffset({
    storage,
    storedDtype,
    firstChunk,
  }: Pick<TensorEntry, 'storage' | 'storedDtype' | 'firstChunk'>): number | undefined {
    const { chunks, storages } = this.checkpoint;
    const whole = storages.at(storage!);
    const part = storages.at(chunks.storage[firstChunk]!);
    const offset = (part.byteOffset - whole.byteOffset) / storedDtype.itemSize;
    return part.file === whole.file && Number.isInteger(offset) ? offset : undefined;
  }
}
