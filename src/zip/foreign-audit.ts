import { DcpError } from '../errors.js';
import { type ByteSource, readRange } from '../io/source.js';
import type { Archive, ArchiveRecord } from './archive.js';
import type { ArchiveVisitor, AuditedArchive } from './audit.js';
import type { EndRecord } from './end-record.js';
import { locateRecord } from './reader.js';
import {
  DATA_DESCRIPTOR as DESCRIPTOR,
  END_RECORD as END,
  ZIP64_END_RECORD as END64,
  DIRECTORY_ENTRY as ENTRY,
  FLAG,
  LOCAL_HEADER as HEADER,
  ZIP64_LOCATOR as LOCATOR,
  MAX_UINT32,
  viewOf,
} from './records.js';

/**
 * An archive of any other program than torch: fields that are said twice are compared; times, versions, attributes, extra
 * fields and comments are free.
 */
export async function auditForeignArchive(
  source: ByteSource,
  archive: Archive,
  end: EndRecord,
  visitor: ArchiveVisitor,
): Promise<AuditedArchive> {
  const records: AuditedArchive['records'] = [];
  for (const record of archive.records) {
    let dataByteOffset: number;
    try {
      dataByteOffset = await locateRecord(source, record);
    } catch (error) {
      if (!(error instanceof DcpError) || error.code === 'file') throw error;
      const { what, expected, found } = error;
      const byteOffset = record.localHeaderByteOffset;
      visitor.onFault({ what, expected, found, entry: record.entryName, byteOffset });
      visitor.onBytes(record.localHeaderByteOffset, record.endByteOffset, 'free');
      continue;
    }
    await auditHeader(source, record, dataByteOffset, archive.hasCrc, visitor);
    records.push({ record, dataByteOffset });
  }
  await auditDirectory(source, archive.hasCrc, end, visitor);
  const byteLength = await auditEnd(source, end, visitor);
  return { archive, records, byteLength };
}

async function auditHeader(
  source: ByteSource,
  record: ArchiveRecord,
  dataByteOffset: number,
  hasCrc: boolean,
  visitor: ArchiveVisitor,
): Promise<void> {
  const start = record.localHeaderByteOffset;
  const bytes = await readRange(source, start, HEADER.BYTE_LENGTH);
  const view = viewOf(bytes);
  const mark = marker(visitor, start);
  mark(0, HEADER.versionNeeded, 'structure');
  mark(HEADER.versionNeeded, HEADER.method, 'free');
  mark(HEADER.method, HEADER.time, 'structure');
  mark(HEADER.time, HEADER.crc32, 'free');
  const isStreamed = (view.getUint16(HEADER.flags, true) & FLAG.DATA_DESCRIPTOR) !== 0;
  const fields = [
    ['CRC-32', HEADER.crc32, record.crc32 ?? 0],
    ['compressed length', HEADER.compressedByteLength, record.compressedByteLength],
    ['length', HEADER.byteLength, record.byteLength],
  ] as const;
  for (const [name, at, expected] of fields) {
    const found = view.getUint32(at, true);
    // Streaming writers leave 0 there, and large records say the maximum: see the descriptor, see the extra field.
    const isElsewhere = (isStreamed && found === 0) || (at !== HEADER.crc32 && found === MAX_UINT32);
    if (found !== expected && !isElsewhere) {
      visitor.onFault({
        what: `The local header of the record has another ${name} than the central directory`,
        entry: record.entryName,
        byteOffset: start + at,
        expected,
        found,
      });
    }
  }
  mark(HEADER.crc32, HEADER.extraByteLength, 'structure');
  // Where it is wrong, the data begin elsewhere: their CRC tells, if there is one.
  mark(HEADER.extraByteLength, HEADER.BYTE_LENGTH, hasCrc && record.byteLength > 0 ? 'structure' : 'free');
  const nameEnd = HEADER.BYTE_LENGTH + record.nameByteLength;
  mark(HEADER.BYTE_LENGTH, nameEnd, 'structure');
  visitor.onBytes(start + nameEnd, dataByteOffset, 'free');
  const dataEnd = dataByteOffset + record.compressedByteLength;
  const described = isStreamed ? await auditDescriptor(source, record, dataEnd, visitor) : 0;
  visitor.onBytes(dataEnd + described, record.endByteOffset, 'free');
}

