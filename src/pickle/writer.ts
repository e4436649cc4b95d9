import { encodeUtf8 } from '../bytes.js';
import { UnsupportedError, UsageError } from '../errors.js';
import { encodeTwosComplement } from './integers.js';
import { OPCODES } from './opcodes.js';
import type { PyFloat } from './values.js';

/** Codes of the opcodes by name. */
const CODE = new Map(OPCODES.map(opcode => [opcode.name, opcode.code]));

/** The code of an opcode, for use in constants. */
export function codeOf(name: string): number {
  const code = CODE.get(name);
  if (code === undefined) throw new UsageError(`There is no opcode ${name}`);
  return code;
}

const BINFLOAT = codeOf('BINFLOAT');
const BINGET = codeOf('BINGET');
const BININT = codeOf('BININT');
const BININT1 = codeOf('BININT1');
const BININT2 = codeOf('BININT2');
const BINPUT = codeOf('BINPUT');
const BINUNICODE = codeOf('BINUNICODE');
const GLOBAL = codeOf('GLOBAL');
const LONG1 = codeOf('LONG1');
const LONG4 = codeOf('LONG4');
const LONG_BINGET = codeOf('LONG_BINGET');
const LONG_BINPUT = codeOf('LONG_BINPUT');

/** Bytes that a BINUNICODE or LONG4 can hold under protocol 2. */

/** Writes opcodes of protocol 2 with their arguments into memory that grows. */
export class PickleWriter {
  private bytes = new Uint8Array(1024);
  private length = 0;

  /** What was written. */
  finish(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  /** One byte: an opcode without argument. */
  opcode(code: number): void {
    if (this.length === this.bytes.length) this.grow(1);
    this.bytes[this.length++] = code;
  }

  /** BINPUT or LONG_BINPUT. */
  put(slot: number): void {
    this.slot(BINPUT, LONG_BINPUT, slot);
  }

  /** BINGET or LONG_BINGET. */
  get(slot: number): void {
    this.slot(BINGET, LONG_BINGET, slot);
  }

  /** The shortest of BININT1, BININT2, BININT, LONG1, LONG4. @throws UsageError for a bare number that is no int. */
  integer(value: number | bigint): void {
    if (typeof value === 'bigint') {
      if (value < -0x80000000n || value > 0x7fffffffn) this.long(value);
      else this.integer(Number(value));
    } else if (!Number.isSafeInteger(value)) {
      throw new UsageError('A bare number must be an int that it holds exactly; a float is a PyFloat', {
        found: value,
      });
    } else if (value >= 0 && value <= 0xff) {
      this.withUint8(BININT1, value);
    } else if (value >= 0 && value <= 0xffff) {
      this.reserve(3);
      this.bytes[this.length++] = BININT2;
      this.bytes[this.length++] = value & 0xff;
      this.bytes[this.length++] = value >> 8;
    } else if (value === (value | 0)) {
      this.withInt32(BININT, value);
    } else {
      this.long(BigInt(value));
    }
  }

  float(value: PyFloat): void {
    this.opcode(BINFLOAT);
    this.int32BE(value.high);
    this.int32BE(value.low);
  }

  /** BINUNICODE of a text, or of its exact bytes. */
  text(text: string, utf8?: Uint8Array): void {
    if (utf8 === undefined && this.shortAscii(text)) return;
    this.utf8(utf8 ?? encodeUtf8(text));
  }

  /** BINUNICODE of one character for each byte. */
  latin1(bytes: Uint8Array): void {
    let extra = 0;
    for (let i = 0; i < bytes.length; i++) extra += bytes[i]! >> 7;
    this.textHeader(bytes.length + extra);
    this.reserve(bytes.length + extra);
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte < 0x80) {
        this.bytes[this.length++] = byte;
      } else {
        this.bytes[this.length++] = 0xc0 | (byte >> 6);
        this.bytes[this.length++] = 0x80 | (byte & 0x3f);
      }
    }
  }

  /** @throws UnsupportedError for a name that the line of a GLOBAL cannot hold. */
  global(module: string, name: string): void {
    const line = `${module}\n${name}\n`;
    // A newline inside a name would begin another opcode.
    if (!/^[^\n\x80-\uffff]*\n[^\n\x80-\uffff]*\n$/.test(line)) {
      throw new UnsupportedError('Protocol 2 cannot name this class or function', {
        expected: 'ASCII without newlines',
        found: JSON.stringify(`${module}.${name}`),
      });
    }
    this.opcode(GLOBAL);
    this.reserve(line.length);
    for (let i = 0; i < line.length; i++) this.bytes[this.length++] = line.charCodeAt(i);
  }

  private slot(short: number, long: number, slot: number): void {
    if (slot <= 0xff) this.withUint8(short, slot);
    else this.withInt32(long, slot);
  }

  /** Short ASCII text without a detour; false for any other. */
  private shortAscii(text: string): boolean {
    const { length } = text;
    if (length > 64) return false;
    this.reserve(5 + length);
    const start = this.length + 5;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0x80) return false;
      this.bytes[start + i] = unit;
    }
    this.textHeader(length);
    this.length += length;
    return true;
  }

  private utf8(bytes: Uint8Array): void {
    this.textHeader(bytes.length);
    this.raw(bytes);
  }

  /** No text of JavaScript is too long for it: 2^29 characters have less than 2^32 bytes. */
  private textHeader(byteLength: number): void {
    this.withInt32(BINUNICODE, byteLength);
  }

  private long(value: bigint): void {
    const bytes = encodeTwosComplement(value);
    if (bytes.length <= 0xff) this.withUint8(LONG1, bytes.length);
    else this.withInt32(LONG4, bytes.length);
    this.raw(bytes);
  }

  private withUint8(code: number, value: number): void {
    this.reserve(2);
    this.bytes[this.length++] = code;
    this.bytes[this.length++] = value;
  }

  private withInt32(code: number, value: number): void {
    this.reserve(5);
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = code;
    bytes[at++] = value;
    bytes[at++] = value >>> 8;
    bytes[at++] = value >>> 16;
    bytes[at++] = value >>> 24;
    this.length = at;
  }

  private int32BE(value: number): void {
    this.reserve(4);
    for (let shift = 24; shift >= 0; shift -= 8) this.bytes[this.length++] = value >>> shift;
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  private reserve(byteLength: number): void {
    if (this.length + byteLength > this.bytes.length) this.grow(byteLength);
  }

  private grow(byteLength: number): void {
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + byteLength));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}
