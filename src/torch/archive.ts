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
  /** It is a program with its weights (`torch.jit.save`): this is the pickle of its constants. */
  constants: Uint8Array | undefined;
}

/**
 * Opens an archive of `torch.save` (torch 1.6 and newer) that fills `source`; one of `torch.jit.save` only with
 * `acceptTorchScript`.
 * @throws FormatError, UnsupportedError naming what torch's own loader would refuse too.
 */
export async function readTorchArchive(
  source: ByteSource,
  tailByteLength?: number,
  acceptTorchScript = false,
): Promise<TorchArchive> {
  const archive = await readArchive(source, tailByteLength);
  const text = async (name: string): Promise<string | undefined> => {
    const record = archive.find(name);
    if (record === undefined) return undefined;
    const bytes = await readRecord(source, record, { maxByteLength: MAX_SMALL_RECORD_BYTE_LENGTH });
    return Buffer.from(bytes).toString('latin1');
  };
  const pickle = (record: ArchiveRecord): Promise<Uint8Array> =>
    readRecord(source, record, { maxByteLength: MAX_PICKLE_BYTE_LENGTH });
  const data = archive.find('data.pkl');
  if (data === undefined && archive.find('model.json') !== undefined) {
    throw new UnsupportedError('This is a TorchScript archive in the layout from before torch 1.4', {
      hint: TORCH_SCRIPT_HINT,
    });
  }
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
  const constants = archive.find('constants.pkl');
  if (!acceptTorchScript) requireNoTorchScript(constants !== undefined);
  return {
    source,
    archive,
    pickle: await pickle(data),
    constants: constants === undefined ? undefined : await pickle(constants),
    bigEndian: byteOrder === 'big',
    formatVersion: await text('.format_version'),
    hasByteOrder: byteOrder !== undefined,
    hasSerializationId: archive.find('.data/serialization_id') !== undefined,
  };
}

/** @throws UnsupportedError for what is made to be run: its weights can be listed, the program has no other form. */
export function requireNoTorchScript(isTorchScript: boolean): void {
  if (!isTorchScript) return;
  throw new UnsupportedError('This is a TorchScript archive, a program with its weights', {
    expected: 'a checkpoint written by torch.save',
    hint: TORCH_SCRIPT_HINT,
  });
}

const TORCH_SCRIPT_HINT =
  'Save its weights in Python, and use that: torch.save(torch.jit.load(PATH).state_dict(), "weights.pth").';

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
export function storageRecord(archive: Archive, name: string, byteLength: number): ArchiveRecord {
  const record = archive.find(name);
  if (record === undefined) {
    throw new FormatError('A tensor refers to a storage that the archive lacks', {
      expected: `record ${name}`,
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
