import { FormatError, LimitError } from './errors.js';

/**
 * Text and numbers in bytes. UTF-8 here means what Python's codec with `surrogatepass` accepts: UTF-8, and
 * besides it lone surrogates in three bytes (ED A0 80 to ED BF BF), which strict UTF-8 forbids.
 */

/** V8 cannot hold longer strings (2^29 − 24 UTF-16 units). */
const MAX_TEXT_LENGTH = 0x1fffffe8;

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * The text of `bytes[start, end)`. Two surrogates that were stored separately come out joined: the caller who
 * must tell them apart asks {@link hasSurrogatePairBytes}.
 * @throws FormatError at the first byte that is not UTF-8. LimitError for text longer than a string can be.
 */
export function decodeUtf8(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start > MAX_TEXT_LENGTH) {
    throw new LimitError('The text is too long', {
      expected: `${MAX_TEXT_LENGTH} bytes at most`,
      found: `${end - start} bytes`,
      byteOffset: start,
    });
  }
  try {
    return strictDecoder.decode(bytes.subarray(start, end));
  } catch {
    return decodeWithSurrogates(bytes, start, end);
  }
}

/** Smallest code point that may take two, three and four bytes. */
const SMALLEST = [0, 0x80, 0x800, 0x10000];

function decodeWithSurrogates(bytes: Uint8Array, start: number, end: number): string {
  const parts: string[] = [];
  let units: number[] = [];
  for (let at = start; at < end; ) {
    const lead = bytes[at]!;
    const trailing =
      lead < 0x80 ? 0 : lead < 0xc0 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf8 ? 3 : -1;
    if (trailing < 0 || at + trailing >= end) throw notUtf8(lead, at);
    let codePoint = trailing === 0 ? lead : lead & (0x3f >> trailing);
    for (let i = 1; i <= trailing; i++) {
      const next = bytes[at + i]!;
      if ((next & 0xc0) !== 0x80) throw notUtf8(lead, at);
      codePoint = codePoint * 64 + (next & 0x3f);
    }
    if (codePoint < SMALLEST[trailing]! || codePoint > 0x10ffff) throw notUtf8(lead, at);
    if (codePoint < 0x10000) units.push(codePoint);
    else units.push(0xd7c0 + (codePoint >> 10), 0xdc00 + (codePoint & 0x3ff));
    at += trailing + 1;
    if (units.length > 0x1000) {
      parts.push(String.fromCharCode(...units));
      units = [];
    }
  }
  parts.push(String.fromCharCode(...units));
  return parts.join('');
}

function notUtf8(byte: number, byteOffset: number): FormatError {
  return new FormatError('The text is not UTF-8', { found: `byte 0x${byte.toString(16)}`, byteOffset });
}

/**
 * Whether a high surrogate is followed by a low one, each stored in three bytes: two code points in Python,
 * which UTF-16 text cannot tell from the one character that they would make together.
 */
export function hasSurrogatePairBytes(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  for (let at = bytes.indexOf(0xed, start); at >= 0 && at + 6 <= end; at = bytes.indexOf(0xed, at + 1)) {
    if (bytes[at + 1]! >= 0xa0 && bytes[at + 1]! < 0xb0 && bytes[at + 3] === 0xed && bytes[at + 4]! >= 0xb0) {
      return true;
    }
  }
  return false;
}

/** UTF-8 of `text`; a lone surrogate becomes its three bytes. */
export function encodeUtf8(text: string): Uint8Array {
  if (!/\p{Surrogate}/u.test(text)) return encoder.encode(text);
  const bytes: number[] = [];
  for (const character of text) {
    const codePoint = character.codePointAt(0)!;
    if (codePoint >= 0xd800 && codePoint < 0xe000) {
      bytes.push(0xed, 0x80 | ((codePoint >> 6) & 0x3f), 0x80 | (codePoint & 0x3f));
    } else {
      bytes.push(...encoder.encode(character));
    }
  }
  return Uint8Array.from(bytes);
}

/** One character for each byte, U+0000 to U+00FF. */
export function decodeLatin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const parts: string[] = [];
  for (let at = start; at < end; at += 0x2000) {
    parts.push(String.fromCharCode(...bytes.subarray(at, Math.min(at + 0x2000, end))));
  }
  return parts.join('');
}

/** The bytes of a text whose characters all lie in U+0000 to U+00FF; undefined for any other text. */
export function encodeLatin1(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0xff) return undefined;
    bytes[i] = unit;
  }
  return bytes;
}

/**
 * Memory for so many bytes, all zero; with `isShared` threads can fill it.
 * @throws LimitError where there is not so much, or an array cannot be so long.
 */
export function newMemory(byteLength: number, { isShared = false } = {}): Uint8Array {
  try {
    return isShared ? new Uint8Array(new SharedArrayBuffer(byteLength)) : new Uint8Array(byteLength);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new LimitError('There is not enough memory', { expected: `${byteLength} bytes`, cause });
  }
}

/** Bytes as a person compares them with a dump: `50 4b 03 04`. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ');
}

export function readUint16LE(bytes: Uint8Array, byteOffset: number): number {
  return bytes[byteOffset]! | (bytes[byteOffset + 1]! << 8);
}

export function readInt32LE(bytes: Uint8Array, byteOffset: number): number {
  return (
    bytes[byteOffset]! |
    (bytes[byteOffset + 1]! << 8) |
    (bytes[byteOffset + 2]! << 16) |
    (bytes[byteOffset + 3]! << 24)
  );
}

export function readUint32LE(bytes: Uint8Array, byteOffset: number): number {
  return readInt32LE(bytes, byteOffset) >>> 0;
}

/** Exact up to 2^53; beyond, the nearest number, which is still larger than any length can be. */
export function readUint64LE(bytes: Uint8Array, byteOffset: number): number {
  return readUint32LE(bytes, byteOffset) + readUint32LE(bytes, byteOffset + 4) * 0x100000000;
}

export function readInt32BE(bytes: Uint8Array, byteOffset: number): number {
  return (
    (bytes[byteOffset]! << 24) |
    (bytes[byteOffset + 1]! << 16) |
    (bytes[byteOffset + 2]! << 8) |
    bytes[byteOffset + 3]!
  );
}
