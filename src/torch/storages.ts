import { StorageReference, type StorageTable } from '../checkpoint/storage.js';
import { FormatError, UnsupportedError } from '../errors.js';
import { PyGlobal, type PyPersistentId, PyTuple, type PyValue, textOf } from '../pickle/values.js';
import type { ArchiveRecord } from '../zip/archive.js';
import { storageRecord, type TorchArchive } from './archive.js';
import { storageDType } from './tensors.js';

/**
 * What a persistent id of a torch archive says:
 * `("storage", <storage class>, <key>, <location>, <element count>)`; an untyped storage counts bytes.
 * Source: `persistent_id` in `torch/serialization.py`.
 */
interface StorageId {
  classModule: string;
  className: string;
  key: string;
  location: string;
  elementCount: number;
}

/** @throws FormatError, UnsupportedError where the id is not one of a storage. */
function decodeStorageId(id: PyValue): StorageId {
  if (!(id instanceof PyTuple) || textOf(id.items[0]) !== 'storage') {
    throw new UnsupportedError('The pickle refers to something outside it that is not a storage', {
      expected: 'a tuple that begins with "storage"',
    });
  }
  const [, storageClass, key, location, elementCount] = id.items;
  const keyText = textOf(key);
  const locationText = textOf(location);
  if (
    !(storageClass instanceof PyGlobal) ||
    keyText === undefined ||
    locationText === undefined ||
    typeof elementCount !== 'number' ||
    elementCount < 0
  ) {
    throw new FormatError('A storage is referred to in a way that torch does not write', {
      expected: '("storage", class, key, location, element count)',
    });
  }
  return {
    classModule: storageClass.module,
    className: storageClass.name,
    key: keyText,
    location: locationText,
    elementCount,
  };
}

/**
 * The storages that the pickle of one archive refers to. Each key is one storage, added to the table when it is
 * first met; `fileByteOffset` is where the archive begins in its file.
 */
export class ArchiveStorages {
  private readonly byKey = new Map<string, StorageReference>();
  /** Storages whose place is still to be read from the archive's local headers. */
  readonly records: { storage: number; record: ArchiveRecord }[] = [];

  constructor(
    private readonly archive: TorchArchive,
    private readonly table: StorageTable,
    private readonly file: number,
    /** What the archive holds, if it is the item of one object. */
    private readonly fqn = '',
  ) {}

  /** For the pickle decoder: the storage that a persistent id means. */
  load(persistentId: PyPersistentId): StorageReference {
    const id = decodeStorageId(persistentId.id);
    const known = this.byKey.get(id.key);
    if (known !== undefined) {
      if (known.elementCount !== id.elementCount || known.className !== id.className) {
        throw new FormatError(`Storage ${id.key} is described in two ways`, {
          expected: `${known.elementCount} elements of ${known.className}`,
          found: `${id.elementCount} elements of ${id.className}`,
        });
      }
      return known;
    }
    const dtype = storageDType(new StorageReference(0, id.className, id.classModule, 0, ''));
    const byteLength = id.elementCount * dtype.itemSize;
    const record = storageRecord(this.archive.archive, id.key, byteLength);
    const storage = this.table.add({
      file: this.file,
      byteOffset: 0,
      byteLength,
      crc32: record.crc32,
      bigEndian: this.archive.bigEndian,
    });
    this.records.push({ storage, record });
    const reference = new StorageReference(
      storage,
      id.className,
      id.classModule,
      id.elementCount,
      id.location,
      this.fqn,
    );
    this.byKey.set(id.key, reference);
    return reference;
  }
}
