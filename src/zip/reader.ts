import { crc32 } from '../copy/crc32.js';
import { CorruptDataError, type ErrorContext, LimitError, withContext, withContextAsync } from '../errors.js';
import { type ByteSource, readRange } from '../io/source.js';
import type { Archive, ArchiveRecord } from './archive.js';
import { decodeDirectory } from './directory.js';
import { decodeEndRecord, type EndRecord, MAX_TAIL_BYTE_LENGTH } from './end-record.js';
import { inflatePieces } from './inflate.js';
import { decodeDataByteOffset, localHeaderByteLength } from './local-header.js';

/** A central directory of this size has some four million records. */
const MAX_DIRECTORY_BYTE_LENGTH = 256 * 1024 * 1024;

/** One read of data on their way through {@link streamRecord}. */
const PIECE_BYTE_LENGTH = 1024 * 1024;

/**
 * Reads the directory of the archive that fills `source`: one read of its last bytes, and more where the central
 * directory is longer than that. No record is touched.
 *
 * @param tailByteLength how much to read first; by default so much that the end record is in it for sure
 *
 * @throws FormatError, UnsupportedError as {@link decodeEndRecord} and {@link decodeDirectory} do.
 * @throws LimitError for a central directory above 256 MiB.
 */
export async function readArchive(
  source: ByteSource,
  tailByteLength = MAX_TAIL_BYTE_LENGTH,
): Promise<Archive> {
  return (await readDirectory(source, tailByteLength)).archive;
}

/** {@link readArchive}, with where its directory lies. */
export function readDirectory(
  source: ByteSource,
  tailByteLength = MAX_TAIL_BYTE_LENGTH,
): Promise<{ archive: Archive; end: EndRecord }> {
  return withContextAsync({ path: source.name }, async () => {
    const tailByteOffset = Math.max(0, source.byteLength - tailByteLength);
    const tail = await readRange(source, tailByteOffset, source.byteLength - tailByteOffset);
    const end = decodeEndRecord(tail, source.byteLength);
    if (end === undefined) return readDirectory(source);
    const { directoryByteOffset: start, directoryByteLength } = end;
    if (start >= tailByteOffset) {
      const from = start - tailByteOffset;
      return { archive: decodeDirectory(tail.subarray(from, from + directoryByteLength), end), end };
    }
    if (directoryByteLength > MAX_DIRECTORY_BYTE_LENGTH) {
      throw new LimitError('The central directory of the archive is too large', {
        expected: `${MAX_DIRECTORY_BYTE_LENGTH} bytes at most`,
        found: `${directoryByteLength} bytes`,
      });
    }
    return { archive: decodeDirectory(await readRange(source, start, directoryByteLength), end), end };
  });
}

/**
 * Reads the local header of `record` and tells where its data begin, counted from the start of the archive.
 *
 * @throws FormatError as {@link decodeDataByteOffset} does.
 */
export async function locateRecord(source: ByteSource, record: ArchiveRecord): Promise<number> {
  const header = await readRange(source, record.localHeaderByteOffset, localHeaderByteLength(record));
  return withContext({ path: source.name }, () => decodeDataByteOffset(header, 0, record));
}

/**
 * Reads a whole record into memory, inflated where it is deflated, and checks its CRC-32 if the archive has any.
 *
 * @throws LimitError where the record declares more than `maxByteLength` bytes.
 * @throws CorruptDataError where the bytes are not those that were saved.
 * @throws FormatError as {@link decodeDataByteOffset} does.
 */
export async function readRecord(
  source: ByteSource,
  record: ArchiveRecord,
  { maxByteLength }: { maxByteLength: number },
): Promise<Uint8Array> {
  const { byteLength } = record;
  if (byteLength > maxByteLength) {
    throw new LimitError('The record is too large to be read into memory', {
      expected: `${maxByteLength} bytes at most`,
      found: `${byteLength} bytes`,
      ...contextOf(source, record),
    });
  }
  const dataByteOffset = await locateRecord(source, record);
  if (record.method === 'stored') {
    const bytes = await readRange(source, dataByteOffset, byteLength);
    checkCrc(source, record, crc32(bytes));
    return bytes;
  }
  const bytes = new Uint8Array(byteLength);
  let filled = 0;
  await streamFrom(source, record, dataByteOffset, piece => {
    bytes.set(piece, filled);
    filled += piece.length;
  });
  return bytes;
}

/**
 * Hands the bytes of a record to `onBytes`, inflated where it is deflated, in order, in pieces that stay valid.
 * Memory does not grow with the record. The CRC-32 is known, and checked, only after the last piece.
 *
 * @throws CorruptDataError where the bytes are not those that were saved: what was handed out is worthless.
 * @throws FormatError as {@link decodeDataByteOffset} does.
 */
export async function streamRecord(
  source: ByteSource,
  record: ArchiveRecord,
  onBytes: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  await streamFrom(source, record, await locateRecord(source, record), onBytes);
}

async function streamFrom(
  source: ByteSource,
  record: ArchiveRecord,
  dataByteOffset: number,
  onBytes: (bytes: Uint8Array) => void | Promise<void>,
): Promise<void> {
  let crc = 0;
  const stored = readPieces(source, dataByteOffset, record.compressedByteLength);
  const pieces =
    record.method === 'stored' ? stored : inflatePieces(stored, record.byteLength, contextOf(source, record));
  for await (const piece of pieces) {
    crc = crc32(piece, crc);
    await onBytes(piece);
  }
  checkCrc(source, record, crc);
}

/** The bytes `[start, start + byteLength)` in order, in pieces of at most 1 MiB. */
export async function* readPieces(
  source: ByteSource,
  start: number,
  byteLength: number,
): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < byteLength; done += PIECE_BYTE_LENGTH) {
    yield await readRange(source, start + done, Math.min(PIECE_BYTE_LENGTH, byteLength - done));
  }
}

function checkCrc(source: ByteSource, record: ArchiveRecord, found: number): void {
  if (record.crc32 === undefined || record.crc32 === found) return;
  throw new CorruptDataError('The bytes of the record do not match their CRC-32', {
    expected: hex(record.crc32),
    found: hex(found),
    ...contextOf(source, record),
  });
}

function contextOf(source: ByteSource, record: ArchiveRecord): ErrorContext {
  return { path: source.name, entry: record.entryName };
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
