import { readUint64LE } from '../bytes.js';

/** Bytes at any place, at once: a file, or memory. */
export interface PickleBytes {
  readonly byteLength: number;
  /** May return a view that is only valid until the next call. */
  read(byteOffset: number, byteLength: number): Uint8Array;
}

export function inMemory(bytes: Uint8Array): PickleBytes {
  return { byteLength: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
}

const WINDOW_BYTE_LENGTH = 64 * 1024;
/** Longer lines are not names. CPython reads them, whatever their length. */
const MAX_LINE_BYTE_LENGTH = 1 << 20;

/** Reads opcodes and arguments of a pickle in order through a small window: data between them are never read. */
export class OpcodeReader {
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;

  constructor(
    private readonly source: PickleBytes,
    /** Where the next byte is read. */
    public at: number,
  ) {}

  get isAtEnd(): boolean {
    return this.at >= this.source.byteLength;
  }

  /** Undefined where the bytes end too early. */
  take(byteLength: number): Uint8Array | undefined {
    const bytes = this.peek(this.at, byteLength);
    if (bytes !== undefined) this.at += byteLength;
    return bytes;
  }

  /** Steps over data. False where the bytes end too early. */
  skip(byteLength: number): boolean {
    if (byteLength > this.source.byteLength - this.at) return false;
    this.at += byteLength;
    return true;
  }

  /** An unsigned length in 1, 4 or 8 bytes. */
  length(prefix: 1 | 4 | 8): number | undefined {
    const bytes = this.take(prefix);
    if (bytes === undefined) return undefined;
    if (prefix === 8) return readUint64LE(bytes, 0);
    return prefix === 1 ? bytes[0]! : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  /** The bytes up to a newline, which is stepped over. */
  line(): Uint8Array | undefined {
    let length = 256;
    for (;;) {
      const room = Math.min(length, this.source.byteLength - this.at);
      const bytes = this.peek(this.at, room)!;
      const end = bytes.indexOf(0x0a);
      if (end >= 0) {
        this.at += end + 1;
        return bytes.slice(0, end);
      }
      if (room < length || length >= MAX_LINE_BYTE_LENGTH) return undefined;
      length *= 16;
    }
  }

  private peek(at: number, byteLength: number): Uint8Array | undefined {
    if (byteLength > this.source.byteLength - at) return undefined;
    const from = at - this.windowStart;
    if (from < 0 || from + byteLength > this.window.length) {
      const wanted = Math.min(Math.max(byteLength, WINDOW_BYTE_LENGTH), this.source.byteLength - at);
      this.window = this.source.read(at, wanted).slice();
      this.windowStart = at;
      return this.window.subarray(0, byteLength);
    }
    return this.window.subarray(from, from + byteLength);
  }
}
