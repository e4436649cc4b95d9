import { CorruptDataError, FormatError } from '../errors.js';
import type { ByteSource } from '../io/source.js';

/** An item of a `.distcp` file: one torch.save archive, alone in `[byteOffset, byteOffset + byteLength)`. */
export interface Item {
  byteOffset: number;
  byteLength: number;
}

export const FILE_TOO_SHORT =
  'The file is shorter than the index says: it was cut off, or not written to its end';

/**
 * How much of an item is read at its start and at its end. The pickle and the local headers of a tensor's
 * archive take about 1,000 bytes, its directory about 650; what lies outside is read on demand.
 */
const HEAD_BYTE_LENGTH = 1536;
export const TAIL_BYTE_LENGTH = 1024;

/** Bytes between two wanted ranges that are cheaper to read along than to leave out by a read of its own. */
const MAX_GAP = 16 * 1024;
const MAX_WINDOW = 256 * 1024;

const NO_BYTES = Buffer.alloc(0);

/** The first and the last bytes of an item, which may overlap, as they lie in memory. */
export interface ItemEnds {
  head: Buffer;
  /** Where in `head` the item begins. */
  headAt: number;
  headByteLength: number;
  tail: Buffer;
  tailAt: number;
  tailByteLength: number;
}

/**
 * Reads items of one file in rising order. The tail of one item and the head of the next lie side by side, so
 * one read brings both, and those of many small items; the bytes of large tensors between are never read.
 */
export class ItemReader implements ItemEnds {
  private window = NO_BYTES;
  private windowStart = 0;
  /** Windows take turns in it: a hundred thousand of them are not left to the garbage collector. */
  private memory: [Buffer<ArrayBuffer>, Buffer<ArrayBuffer>] = [NO_BYTES, NO_BYTES];
  private item: Item = { byteOffset: 0, byteLength: 0 };
  // Of the item loaded last.
  head = NO_BYTES;
  headAt = 0;
  headByteLength = 0;
  tail = NO_BYTES;
  tailAt = 0;
  tailByteLength = 0;

  constructor(
    private readonly file: ByteSource,
    /** In rising order of `byteOffset`. */
    private readonly items: readonly Item[],
  ) {}

  /** The item as a source of its own. Call for items in order. */
  async open(index: number): Promise<ByteSource> {
    await this.load(index);
    return this.loaded();
  }

  /**
   * Brings both ends of an item into memory; returns a promise only where that takes a read. Call for items in order.
   * @throws CorruptDataError where the file ends before the item.
   */
  load(index: number): Promise<void> | undefined {
    const item = this.items[index]!;
    const end = item.byteOffset + item.byteLength;
    if (end > this.file.byteLength) {
      throw new CorruptDataError(FILE_TOO_SHORT, {
        expected: `${end} bytes at least`,
        found: `${this.file.byteLength} bytes`,
      });
    }
    this.item = item;
    this.headByteLength = Math.min(HEAD_BYTE_LENGTH, item.byteLength);
    this.tailByteLength = Math.min(TAIL_BYTE_LENGTH, item.byteLength);
    if (!this.holds(item.byteOffset, this.headByteLength)) return this.readBoth(index);
    this.takeHead();
    if (!this.holds(end - this.tailByteLength, this.tailByteLength)) return this.readTail(index);
    this.takeTail();
    return undefined;
  }

  /** The item loaded last as a source of its own, with its own copy of both ends. */
  loaded(): ByteSource {
    return new WindowedItem(this.file, this.item, this);
  }

  private async readBoth(index: number): Promise<void> {
    await this.moveTo(this.item.byteOffset, this.headByteLength, index);
    this.takeHead();
    const tailStart = this.item.byteOffset + this.item.byteLength - this.tailByteLength;
    if (!this.holds(tailStart, this.tailByteLength)) await this.moveTo(tailStart, this.tailByteLength, index);
    this.takeTail();
  }

  private async readTail(index: number): Promise<void> {
    const { byteOffset, byteLength } = this.item;
    await this.moveTo(byteOffset + byteLength - this.tailByteLength, this.tailByteLength, index);
    this.takeTail();
  }

  private takeHead(): void {
    this.head = this.window;
    this.headAt = this.item.byteOffset - this.windowStart;
  }

  private takeTail(): void {
    this.tail = this.window;
    this.tailAt = this.item.byteOffset + this.item.byteLength - this.tailByteLength - this.windowStart;
  }

  private holds(start: number, byteLength: number): boolean {
    return start >= this.windowStart && start + byteLength <= this.windowStart + this.window.length;
  }

  /** Reads a new window from `start` on, as far as the next wanted ranges follow closely. */
  private async moveTo(start: number, byteLength: number, index: number): Promise<void> {
    let end = start + byteLength;
    const reaches = (from: number, to: number): boolean => {
      if (from - end > MAX_GAP || to - start > MAX_WINDOW || to > this.file.byteLength) return false;
      end = Math.max(end, to);
      return true;
    };
    for (let i = index; i < this.items.length; i++) {
      const item = this.items[i]!;
      const itemEnd = item.byteOffset + item.byteLength;
      const headEnd = item.byteOffset + Math.min(HEAD_BYTE_LENGTH, item.byteLength);
      if (!reaches(item.byteOffset, headEnd)) break;
      if (!reaches(Math.max(item.byteOffset, itemEnd - TAIL_BYTE_LENGTH), itemEnd)) break;
    }
    const window = this.spareOf(end - start);
    await this.file.readInto(window, start);
    this.window = window;
    this.windowStart = start;
  }

  /** Memory for a window: what was there before the last one. The head of an item may still lie in the last one. */
  private spareOf(byteLength: number): Buffer<ArrayBuffer> {
    const [spare, last] = this.memory;
    this.memory = [last, spare.length < byteLength ? Buffer.allocUnsafeSlow(byteLength) : spare];
    return this.memory[1].subarray(0, byteLength);
  }
}

/** An item whose first and last bytes are in memory already. */
class WindowedItem implements ByteSource {
  private readonly head: Uint8Array;
  private readonly tail: Uint8Array;
  private readonly tailStart: number;

  constructor(
    private readonly file: ByteSource,
    private readonly item: Item,
    ends: ItemEnds,
  ) {
    this.head = Uint8Array.from(ends.head.subarray(ends.headAt, ends.headAt + ends.headByteLength));
    this.tail = Uint8Array.from(ends.tail.subarray(ends.tailAt, ends.tailAt + ends.tailByteLength));
    this.tailStart = item.byteLength - ends.tailByteLength;
  }

  get name(): string {
    return this.file.name;
  }

  get byteLength(): number {
    return this.item.byteLength;
  }

  readInto(target: Uint8Array, byteOffset: number): void | Promise<void> {
    const end = byteOffset + target.length;
    if (end > this.byteLength) {
      throw new FormatError('The item ends too early', {
        expected: `${end} bytes at least`,
        found: `${this.byteLength} bytes`,
        path: this.name,
        byteOffset: this.item.byteOffset,
      });
    }
    if (end <= this.head.length) target.set(this.head.subarray(byteOffset, end));
    else if (byteOffset >= this.tailStart) {
      target.set(this.tail.subarray(byteOffset - this.tailStart, end - this.tailStart));
    } else return this.file.readInto(target, this.item.byteOffset + byteOffset);
  }

  close(): void {}
}
