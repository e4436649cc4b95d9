import type { StorageTable } from '../checkpoint/storage.js';
import { FormatError, UnsupportedError } from '../errors.js';
import type { ByteSource } from '../io/source.js';
import type { PyValue } from '../pickle/values.js';
import { readTorchArchive } from '../torch/archive.js';
import { ArchiveStorages } from '../torch/storages.js';
import { type StridedTensor, tensorFormOf } from '../torch/tensors.js';
import { unpickleArchive } from '../torch/unpickle.js';
import type { Archive, ArchiveRecord } from '../zip/archive.js';
import { locateRecord } from '../zip/reader.js';
import type { ParsedItem } from './item-template.js';
import { type Item, TAIL_BYTE_LENGTH } from './item-window.js';

/**
 * A tensor item's view of its storage, which is added to the table, and what else was found out where it has only one.
 */
export async function parseTensorItem(
  source: ByteSource,
  item: Item,
  file: number,
  storages: StorageTable,
): Promise<{ tensor: StridedTensor; parsed: ParsedItem | undefined }> {
  const { value, archive, bigEndian, located } = await readItemPickle(source, item, file, storages);
  const form = tensorFormOf(value);
  if (form.kind === 'strided') {
    const { tensor } = form;
    const only = located.length === 1 ? located[0]! : undefined;
    return { tensor, parsed: only && { ...only, archive, tensor, bigEndian } };
  }
  if (form.kind === 'other') {
    throw new UnsupportedError(`The item holds a ${form.what}, which has no place in a chunk`);
  }
  throw new FormatError('The item of a tensor holds something else');
}

export interface ItemPickle {
  value: PyValue;
  /** Those that it names. */
  globals: Set<string>;
  archive: Archive;
  bigEndian: boolean;
  /** The records of its storages, and where in the item their data begin. */
  located: { record: ArchiveRecord; dataByteOffset: number }[];
}

/** The Python value of an item. Its storages are added to the table. */
export async function readItemPickle(
  source: ByteSource,
  item: Item,
  file: number,
  storages: StorageTable,
  fqn = '',
): Promise<ItemPickle> {
  const archive = await readTorchArchive(source, TAIL_BYTE_LENGTH);
  const archiveStorages = new ArchiveStorages(archive, storages, file, fqn);
  const { value, globals } = unpickleArchive(archive, archiveStorages);
  const located: ItemPickle['located'] = [];
  for (const { storage, record } of archiveStorages.records) {
    if (record.method !== 'stored') {
      throw new UnsupportedError('A compressed record inside a .distcp item', {
        entry: record.entryName,
        hint: 'torch never writes these; convert the checkpoint again with torch.',
      });
    }
    const dataByteOffset = await locateRecord(source, record);
    storages.place(storage, file, item.byteOffset + dataByteOffset);
    located.push({ record, dataByteOffset });
  }
  return { value, globals, archive: archive.archive, bigEndian: archive.bigEndian, located };
}