/** Returns how many bytes the descriptor takes. Its signature is optional, its lengths have 4 or 8 bytes. */
async function auditDescriptor(
  source: ByteSource,
  record: ArchiveRecord,
  start: number,
  visitor: ArchiveVisitor,
): Promise<number> {
  const room = Math.min(DESCRIPTOR.BYTE_LENGTH_64, record.endByteOffset - start);
  if (room < DESCRIPTOR.BYTE_LENGTH - 4) return 0;
  const view = viewOf(await readRange(source, start, room));
  const at = view.getUint32(0, true) === DESCRIPTOR.SIGNATURE ? 4 : 0;
  const isWide = room >= at + 20;
  const byteLength = at + (isWide ? 20 : 12);
  if (room < byteLength) return 0;
  const lengthAt = (field: number): number =>
    isWide ? Number(view.getBigUint64(at + 4 + 8 * field, true)) : view.getUint32(at + 4 + 4 * field, true);
  const found = [view.getUint32(at, true), lengthAt(0), lengthAt(1)];
  const expected = [record.crc32 ?? 0, record.compressedByteLength, record.byteLength];
  if (found.some((value, i) => value !== expected[i])) {
    visitor.onFault({
      what: 'The data descriptor of the record is not what the central directory says',
      entry: record.entryName,
      byteOffset: start,
      expected: expected.join(', '),
      found: found.join(', '),
    });
  }
  visitor.onBytes(start, start + byteLength, 'structure');
  return byteLength;
}

/** Reading has compared what each entry says with its local header; what is marked free was looked at by nobody. */
async function auditDirectory(
  source: ByteSource,
  hasCrc: boolean,
  end: EndRecord,
  visitor: ArchiveVisitor,
): Promise<void> {
  const bytes = await readRange(source, end.directoryByteOffset, end.directoryByteLength);
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; ) {
    const mark = marker(visitor, end.directoryByteOffset + at);
    const nameEnd = ENTRY.BYTE_LENGTH + view.getUint16(at + ENTRY.nameByteLength, true);
    const entryEnd =
      nameEnd +
      view.getUint16(at + ENTRY.extraByteLength, true) +
      view.getUint16(at + ENTRY.commentByteLength, true);
    mark(0, ENTRY.versionMadeBy, 'structure');
    mark(ENTRY.versionMadeBy, ENTRY.method, 'free');
    mark(ENTRY.method, ENTRY.time, 'structure');
    mark(ENTRY.time, ENTRY.crc32, 'free');
    mark(ENTRY.crc32, ENTRY.compressedByteLength, hasCrc ? 'structure' : 'free');
    mark(ENTRY.compressedByteLength, ENTRY.disk, 'structure');
    mark(ENTRY.disk, ENTRY.localHeaderByteOffset, 'free');
    mark(ENTRY.localHeaderByteOffset, nameEnd, 'structure');
    mark(nameEnd, entryEnd, 'free');
    at += entryEnd;
  }
}

/** Returns where the archive ends. */
async function auditEnd(source: ByteSource, end: EndRecord, visitor: ArchiveVisitor): Promise<number> {
  let at = end.directoryByteOffset + end.directoryByteLength;
  const signature = viewOf(await readRange(source, at, 4)).getUint32(0, true);
  if (signature === END64.SIGNATURE) {
    const mark = marker(visitor, at);
    mark(0, END64.remainingByteLength, 'structure');
    mark(END64.remainingByteLength, END64.disk, 'free');
    mark(END64.disk, END64.BYTE_LENGTH, 'structure');
    const markLocator = marker(visitor, at + END64.BYTE_LENGTH);
    markLocator(0, LOCATOR.diskCount, 'structure');
    markLocator(LOCATOR.diskCount, LOCATOR.BYTE_LENGTH, 'free');
    at += END64.BYTE_LENGTH + LOCATOR.BYTE_LENGTH;
  }
  const view = viewOf(await readRange(source, at, END.BYTE_LENGTH));
  const commentStart = at + END.BYTE_LENGTH;
  const byteLength = commentStart + view.getUint16(END.commentByteLength, true);
  const mark = marker(visitor, at);
  mark(0, END.commentByteLength, 'structure');
  mark(END.commentByteLength, END.BYTE_LENGTH, source.byteLength === commentStart ? 'structure' : 'free');
  visitor.onBytes(commentStart, source.byteLength, 'free');
  return byteLength;
}

/** Marks bytes by where they are in a record of the archive that begins at `start`. */
function marker(visitor: ArchiveVisitor, start: number) {
  return (from: number, to: number, use: 'structure' | 'free'): void => {
    if (to > from) visitor.onBytes(start + from, start + to, use);
  };
}
