import { DcpError, UsageError } from '../errors.js';
import { type ByteSource, readRange } from '../io/source.js';
import type { Archive, ArchiveRecord } from './archive.js';
import { encodeDataDescriptor, encodeDirectory, encodeLocalHeader } from './encode.js';
import type { EndRecord } from './end-record.js';
import { auditForeignArchive } from './foreign-audit.js';
import { type ArchiveLayout, layoutArchive } from './layout.js';
import { locateRecord, readDirectory } from './reader.js';

/** Something in an archive that contradicts itself. Byte offsets count from the start of the archive. */
export interface ArchiveFault {
  what: string;
  byteOffset: number;
  entry?: string | undefined;
  expected?: string | number | undefined;
  found?: string | number | undefined;
}

/** Gets what an audit finds, in the order in which it finds it. */
export interface ArchiveVisitor {
  onFault(fault: ArchiveFault): void;
  /**
   * Bytes `[start, end)` that are not the data of a record. `structure`: they follow from other bytes, so that any other
   * value of one of them is a fault; `free`: they may be anything.
   */
  onBytes(start: number, end: number, use: 'structure' | 'free'): void;
}

export interface AuditedArchive {
  archive: Archive;
  /** Records whose local header is in order, and where their data begin. */
  records: { record: ArchiveRecord; dataByteOffset: number }[];
  /** Behind the end record and its comment. */
  byteLength: number;
  /** Where every byte around the records is what torch writes: what they follow from. */
  layout?: ArchiveLayout;
}

/** As caffe2/serialize/inline_container.cc has it, where no record says otherwise. */
const DEFAULT_ALIGNMENT = 64;
const ALIGNMENT_RECORD = '.storage_alignment';

/**
 * Compares all that an archive says twice: local headers, data descriptors, the central directory and the end records.
 * Where it is laid out as torch lays archives out, nothing of them is free to choose, and every byte is compared with
 * what torch writes. No data of records are read.
 *
 * @param tailByteLength how much to read first, as `readArchive` has it.
 * @returns undefined where the directory cannot be read: that is the one fault then.
 * @throws FileError where reading fails.
 */
export async function auditArchive(
  source: ByteSource,
  visitor: ArchiveVisitor,
  tailByteLength?: number,
): Promise<AuditedArchive | undefined> {
  let found: { archive: Archive; end: EndRecord };
  try {
    found = await readDirectory(source, tailByteLength);
  } catch (error) {
    if (!(error instanceof DcpError) || error.code === 'file') throw error;
    const { what, expected, found: seen, context } = error;
    visitor.onFault({ what, expected, found: seen, entry: context.entry, byteOffset: 0 });
    visitor.onBytes(0, source.byteLength, 'free');
    return undefined;
  }
  const { archive, end } = found;
  const layout = await torchLayout(source, archive, end);
  if (layout !== undefined) {
    const audited = await auditTorchArchive(source, archive, layout);
    if (audited !== undefined) {
      for (const fault of audited.faults) visitor.onFault(fault);
      for (const [start, stop] of audited.ranges) visitor.onBytes(start, stop, 'structure');
      if (source.byteLength > layout.byteLength)
        visitor.onBytes(layout.byteLength, source.byteLength, 'free');
      const { records, faults } = audited;
      return { archive, records, byteLength: layout.byteLength, ...(faults.length === 0 ? { layout } : {}) };
    }
  }
  return auditForeignArchive(source, archive, end, visitor);
}

/** The layout that torch gives these records; undefined where the archive has another. */
async function torchLayout(
  source: ByteSource,
  archive: Archive,
  end: EndRecord,
): Promise<ArchiveLayout | undefined> {
  const { root, records } = archive;
  if (records.length !== end.entryCount || records.some(({ method }) => method !== 'stored'))
    return undefined;
  let layout: ArchiveLayout;
  try {
    layout = layoutArchive({ root, records, alignment: await alignmentOf(source, archive) });
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
  const isSame =
    layout.directoryByteOffset === end.directoryByteOffset &&
    records.every((record, i) => record.localHeaderByteOffset === layout.localHeaderByteOffsets[i]) &&
    layout.byteLength <= source.byteLength;
  return isSame ? layout : undefined;
}

async function alignmentOf(source: ByteSource, archive: Archive): Promise<number> {
  const record = archive.find(ALIGNMENT_RECORD);
  if (record === undefined || record.byteLength > 5) return DEFAULT_ALIGNMENT;
  try {
    const bytes = await readRange(source, await locateRecord(source, record), record.byteLength);
    return Number(Buffer.from(bytes).toString('latin1'));
  } catch (error) {
    if (error instanceof DcpError && error.code !== 'file') return DEFAULT_ALIGNMENT;
    throw error;
  }
}

interface TorchAudit {
  faults: ArchiveFault[];
  ranges: [number, number][];
  records: AuditedArchive['records'];
}

/** Undefined where most headers differ: another program laid its records out alike. */
async function auditTorchArchive(
  source: ByteSource,
  { records }: Archive,
  layout: ArchiveLayout,
): Promise<TorchAudit | undefined> {
  const audit: TorchAudit = { faults: [], ranges: [], records: [] };
  let strangeCount = 0;
  const compare = async (
    start: number,
    expected: Uint8Array,
    what: string,
    entry?: string,
  ): Promise<boolean> => {
    const actual = await readRange(source, start, expected.length);
    audit.ranges.push([start, start + expected.length]);
    const at = firstDifference(actual, expected);
    if (at === -1) return true;
    audit.faults.push({
      what,
      entry,
      byteOffset: start + at,
      expected: byteText(expected[at]!),
      found: byteText(actual[at]!),
    });
    return false;
  };
  for (const [i, record] of records.entries()) {
    const dataByteOffset = layout.dataByteOffsets[i]!;
    const header = encodeLocalHeader(layout, i);
    const { entryName, localHeaderByteOffset, byteLength } = record;
    const before = audit.faults.length;
    await compare(
      localHeaderByteOffset,
      header,
      'The local header of the record is not what torch writes',
      entryName,
    );
    await compare(
      dataByteOffset + byteLength,
      encodeDataDescriptor(layout, i, record.crc32 ?? 0),
      'The data descriptor of the record is not what the central directory says',
      entryName,
    );
    if (audit.faults.length > before) strangeCount++;
    // Where the data begin follows from the layout, whatever the header says.
    audit.records.push({ record, dataByteOffset });
  }
  if (strangeCount > Math.max(1, records.length / 2)) return undefined;
  await compare(
    layout.directoryByteOffset,
    encodeDirectory(
      layout,
      records.map(({ crc32 }) => crc32 ?? 0),
    ),
    'The central directory is not what torch writes',
  );
  return audit;
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  if (Buffer.compare(a, b) === 0) return -1;
  return a.findIndex((byte, i) => byte !== b[i]);
}

function byteText(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
