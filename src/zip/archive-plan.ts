import { combineCrc32, crc32 } from '../copy/crc32.js';
import type { CopyPlanBuilder, RecordCast } from '../copy/plan.js';
import { encodeDataDescriptor, encodeDirectory, encodeLocalHeader } from './encode.js';
import { type ArchiveLayout, dataDescriptorByteOffset, layoutArchive } from './layout.js';

/** A record of an archive to be written. */
export type PlannedRecord = { readonly name: string } & (
  | { readonly kind: 'known'; readonly bytes: Uint8Array }
  | {
      /** Filled by pieces of the plan, behind a head of known bytes. */
      readonly kind: 'copied';
      readonly head?: Uint8Array;
      /** Without the head. */
      readonly byteLength: number;
      /** Of its elements, on the way: `byteLength` counts what they are converted to. */
      readonly cast?: RecordCast | undefined;
      /** Adds the pieces to the plan's current record. */
      addPieces(): void;
    }
  | {
      readonly kind: 'computed';
      readonly byteLength: number;
      /** The bytes, given the CRC-32 of any record before it by its position. Pure. */
      encode(crcOf: CrcOf): Uint8Array;
    }
);

type CrcOf = (index: number) => number;

export interface PlannedArchive {
  /** The top-level directory; undefined for none. */
  readonly root: string | undefined;
  readonly alignment: number;
  readonly records: readonly PlannedRecord[];
  /** False writes 0 for every CRC-32. */
  readonly withCrc: boolean;
}

/**
 * Adds a whole zip archive of stored records to a plan. `byteOffset` is where it begins in the output; offsets
 * inside it count from there. What lies between the bytes of two copied records goes into one write, or two
 * where the first of it is known already. Returns the byte length of the archive.
 */
export function addArchive(
  plan: CopyPlanBuilder,
  output: number,
  byteOffset: number,
  archive: PlannedArchive,
): number {
  const { root, alignment, records, withCrc } = archive;
  const layout = layoutArchive({
    root,
    alignment,
    records: records.map(record => ({ name: record.name, byteLength: byteLengthOf(record) })),
  });
  const writer = new PartWriter(layout, records, withCrc);
  const addBetween = (from: number, to: number, endByteOffset: number): void => {
    let firstDeferred = from;
    while (firstDeferred < to && writer.isKnown(firstDeferred)) firstDeferred++;
    const start = byteOffset + writer.byteOffsetOf(from);
    plan.addLiteral(output, start, writer.encode(from, firstDeferred, NO_CRC));
    if (firstDeferred === to) return;
    const deferredStart = writer.byteOffsetOf(firstDeferred);
    plan.addDeferred({
      output,
      byteOffset: byteOffset + deferredStart,
      byteLength: endByteOffset - deferredStart,
      encode: crcOfRecord => writer.encode(firstDeferred, to, crcOfRecord),
    });
  };
  let part = 0;
  for (const [index, record] of records.entries()) {
    if (record.kind !== 'copied') continue;
    const end = PARTS_OF_RECORD * index + DESCRIPTOR;
    const copiedByteOffset = layout.dataByteOffsets[index]! + (record.head?.length ?? 0);
    addBetween(part, end, copiedByteOffset);
    part = end;
    writer.planRecords[index] = plan.beginRecord(
      output,
      byteOffset + copiedByteOffset,
      record.byteLength,
      record.cast,
    );
    record.addPieces();
  }
  addBetween(part, writer.partCount, layout.byteLength);
  return layout.byteLength;
}

/** The parts of an archive are numbered: three to a record, then the directory with the end records. */
const PARTS_OF_RECORD = 3;
const HEADER = 0;
/** Of a copied record its head. */
const CONTENT = 1;
const DESCRIPTOR = 2;
const NO_CRC: CrcOf = () => 0;

/** Encodes parts of an archive by their number: a plan of many archives has no room for a list of them. */
class PartWriter {
  readonly partCount: number;
  /** The plan's number of each copied record. */
  readonly planRecords: number[] = [];

  constructor(
    private readonly layout: ArchiveLayout,
    private readonly records: readonly PlannedRecord[],
    private readonly withCrc: boolean,
  ) {
    this.partCount = PARTS_OF_RECORD * records.length + 1;
  }

  /** From the start of the archive. */
  byteOffsetOf(part: number): number {
    const { layout } = this;
    if (part === this.partCount - 1) return layout.directoryByteOffset;
    const index = Math.floor(part / PARTS_OF_RECORD);
    switch (part % PARTS_OF_RECORD) {
      case HEADER:
        return layout.localHeaderByteOffsets[index]!;
      case CONTENT:
        return layout.dataByteOffsets[index]!;
      default:
        return dataDescriptorByteOffset(layout, index);
    }
  }

  /** Whether the bytes of a part do not depend on what is copied. */
  isKnown(part: number): boolean {
    if (part === this.partCount - 1) return false;
    const { kind } = this.records[Math.floor(part / PARTS_OF_RECORD)]!;
    const phase = part % PARTS_OF_RECORD;
    return kind === 'known' || phase === HEADER || (phase === CONTENT && kind === 'copied');
  }

  /** The bytes of parts `[from, to)`, given the CRC-32 of any record of the plan. */
  encode(from: number, to: number, crcOfRecord: CrcOf): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let part = from; part < to; part++) parts.push(this.encodePart(part, crcOfRecord));
    return Buffer.concat(parts);
  }

  private encodePart(part: number, crcOfRecord: CrcOf): Uint8Array {
    const { layout, records } = this;
    const crcOf: CrcOf = index => this.crcOf(index, crcOfRecord);
    if (part === this.partCount - 1) {
      return encodeDirectory(
        layout,
        Uint32Array.from(records, (_, index) => crcOf(index)),
      );
    }
    const index = Math.floor(part / PARTS_OF_RECORD);
    const record = records[index]!;
    switch (part % PARTS_OF_RECORD) {
      case HEADER:
        return encodeLocalHeader(layout, index);
      case CONTENT:
        if (record.kind === 'copied') return record.head ?? NOTHING;
        return record.kind === 'known' ? record.bytes : record.encode(crcOf);
      default:
        return encodeDataDescriptor(layout, index, crcOf(index));
    }
  }

  private crcOf(index: number, crcOfRecord: CrcOf): number {
    if (!this.withCrc) return 0;
    const record = this.records[index]!;
    if (record.kind === 'known') return crc32(record.bytes);
    if (record.kind === 'computed') return crc32(record.encode(before => this.crcOf(before, crcOfRecord)));
    const crc = crcOfRecord(this.planRecords[index]!);
    return record.head === undefined ? crc : combineCrc32(crc32(record.head), crc, record.byteLength);
  }
}

const NOTHING = new Uint8Array(0);

function byteLengthOf(record: PlannedRecord): number {
  if (record.kind === 'known') return record.bytes.length;
  return (record.kind === 'copied' ? (record.head?.length ?? 0) : 0) + record.byteLength;
}
