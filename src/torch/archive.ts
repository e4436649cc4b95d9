import { FormatError, UnsupportedError } from '../errors.js';
import type { ByteSource } from '../io/source.js';
import type { Archive, ArchiveRecord } from '../zip/archive.js';
import { readArchive, readRecord } from '../zip/reader.js';

/** Largest `data.pkl` that is read into memory: far above that of any real checkpoint. */
const MAX_PICKLE_BYTE_LENGTH = 2 ** 31 - 1;
const MAX_SMALL_RECORD_BYTE_LENGTH = 4096;

/** The parts of a torch.save zip archive that say how to read the rest. */
export interface TorchArchive {
  source: ByteSource;
  archive: Archive;
  pickle: Uint8Array;
  bigEndian: boolean;
  /** Archive has `.format_version`: torch 2.7 or newer wrote it. */
  formatVersion: string | undefined;
  hasByteOrder: boolean;
  hasSerializationId: boolean;
}

/**
 * Opens a torch.save archive (torch 1.6 and newer) that fills `source`.
 * @throws FormatError, UnsupportedError naming what torch's own loader would refuse too.
 */
export async function readTorchArchive(source: ByteSource, tailByteLength?: number): Promise<TorchArchive> {
  const archive = await readArchive(source, tailByteLength);
  const text = async (name: string): Promise<string | undefined> => {
    const record = archive.find(name);
    if (record === undefined) return undefined;
    const bytes = await readRecord(source, record, { maxByteLength: MAX_SMALL_RECORD_BYTE_LENGTH });
    return Buffer.from(bytes).toString('latin1');
  };
  if (archive.find('constants.pkl') !== undefined) {
    throw new UnsupportedError('This is a TorchScript archive, a program with its weights', {
      expected: 'a checkpoint written by torch.save',
      hint: 'Save its state_dict() with torch.save and use that.',
    });
  }
  const data = archive.find('data.pkl');
  if (data === undefined) {
    throw new FormatError('The archive has no record data.pkl, so torch.save did not write it', {
      hint: 'A .pth file of torch 1.6 or newer is expected.',
    });
  }
  checkVersion((await text('version')) ?? (await text('.data/version')));
  const byteOrder = await text('byteorder');
  if (byteOrder !== undefined && byteOrder !== 'little' && byteOrder !== 'big') {
    throw new FormatError('Unknown byte order', {
      expected: 'little or big',
      found: JSON.stringify(byteOrder),
    });
  }
  return {
    source,
    archive,
    pickle: await readRecord(source, data, { maxByteLength: MAX_PICKLE_BYTE_LENGTH }),
    bigEndian: byteOrder === 'big',
    formatVersion: await text('.format_version'),
    hasByteOrder: byteOrder !== undefined,
    hasSerializationId: archive.find('.data/serialization_id') !== undefined,
  };
}

/** The container's version: digits after optional blanks, 1 to 10; what follows is ignored, as torch does. */
function checkVersion(text: string | undefined): void {
  if (text === undefined) throw new FormatError('The archive has no record version or .data/version');
  const version = Number(/^\s*(\d+)/.exec(text)?.[1] ?? Number.NaN);
  if (!(version >= 1 && version <= 10)) {
    throw new FormatError('Unknown version of the torch.save container', {
      expected: '1 to 10',
      found: JSON.stringify(text),
    });
  }
}

/** The record of a storage. @throws FormatError when the archive lacks it or it has another length. */
export function storageRecord(archive: Archive, key: string, byteLength: number): ArchiveRecord {
  const record = archive.find(`data/${key}`);
  if (record === undefined) {
    throw new FormatError('A tensor refers to a storage that the archive lacks', {
      expected: `record data/${key}`,
    });
  }
  if (record.byteLength !== byteLength) {
    throw new FormatError('A storage has another length than its tensors say', {
      expected: `${byteLength} bytes`,
      found: `${record.byteLength} bytes`,
      entry: record.name,
    });
  }
  return record;
}
