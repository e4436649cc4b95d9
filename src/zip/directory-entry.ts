import { FormatError, UnsupportedError, withContext } from '../errors.js';
import type { ArchiveRecord } from './archive.js';
import {
  DIRECTORY_ENTRY as ENTRY,
  EXTRA_FIELD,
  FLAG,
  getUint64,
  MAX_UINT16,
  MAX_UINT32,
  METHOD,
  ZIP64_FIELD_ID,
} from './records.js';

/** A record in the making. */
export type Entry = { -readonly [Field in keyof ArchiveRecord]: ArchiveRecord[Field] };

/** Zip tools may list directories; they hold nothing. */
export function isDirectory(entry: Entry): boolean {
  return entry.name === '' || entry.name.endsWith('/');
}

/**
 * Decodes the entry of the central directory that begins at `at`: all but where it lies in the archive, and its
 * end, which depends on the others.
 * The caller has seen that the entry lies inside `view`.
 *
 * @param prefixLength of the top-level directory and its slash, in UTF-16 units.
 * @throws FormatError for sizes that contradict each other; UnsupportedError for encryption, for compression
 *   other than deflate, for several disks.
 */
export function decodeEntry(
  view: DataView,
  at: number,
  entryName: string,
  nameByteLength: number,
  prefixLength: number,
): Entry {
  const entry: Entry = {
    name: entryName.slice(prefixLength),
    entryName,
    nameByteLength,
    method: decodeMethod(view, at, entryName),
    crc32: view.getUint32(at + ENTRY.crc32, true),
    compressedByteLength: view.getUint32(at + ENTRY.compressedByteLength, true),
    byteLength: view.getUint32(at + ENTRY.byteLength, true),
    localHeaderByteOffset: view.getUint32(at + ENTRY.localHeaderByteOffset, true),
    entryByteOffset: 0,
    endByteOffset: 0,
  };
  if (
    entry.compressedByteLength === MAX_UINT32 ||
    entry.byteLength === MAX_UINT32 ||
    entry.localHeaderByteOffset === MAX_UINT32
  ) {
    withContext({ entry: entryName }, () => widen(entry, view, at + ENTRY.BYTE_LENGTH + nameByteLength, at));
  }
  checkSizes(entry);
  return entry;
}

const METHOD_NAMES: Record<number, string> = {
  1: 'shrink',
  6: 'implode',
  9: 'deflate64',
  12: 'bzip2',
  14: 'lzma',
  20: 'zstd',
  93: 'zstd',
  95: 'xz',
  98: 'PPMd',
  99: 'AES encryption',
};

function decodeMethod(view: DataView, at: number, entry: string): ArchiveRecord['method'] {
  const flags = view.getUint16(at + ENTRY.flags, true);
  if (flags & (FLAG.ENCRYPTED | FLAG.STRONG_ENCRYPTION | FLAG.MASKED_HEADERS)) {
    throw new UnsupportedError('The record is encrypted', {
      entry,
      hint: 'Unpack the file with its password, and zip what is in it again without one: zip -0 -r.',
    });
  }
  if (flags & FLAG.PATCH_DATA) throw new UnsupportedError('The record is compressed patch data', { entry });
  const disk = view.getUint16(at + ENTRY.disk, true);
  if (disk !== 0 && disk !== MAX_UINT16) {
    throw new UnsupportedError('The record lies on another disk', { expected: 'disk 0', found: disk, entry });
  }
  const method = view.getUint16(at + ENTRY.method, true);
  if (method === METHOD.STORED) return 'stored';
  if (method === METHOD.DEFLATED) return 'deflated';
  const name = METHOD_NAMES[method] ?? 'unknown';
  throw new UnsupportedError(`The record is compressed with method ${method} (${name})`, {
    expected: 'stored (0) or deflated (8)',
    entry,
    hint: 'Unpack the file, and zip what is in it again without compression: zip -0 -r.',
  });
}

/** Replaces the saturated fields of `entry` by those of its zip64 field. */
function widen(entry: Entry, view: DataView, extraStart: number, at: number): void {
  const extraEnd = extraStart + view.getUint16(at + ENTRY.extraByteLength, true);
  let field = extraStart;
  while (field + EXTRA_FIELD.BYTE_LENGTH <= extraEnd) {
    const start = field + EXTRA_FIELD.BYTE_LENGTH;
    const end = start + view.getUint16(field + EXTRA_FIELD.payloadByteLength, true);
    if (view.getUint16(field, true) !== ZIP64_FIELD_ID) {
      field = end;
      continue;
    }
    const limit = Math.min(end, extraEnd);
    let from = start;
    const take = (): number => {
      if (from + 8 > limit) throw new FormatError('The zip64 field of the record is too short');
      from += 8;
      return getUint64(view, from - 8);
    };
    if (entry.byteLength === MAX_UINT32) entry.byteLength = take();
    if (entry.compressedByteLength === MAX_UINT32) entry.compressedByteLength = take();
    if (entry.localHeaderByteOffset === MAX_UINT32) entry.localHeaderByteOffset = take();
    return;
  }
  throw new FormatError('The record says that its sizes are in a zip64 field, and has none');
}

/** Deflate makes at most 258 bytes of 2 bits. */
const MAX_DEFLATE_RATIO = 1032;

function checkSizes(entry: Entry): void {
  const { method, compressedByteLength, byteLength } = entry;
  let fault: string | undefined;
  if (method === 'stored' && compressedByteLength !== byteLength) {
    fault = 'The record is stored, but has two sizes';
  } else if (byteLength > compressedByteLength * MAX_DEFLATE_RATIO) {
    fault = 'The record claims more bytes than its compressed data can hold';
  } else if (byteLength > 0 && isDirectory(entry)) {
    fault = 'The record has the name of a directory and holds bytes';
  } else {
    return;
  }
  const found = `${byteLength} bytes in ${compressedByteLength}`;
  throw new FormatError(fault, { found, entry: entry.entryName });
}
