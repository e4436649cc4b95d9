import { FormatError, LimitError } from '../errors.js';

/** An int of LONG1 or LONG4: little-endian two's complement, any length; no bytes are 0. */
export function decodeTwosComplement(bytes: Uint8Array, start: number, end: number): number | bigint {
  if (end === start) return 0;
  const isNegative = bytes[end - 1]! >= 0x80;
  if (end - start <= 6) {
    let value = isNegative ? -1 : 0;
    for (let i = end - 1; i >= start; i--) value = value * 256 + bytes[i]!;
    return value;
  }
  let digits = '';
  for (let i = end - 1; i >= start; i--) digits += bytes[i]!.toString(16).padStart(2, '0');
  const value = BigInt(`0x${digits}`);
  return plainInteger(isNegative ? value - (1n << BigInt(8 * (end - start))) : value);
}

/** The shortest two's complement of an int, little-endian, as CPython writes it; 0 is one byte here. */
export function encodeTwosComplement(value: bigint): Uint8Array {
  const magnitude = value < 0n ? -value - 1n : value;
  const digits = magnitude.toString(16);
  // One bit more than the magnitude has, for the sign.
  const bitLength = digits === '0' ? 0 : digits.length * 4 - Math.clz32(Number.parseInt(digits[0]!, 16)) + 28;
  const bytes = new Uint8Array((bitLength >> 3) + 1);
  const padded = digits.padStart(bytes.length * 2, '0');
  const flip = value < 0n ? 0xff : 0;
  for (let i = 0; i < bytes.length; i++) {
    const at = padded.length - 2 * (i + 1);
    bytes[i] = Number.parseInt(padded.slice(at, at + 2), 16) ^ flip;
  }
  return bytes;
}

/** A number where that is exact, else the bigint. */
export function plainInteger(value: bigint): number | bigint {
  const isSafe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return isSafe ? Number(value) : value;
}

/** Digits of decimal text that Python reads by default (`sys.int_info`, since 3.11). */
const MAX_DECIMAL_DIGITS = 4300;

/** @throws FormatError for anything but an optional sign and digits. LimitError for too many of them. */
export function decodeDecimal(text: string): number | bigint {
  if (!/^[-+]?\d+$/.test(text)) {
    throw new FormatError('An int is not decimal text', { found: JSON.stringify(text.slice(0, 40)) });
  }
  if (text.length > MAX_DECIMAL_DIGITS + 1) {
    throw new LimitError('An int has too many digits', {
      expected: `${MAX_DECIMAL_DIGITS} at most`,
      found: text.length,
    });
  }
  return text.length < 16 ? Number(text) + 0 : plainInteger(BigInt(text.replace(/^\+/, '')));
}
