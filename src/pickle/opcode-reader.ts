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

/**
 * How what a frame holds is read (protocol 4). `flat`: a frame is a hint, and reads go over its end: `pickle.loads`, and
 * `pickle.load` of a file that is read ahead. `framed`: a read that does not fit into the rest of the frame begins
 * behind the frame, and the rest is lost: `pickle.load` of CPython (Modules/_pickle.c) where the source has no `peek`,
 * which is how torch.load reads a record. No pickler lets a frame end inside an opcode.
 */
export type Framing = 'flat' | 'framed';

/** Reads opcodes and arguments of a pickle in order through a small window: data between them are never read. */
export class OpcodeReader {
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;
  private frameEnd = 0;
  /** Whether a frame ended inside an opcode: then the two ways of reading differ. */
  crossesFrame = false;

  constructor(
    private readonly source: PickleBytes,
    /** Where the next byte is read. */
    public at: number,
    private readonly framing: Framing = 'flat',
  ) {}

  /**
   * Begins a frame, unless one lies around it that holds it whole. False where the bytes end too early: the unpickler in
   * Python takes what there is.
   */
  enterFrame(byteLength: number): boolean {
    this.leaveFrame(byteLength);
    if (byteLength > this.source.byteLength - this.at) {
      this.crossesFrame = true;
      return this.framing === 'flat';
    }
    if (this.at >= this.frameEnd) this.frameEnd = this.at + byteLength;
    return true;
  }

  /** The next byte, which no frame ends inside of. Undefined where there is none. */
  takeByte(): number | undefined {
    const from = this.at - this.windowStart;
    if (from < 0 || from >= this.window.length) return this.take(1)?.[0];
    this.at++;
    return this.window[from];
  }

  /** Undefined where the bytes end too early. */
  take(byteLength: number): Uint8Array | undefined {
    this.leaveFrame(byteLength);
    const bytes = this.peek(this.at, byteLength);
    if (bytes !== undefined) this.at += byteLength;
    return bytes;
  }

  /** Steps over data; bytes objects are read over the end of a frame in either way. False where the bytes end too early. */
  skip(byteLength: number, isBytes: boolean): boolean {
    if (!isBytes) this.leaveFrame(byteLength);
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

  /**
   * The bytes up to a newline, which is stepped over. Where the source ends first the last byte counts as the newline:
   * the unpickler in Python cuts it off, whatever it is, and at the end reads an empty line. Undefined for lines that are
   * too long to be names.
   */
  line(): Uint8Array | undefined {
    const end = this.lineEnd();
    if (end === undefined) return undefined;
    if (this.at < this.frameEnd && end > this.frameEnd) this.leaveFrame(end - this.at);
    const bytes = this.peek(this.at, end - this.at)!.slice(0, -1);
    this.at = end;
    return bytes;
  }

  /** Behind the next newline. */
  private lineEnd(): number | undefined {
    for (let length = 256; ; length *= 16) {
      const room = Math.min(length, this.source.byteLength - this.at);
      const newline = this.peek(this.at, room)!.indexOf(0x0a);
      if (newline >= 0) return this.at + newline + 1;
      if (room < length) return this.at + room;
      if (length >= MAX_LINE_BYTE_LENGTH) return undefined;
    }
  }

  private leaveFrame(byteLength: number): void {
    if (this.at >= this.frameEnd || this.at + byteLength <= this.frameEnd) return;
    this.crossesFrame = true;
    if (this.framing === 'framed') this.at = this.frameEnd;
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
