import { crc32 } from '../../copy/crc32.js';
import type { FileSource } from '../../io/source.js';
import { type ArchiveLayout, ArchivePattern } from '../../torch/audit.js';
import type { ByteAccount } from './byte-account.js';
import type { ChecksumCheck } from './checksums.js';

/** What is read at a time of items that lie close to each other. */
const WINDOW_BYTE_LENGTH = 1 << 20;
/** Items up to this length are read whole, with their neighbours. */
const MAX_NEAR_BYTE_LENGTH = 16 * 1024;
/** Of items of one length; names of other lengths are in other patterns. */
const MAX_PATTERNS_OF_LENGTH = 4;
const MAX_PATTERNS = 2000;
/** An archive of more records has few like it, and what is learnt of it is long. */
const MAX_RECORDS = 64;

/** An item that is to be looked at. */
export interface AlikeItem {
  path: string;
  relativePath: string;
  rank: number | undefined;
  fqn: string;
  byteOffset: number;
  byteLength: number;
}

/**
 * Recognises items whose archives are laid out as one that was found to be in order. It only ever says that an item is
 * in order too; whatever it does not recognise is looked at in full. Nothing is waited for: a checkpoint has many
 * thousands of items.
 */
export class AlikeItems {
  private readonly byLength = new Map<number, ArchivePattern[]>();
  private patternCount = 0;
  private readonly window = Buffer.allocUnsafe(WINDOW_BYTE_LENGTH);
  private windowSource: FileSource | undefined;
  private windowStart = 0;
  private windowEnd = 0;
  /** For items that are too long to be read whole. */
  private parts = Buffer.allocUnsafe(64 * 1024);

  constructor(
    private readonly account: ByteAccount,
    private readonly checksums: ChecksumCheck,
  ) {}

  /** Items of this length may have this layout. */
  learn(byteLength: number, layout: ArchiveLayout): void {
    if (this.patternCount >= MAX_PATTERNS || layout.byteLength !== byteLength) return;
    if (layout.names.length > MAX_RECORDS) return;
    const known = this.byLength.get(byteLength) ?? [];
    if (known.length >= MAX_PATTERNS_OF_LENGTH) return;
    known.push(new ArchivePattern(layout));
    this.byLength.set(byteLength, known);
    this.patternCount++;
  }

  /**
   * Whether an item is in order, its short records compared with their checksums. Then it has been accounted for.
   * @throws FileError where reading fails
   */
  async accept(source: FileSource, item: AlikeItem): Promise<boolean> {
    const patterns = this.byLength.get(item.byteLength);
    if (patterns === undefined) return false;
    for (const pattern of patterns) {
      const [bytes, at] =
        item.byteLength <= MAX_NEAR_BYTE_LENGTH && pattern.extents.length === 1
          ? this.near(source, item)
          : this.partsOf(source, item, pattern);
      if (!pattern.matches(bytes, at) || !this.areShortRecordsWhole(pattern, bytes, at)) continue;
      const waiting = this.settle(pattern, item, bytes, at);
      if (waiting !== undefined) await waiting;
      return true;
    }
    return false;
  }

  private near(source: FileSource, { byteOffset, byteLength }: AlikeItem): [Buffer, number] {
    const isInside =
      this.windowSource === source &&
      this.windowStart <= byteOffset &&
      byteOffset + byteLength <= this.windowEnd;
    if (!isInside) {
      const length = Math.min(WINDOW_BYTE_LENGTH, source.byteLength - byteOffset);
      this.windowSource = undefined;
      source.readInto(this.window.subarray(0, length), byteOffset);
      this.windowSource = source;
      this.windowStart = byteOffset;
      this.windowEnd = byteOffset + length;
    }
    return [this.window, byteOffset - this.windowStart];
  }

  private partsOf(source: FileSource, { byteOffset }: AlikeItem, pattern: ArchivePattern): [Buffer, number] {
    if (this.parts.length < pattern.readByteLength) this.parts = Buffer.allocUnsafe(pattern.readByteLength);
    let at = 0;
    for (const { start, end } of pattern.extents) {
      source.readInto(this.parts.subarray(at, at + end - start), byteOffset + start);
      at += end - start;
    }
    return [this.parts, 0];
  }

  private areShortRecordsWhole(pattern: ArchivePattern, bytes: Buffer, at: number): boolean {
    if (!this.checksums.isOn || !hasCrc(pattern, bytes, at)) return true;
    return pattern.records.every(({ readOffset, byteLength }, i) => {
      if (readOffset === undefined || byteLength === 0) return true;
      const start = at + readOffset;
      return crc32(bytes.subarray(start, start + byteLength)) === pattern.crcOf(i, bytes, at);
    });
  }

  /** A promise where records are compared on the way. */
  private settle(
    pattern: ArchivePattern,
    item: AlikeItem,
    bytes: Buffer,
    at: number,
  ): Promise<void> | undefined {
    const { path, relativePath, rank, fqn, byteOffset } = item;
    const { account, checksums } = this;
    account.addAll(relativePath, byteOffset, pattern.structure, 'structure');
    if (!hasCrc(pattern, bytes, at)) return undefined;
    let waiting: Promise<void> | undefined;
    for (const [i, { entryName, dataByteOffset, byteLength, readOffset }] of pattern.records.entries()) {
      if (byteLength === 0) continue;
      const start = byteOffset + dataByteOffset;
      if (!checksums.isOn) account.add(relativePath, start, start + byteLength, 'unread');
      else if (readOffset !== undefined) {
        checksums.compared++;
        account.add(relativePath, start, start + byteLength, 'proved');
      } else {
        const compared = checksums.addLong({
          path,
          relativePath,
          rank,
          byteOffset: start,
          byteLength,
          crc32: pattern.crcOf(i, bytes, at),
          label: fqn,
          entry: entryName,
          isStored: true,
        });
        if (compared !== undefined) waiting = waiting === undefined ? compared : both(waiting, compared);
      }
    }
    return waiting;
  }
}

async function both(first: Promise<void>, second: Promise<void>): Promise<void> {
  await Promise.all([first, second]);
}

function hasCrc(pattern: ArchivePattern, bytes: Buffer, at: number): boolean {
  return pattern.records.some((_, i) => pattern.crcOf(i, bytes, at) !== 0);
}
