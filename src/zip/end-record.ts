import { FormatError, UnsupportedError } from '../errors.js';
import {
  DIRECTORY_ENTRY,
  END_RECORD,
  getUint64,
  MAX_UINT16,
  MAX_UINT32,
  viewOf,
  ZIP64_END_RECORD,
  ZIP64_LOCATOR,
} from './records.js';

/** Where the central directory lies, counted from the start of the archive. */
export interface EndRecord {
  readonly entryCount: number;
  readonly directoryByteOffset: number;
  readonly directoryByteLength: number;
}

/** An end record with its longest comment: one that starts further from the end is not looked for. */
const MAX_SEARCH_BYTE_LENGTH = END_RECORD.BYTE_LENGTH + MAX_UINT16;

/** A tail of this length (or the whole archive) is always enough for {@link decodeEndRecord}. */
export const MAX_TAIL_BYTE_LENGTH =
  MAX_SEARCH_BYTE_LENGTH + ZIP64_LOCATOR.BYTE_LENGTH + ZIP64_END_RECORD.BYTE_LENGTH;

/**
 * Finds and decodes the end records in the last bytes of an archive of `archiveByteLength` bytes. As in
 * PyTorch's reader (miniz), the last signature counts, and bytes after the record are allowed.
 *
 * @returns undefined where `tail` is too short to tell: give it more, {@link MAX_TAIL_BYTE_LENGTH} at most.
 * @throws FormatError where the archive is cut short, has bytes in front, or contradicts itself.
 * @throws UnsupportedError for archives that span several disks.
 */
export function decodeEndRecord(tail: Uint8Array, archiveByteLength: number): EndRecord | undefined {
  const tailByteOffset = archiveByteLength - tail.length;
  const at = findEndRecord(tail);
  if (at < 0) {
    if (tailByteOffset > 0 && tail.length < MAX_SEARCH_BYTE_LENGTH) return undefined;
    throw new FormatError('The archive has no end record: the file is cut short or is not a zip', {
      expected: `the signature PK\\5\\6 in the last ${MAX_SEARCH_BYTE_LENGTH} bytes`,
      found: `none in an archive of ${archiveByteLength} bytes`,
    });
  }
  if (at < ZIP64_LOCATOR.BYTE_LENGTH + ZIP64_END_RECORD.BYTE_LENGTH && tailByteOffset > 0) return undefined;

  const view = viewOf(tail);
  const commentEnd = at + END_RECORD.BYTE_LENGTH + view.getUint16(at + END_RECORD.commentByteLength, true);
  if (commentEnd > tail.length) {
    throw new FormatError('The archive comment is cut short', {
      expected: `${tailByteOffset + commentEnd} bytes at least`,
      found: `${archiveByteLength} bytes`,
    });
  }
  const plain: Fields = {
    disk: view.getUint16(at + END_RECORD.disk, true),
    directoryDisk: view.getUint16(at + END_RECORD.directoryDisk, true),
    entryCountOnDisk: view.getUint16(at + END_RECORD.entryCountOnDisk, true),
    entryCount: view.getUint16(at + END_RECORD.entryCount, true),
    directoryByteLength: view.getUint32(at + END_RECORD.directoryByteLength, true),
    directoryByteOffset: view.getUint32(at + END_RECORD.directoryByteOffset, true),
  };
  const wide = decodeZip64(view, at - ZIP64_LOCATOR.BYTE_LENGTH, tailByteOffset);
  if (wide === undefined) return checked(plain, tailByteOffset + at);
  checkAgreement(plain, wide);
  return checked(wide, tailByteOffset + at - ZIP64_LOCATOR.BYTE_LENGTH - ZIP64_END_RECORD.BYTE_LENGTH);
}

interface Fields extends EndRecord {
  readonly disk: number;
  readonly directoryDisk: number;
  readonly entryCountOnDisk: number;
}

function findEndRecord(tail: Uint8Array): number {
  const last = tail.length - END_RECORD.BYTE_LENGTH;
  const first = Math.max(0, tail.length - MAX_SEARCH_BYTE_LENGTH);
  for (let at = last; at >= first; at--) {
    if (tail[at] === 0x50 && tail[at + 1] === 0x4b && tail[at + 2] === 5 && tail[at + 3] === 6) return at;
  }
  return -1;
}

