import type { StridedTensor } from '../torch/tensors.js';
import type { Archive, ArchiveRecord } from '../zip/archive.js';
import { DATA_DESCRIPTOR, DIRECTORY_ENTRY, LOCAL_HEADER } from '../zip/records.js';
import type { Item, ItemEnds } from './item-window.js';

/** What reading a tensor's item in full found out. Byte offsets count from the start of the item. */
export interface ParsedItem {
  archive: Archive;
  tensor: StridedTensor;
  bigEndian: boolean;
  /** The record of its only storage. */
  record: ArchiveRecord;
  dataByteOffset: number;
}

const SERIALIZATION_ID = '.data/serialization_id';
const CRC_BYTE_LENGTH = 4;

/** A byte range of an item, `[start, end)`. */
interface Range {
  start: number;
  end: number;
}

/**
 * An item that was read in full, as the pattern of others. Shards of one shape differ only in their data, in what
 * their CRC-32 is, and in the serialization id, which is made from it. An item of the same length with the same bytes
 * everywhere else would be read in the same way, step by step, so what was found out holds for it too.
 *
 * The fields that may differ: the CRC-32 of the data record (data descriptor, central directory), the text of
 * `.data/serialization_id` and its CRC-32 (likewise). Reading in full looks at none of them but the first in the
 * central directory. All other bytes outside the data are compared.
 */
export class ItemTemplate {
  private constructor(
    readonly parsed: ParsedItem,
    readonly storageByteLength: number,
    private readonly head: Buffer,
    private readonly tail: Buffer,
    /** What is compared of the head, which ends where the data begin, and of the tail, from its first byte. */
    private readonly headByteLength: number,
    private readonly tailRanges: readonly Range[],
    /** Where in the tail the CRC of the data is; −1 where the archive has no CRCs. */
    private readonly crcAt: number,
  ) {}

  /** Undefined for an item that cannot be a pattern: what is to be compared does not lie in its ends. */
  static of(item: Item, ends: ItemEnds, parsed: ParsedItem): ItemTemplate | undefined {
    const { archive, record, dataByteOffset } = parsed;
    const { byteLength } = item;
    const dataEnd = dataByteOffset + record.compressedByteLength;
    const tailStart = byteLength - ends.tailByteLength;
    if (dataByteOffset > ends.headByteLength || dataEnd < tailStart) return undefined;
    const head = Buffer.from(ends.head.subarray(ends.headAt, ends.headAt + dataByteOffset));
    const tail = Buffer.from(ends.tail.subarray(ends.tailAt, ends.tailAt + ends.tailByteLength));
    const free = freeRanges(parsed, tail, tailStart);
    if (free === undefined) return undefined;
    // The tail may begin inside the data.
    const tailRanges = between(dataEnd - tailStart, tail.length, free);
    const crcAt = archive.hasCrc ? crcByteOffset(record) - tailStart : -1;
    return new ItemTemplate(
      parsed,
      record.compressedByteLength,
      head,
      tail,
      dataByteOffset,
      tailRanges,
      crcAt,
    );
  }

  /** Whether an item of the same byte length has the same bytes where they matter. */
  matches(ends: ItemEnds): boolean {
    const { head, tail, headByteLength, tailRanges } = this;
    if (ends.headByteLength < headByteLength || ends.tailByteLength !== tail.length) return false;
    if (!areEqual(head, 0, headByteLength, ends.head, ends.headAt)) return false;
    for (let i = 0; i < tailRanges.length; i++) {
      const { start, end } = tailRanges[i]!;
      if (!areEqual(tail, start, end, ends.tail, ends.tailAt + start)) return false;
    }
    return true;
  }

  /** The CRC-32 that an item which matches states for its data; undefined where it was saved without. */
  crc32Of(ends: ItemEnds): number | undefined {
    return this.crcAt < 0 ? undefined : ends.tail.readUInt32LE(ends.tailAt + this.crcAt);
  }
}

/** Below this a loop is faster than a call. */
const SHORT = 64;

function areEqual(ours: Buffer, start: number, end: number, theirs: Buffer, at: number): boolean {
  if (end - start >= SHORT) return theirs.compare(ours, start, end, at, at + end - start) === 0;
  for (let i = start; i < end; i++) if (ours[i] !== theirs[at + i - start]) return false;
  return true;
}

function crcByteOffset({ entryByteOffset }: ArchiveRecord): number {
  return entryByteOffset + DIRECTORY_ENTRY.crc32;
}

