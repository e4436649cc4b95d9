import { encodeDataDescriptor, encodeDirectory, encodeLocalHeader } from './encode.js';
import { type ArchiveLayout, entryNameOf } from './layout.js';
import { DATA_DESCRIPTOR } from './records.js';

/** Bytes `[start, end)`. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

export interface PatternRecord {
  readonly entryName: string;
  /** In the archive. */
  readonly dataByteOffset: number;
  readonly byteLength: number;
  /** In the bytes that are read; undefined where its data are not among them. */
  readonly readOffset: number | undefined;
}

/** A stretch of the archive that is the same in all of them: `[start, end)` of the bytes that are read. */
interface Segment extends Extent {
  readonly expected: Uint8Array;
}

/** Records no longer than this are read with the headers around them. */
const MAX_SHORT_BYTE_LENGTH = 4096;
const ALIGNMENT_RECORD = '.storage_alignment';

/**
 * What archives as torch lays them out have in common that differ in the data of their records only, and so in their
 * checksums. Of a checkpoint there are few such patterns and very many archives: one that matches needs no other look
 * at its headers.
 */
export class ArchivePattern {
  /** Of the archive: what is to be read, one behind the other. */
  readonly extents: readonly Extent[];
  readonly readByteLength: number;
  readonly records: readonly PatternRecord[];
  /** Of the archive: all that is not the data of a record. */
  readonly structure: readonly Extent[];
  private readonly segments: readonly Segment[];
  /** Where the CRC-32 of each record stands in the bytes that are read: behind its data, and in the directory. */
  private readonly crcPlaces: readonly (readonly [descriptor: number, directory: number] | undefined)[];

  constructor(layout: ArchiveLayout) {
    const none = layout.names.map(() => 0);
    const pieces: { start: number; bytes: Uint8Array }[] = layout.names.flatMap((_, i) => [
      { start: layout.localHeaderByteOffsets[i]!, bytes: encodeLocalHeader(layout, i) },
      {
        start: layout.dataByteOffsets[i]! + layout.byteLengths[i]!,
        bytes: encodeDataDescriptor(layout, i, 0),
      },
    ]);
    const directory = { start: layout.directoryByteOffset, bytes: encodeDirectory(layout, none) };
    pieces.push(directory);
    this.structure = pieces
      .filter(({ bytes }) => bytes.length > 0)
      .map(({ start, bytes }) => ({ start, end: start + bytes.length }));
    this.extents = joined(this.structure);
    this.readByteLength = this.extents.reduce((sum, { start, end }) => sum + end - start, 0);
    this.records = layout.names.map((_, i) => {
      const dataByteOffset = layout.dataByteOffsets[i]!;
      const byteLength = layout.byteLengths[i]!;
      const isShort = byteLength <= MAX_SHORT_BYTE_LENGTH;
      const readOffset = isShort ? this.readOffsetOf(dataByteOffset) : undefined;
      return {
        entryName: entryNameOf(layout.root, layout.names[i]!),
        dataByteOffset,
        byteLength,
        readOffset,
      };
    });
    const inDirectory = crcFieldsOf(layout);
    this.crcPlaces = layout.names.map((_, i) => {
      if (layout.byteLengths[i] === 0) return undefined;
      const behind = layout.dataByteOffsets[i]! + layout.byteLengths[i]! + DATA_DESCRIPTOR.crc32;
      return [
        this.readOffsetOf(behind),
        this.readOffsetOf(layout.directoryByteOffset) + inDirectory[i]!,
      ] as const;
    });
    // The alignment is a record's data, and says where all others are.
    const alignmentAt = layout.names.indexOf(ALIGNMENT_RECORD);
    if (alignmentAt >= 0) {
      const bytes = Buffer.from(String(layout.alignment).padEnd(layout.byteLengths[alignmentAt]!));
      pieces.push({ start: layout.dataByteOffsets[alignmentAt]!, bytes });
    }
    const skipped = this.crcPlaces.flatMap(places => places ?? []).sort((a, b) => a - b);
    this.segments = pieces.flatMap(({ start, bytes }) => around(skipped, this.readOffsetOf(start), bytes));
  }

  /**
   * Whether the archive whose extents these are is of the pattern, and says the same of its checksums in both places.
   * @param bytes hold the extents, one behind the other, from `at` on
   */
  matches(bytes: Buffer, at: number): boolean {
    for (const { start, end, expected } of this.segments)
      if (bytes.compare(expected, 0, expected.length, at + start, at + end) !== 0) return false;
    for (const places of this.crcPlaces)
      if (places !== undefined && this.crcAt(bytes, at + places[0]) !== this.crcAt(bytes, at + places[1]))
        return false;
    return true;
  }

  /** The stored CRC-32 of a record; all are 0 where the archive was saved without. */
  crcOf(record: number, bytes: Buffer, at: number): number {
    const places = this.crcPlaces[record];
    return places === undefined ? 0 : this.crcAt(bytes, at + places[1]);
  }

  private crcAt(bytes: Buffer, at: number): number {
    return bytes.readUInt32LE(at);
  }

  /** Where a byte of the archive is in what is read. */
  private readOffsetOf(byteOffset: number): number {
    let before = 0;
    for (const { start, end } of this.extents) {
      if (byteOffset < end) return before + byteOffset - start;
      before += end - start;
    }
    return before;
  }
}

/** Neighbours that only short data lie between, as one. */
function joined(ranges: readonly Extent[]): Extent[] {
  const result: { start: number; end: number }[] = [];
  for (const { start, end } of ranges) {
    const last = result.at(-1);
    if (last !== undefined && start - last.end <= MAX_SHORT_BYTE_LENGTH) last.end = end;
    else result.push({ start, end });
  }
  return result;
}

/** Where the directory has the CRC-32 of each record: where it differs if they do. */
function crcFieldsOf(layout: ArchiveLayout): number[] {
  const zeros = encodeDirectory(layout, new Uint32Array(layout.names.length));
  const ones = encodeDirectory(layout, new Uint32Array(layout.names.length).fill(0xffffffff));
  const fields: number[] = [];
  for (let at = 0; at < zeros.length; at++) {
    if (zeros[at] === ones[at]) continue;
    fields.push(at);
    at += 3;
  }
  return fields;
}

/** What is compared of a piece that stands at `start`: all but the CRC-32s in it. */
function around(crcPlaces: readonly number[], start: number, bytes: Uint8Array): Segment[] {
  const segments: Segment[] = [];
  let from = 0;
  const add = (to: number): void => {
    if (to > from)
      segments.push({ start: start + from, end: start + to, expected: bytes.subarray(from, to) });
  };
  for (const place of crcPlaces) {
    const at = place - start;
    if (at < 0 || at >= bytes.length) continue;
    add(at);
    from = at + 4;
  }
  add(bytes.length);
  return segments;
}