/** The zip64 end record, if a locator at `at` points to it. It must lie directly in front of the locator. */
function decodeZip64(view: DataView, at: number, tailByteOffset: number): Fields | undefined {
  if (at < 0 || view.getUint32(at, true) !== ZIP64_LOCATOR.SIGNATURE) return undefined;
  const start = at - ZIP64_END_RECORD.BYTE_LENGTH;
  if (start < 0 || view.getUint32(start, true) !== ZIP64_END_RECORD.SIGNATURE) {
    throw new FormatError('The zip64 end record is missing', {
      expected: 'the signature PK\\6\\6 56 bytes in front of its locator',
    });
  }
  const found = getUint64(view, at + ZIP64_LOCATOR.endRecordByteOffset);
  if (found !== tailByteOffset + start) {
    throw new FormatError('The zip64 end record is not where its locator says', {
      expected: `byte ${tailByteOffset + start}`,
      found: `byte ${found}`,
      hint: 'The file has lost bytes, or has bytes in front of the archive.',
    });
  }
  // Some writers count a single disk as 0.
  if (
    view.getUint32(at + ZIP64_LOCATOR.disk, true) !== 0 ||
    view.getUint32(at + ZIP64_LOCATOR.diskCount, true) > 1
  ) {
    throw severalDisks();
  }
  return {
    disk: view.getUint32(start + ZIP64_END_RECORD.disk, true),
    directoryDisk: view.getUint32(start + ZIP64_END_RECORD.directoryDisk, true),
    entryCountOnDisk: getUint64(view, start + ZIP64_END_RECORD.entryCountOnDisk),
    entryCount: getUint64(view, start + ZIP64_END_RECORD.entryCount),
    directoryByteLength: getUint64(view, start + ZIP64_END_RECORD.directoryByteLength),
    directoryByteOffset: getUint64(view, start + ZIP64_END_RECORD.directoryByteOffset),
  };
}

/** The largest value of each plain field, which means: see the zip64 end record. */
const SATURATED: readonly [keyof Fields, number][] = [
  ['disk', MAX_UINT16],
  ['directoryDisk', MAX_UINT16],
  ['entryCountOnDisk', MAX_UINT16],
  ['entryCount', MAX_UINT16],
  ['directoryByteLength', MAX_UINT32],
  ['directoryByteOffset', MAX_UINT32],
];

/** A plain field is either saturated or the same number: two readers must not see two archives. */
function checkAgreement(plain: Fields, wide: Fields): void {
  for (const [field, maximum] of SATURATED) {
    if (plain[field] !== maximum && plain[field] !== wide[field]) {
      throw new FormatError(`The two end records disagree on ${field}`, {
        expected: `${wide[field]}, as in the zip64 end record`,
        found: plain[field],
      });
    }
  }
}

/** `endByteOffset` is where the first of the end records begins, and so where the directory must end. */
function checked(fields: Fields, endByteOffset: number): EndRecord {
  const { entryCount, directoryByteOffset, directoryByteLength } = fields;
  if (fields.disk !== 0 || fields.directoryDisk !== 0 || fields.entryCountOnDisk !== entryCount) {
    throw severalDisks();
  }
  if (directoryByteOffset + directoryByteLength !== endByteOffset) {
    throw new FormatError('The central directory does not end where the end record begins', {
      expected: `byte ${endByteOffset}`,
      found: `byte ${directoryByteOffset + directoryByteLength}`,
      hint: 'The file is cut short, or has bytes in front of the archive.',
    });
  }
  if (entryCount === 0) throw new FormatError('The archive has no records');
  if (entryCount * DIRECTORY_ENTRY.BYTE_LENGTH > directoryByteLength) {
    throw new FormatError('The central directory is too short for its entries', {
      expected: `${entryCount * DIRECTORY_ENTRY.BYTE_LENGTH} bytes at least for ${entryCount} entries`,
      found: `${directoryByteLength} bytes`,
    });
  }
  return { entryCount, directoryByteOffset, directoryByteLength };
}

function severalDisks(): UnsupportedError {
  return new UnsupportedError('The archive spans several disks');
}