/** The fields that may differ, as ranges of the tail in rising order; undefined where one is not in it. */
function freeRanges(parsed: ParsedItem, tail: Buffer, tailStart: number): Range[] | undefined {
  const { archive, record, dataByteOffset } = parsed;
  // Without checksums everything is equal. Where the data alone had one, it would tell that there are any.
  if (!archive.hasCrc) return [];
  const others = archive.records.filter(other => other !== record && other.name !== SERIALIZATION_ID);
  if (others.every(({ crc32, byteLength }) => crc32 === 0 || byteLength === 0)) return undefined;

  const free: Range[] = [];
  const add = (start: number, byteLength: number): void => {
    free.push({ start: start - tailStart, end: start - tailStart + byteLength });
  };
  const addCrcs = (of: ArchiveRecord, dataEnd: number): void => {
    add(crcByteOffset(of), CRC_BYTE_LENGTH);
    const descriptor = dataEnd - tailStart;
    const hasDescriptor =
      descriptor >= 0 &&
      descriptor + DATA_DESCRIPTOR.BYTE_LENGTH <= tail.length &&
      dataEnd + DATA_DESCRIPTOR.BYTE_LENGTH <= of.endByteOffset &&
      tail.readUInt32LE(descriptor) === DATA_DESCRIPTOR.SIGNATURE;
    if (hasDescriptor) add(dataEnd + DATA_DESCRIPTOR.crc32, CRC_BYTE_LENGTH);
  };
  addCrcs(record, dataByteOffset + record.compressedByteLength);
  const id = archive.find(SERIALIZATION_ID);
  if (id !== undefined) {
    const header = id.localHeaderByteOffset - tailStart;
    if (header < 0 || header + LOCAL_HEADER.BYTE_LENGTH > tail.length) return undefined;
    const start =
      id.localHeaderByteOffset +
      LOCAL_HEADER.BYTE_LENGTH +
      tail.readUInt16LE(header + LOCAL_HEADER.nameByteLength) +
      tail.readUInt16LE(header + LOCAL_HEADER.extraByteLength);
    if (start + id.compressedByteLength > id.endByteOffset) return undefined;
    add(start, id.compressedByteLength);
    addCrcs(id, start + id.compressedByteLength);
  }
  free.sort((a, b) => a.start - b.start);
  return free.every(({ start, end }) => start >= 0 && end <= tail.length) ? free : undefined;
}

/** What `[start, end)` holds besides the free ranges. */
function between(start: number, end: number, free: readonly Range[]): Range[] {
  const rest: Range[] = [];
  let at = start;
  for (const { start: freeStart, end: freeEnd } of free) {
    if (freeStart > at) rest.push({ start: at, end: freeStart });
    at = Math.max(at, freeEnd);
  }
  if (end > at) rest.push({ start: at, end });
  return rest;
}

/** Patterns tried for one item: shapes whose items are equally long, and the devices that they were saved from. */
const MAX_ALIKE = 32;
/** All patterns together: some hundred kilobytes. */
const MAX_TEMPLATES = 256;

/** The patterns met so far, by the byte length of the item; of each length the one used last comes first. */
export class ItemTemplates {
  private readonly byByteLength = new Map<number, ItemTemplate[]>();
  private count = 0;
  /** How many items had to be read in full. */
  parsedCount = 0;

  get size(): number {
    return this.count;
  }

  find(byteLength: number, ends: ItemEnds): ItemTemplate | undefined {
    const alike = this.byByteLength.get(byteLength);
    if (alike === undefined) return undefined;
    for (let i = 0; i < alike.length; i++) {
      const template = alike[i]!;
      if (!template.matches(ends)) continue;
      if (i > 0) {
        alike.copyWithin(1, 0, i);
        alike[0] = template;
      }
      return template;
    }
    return undefined;
  }

  /** Remembers an item that was read in full, if it can be a pattern. */
  learn(item: Item, ends: ItemEnds, parsed: ParsedItem): void {
    const template = ItemTemplate.of(item, ends, parsed);
    if (template === undefined) return;
    if (this.count === MAX_TEMPLATES) {
      this.byByteLength.clear();
      this.count = 0;
    }
    const alike = this.byByteLength.get(item.byteLength) ?? [];
    if (alike.length === MAX_ALIKE) alike.pop();
    else this.count++;
    alike.unshift(template);
    this.byByteLength.set(item.byteLength, alike);
  }
}
