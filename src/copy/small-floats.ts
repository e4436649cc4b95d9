import { type DTypeInfo, findDType } from '../dtype.js';
import { type FloatLayout, numberFormatOf, valueTable } from '../numbers.js';

/**
 * Floating types of 8 and 16 bits, from and to the 32 bits of a float32. Facts of the formats and their rounding:
 * `torch/headeronly/util` (Half.h, BFloat16.h, Float8_*.h). All round to nearest, ties to even.
 */
export interface SmallFloat {
  /** The bits of `count` values as float32: exact. */
  decode(source: Uint8Array | Uint16Array, float32Bits: Int32Array, count: number): void;
  /** Rounds `count` float32 values, given by their bits. */
  encode(float32Bits: Int32Array, target: Uint8Array | Uint16Array, count: number): void;
}

const FLOAT32_INFINITY = 0x7f800000;
const known = new Map<string, SmallFloat>();

/** The type of that torch name; undefined for every other type. Tables are made on first use. */
export function smallFloat(name: string): SmallFloat | undefined {
  let found = known.get(name);
  if (found === undefined) {
    const dtype = findDType(name);
    const format = dtype === undefined ? undefined : numberFormatOf(dtype);
    if (format?.layout === undefined || format.componentCount === 2) return undefined;
    if (format.bitWidth !== 8 && format.bitWidth !== 16) return undefined;
    if (name === 'bfloat16') found = bfloat16();
    else
      found = {
        decode: decoder(dtype!),
        encode: format.layout.signBits === 0 ? encodeE8m0 : encoder(format.layout),
      };
    known.set(name, found);
  }
  return found;
}

/** The upper half of a float32. Two at a time: half as many loads or stores. */
function bfloat16(): SmallFloat {
  return {
    decode(source, bits, count) {
      if (source.byteOffset % 4 !== 0) {
        for (let i = 0; i < count; i++) bits[i] = source[i]! << 16;
        return;
      }
      const pairs = new Int32Array(source.buffer, source.byteOffset, count >> 1);
      for (let i = 0; i < pairs.length; i++) {
        const pair = pairs[i]!;
        bits[2 * i] = pair << 16;
        bits[2 * i + 1] = pair & 0xffff0000;
      }
      if (count % 2 === 1) bits[count - 1] = source[count - 1]! << 16;
    },
    encode(bits, target, count) {
      const isAligned = target.byteOffset % 4 === 0;
      const pairs = new Int32Array(
        target.buffer,
        isAligned ? target.byteOffset : 0,
        isAligned ? count >> 1 : 0,
      );
      for (let i = 0; i < pairs.length; i++) {
        pairs[i] = roundedToUpperHalf(bits[2 * i]!) | (roundedToUpperHalf(bits[2 * i + 1]!) << 16);
      }
      for (let i = 2 * pairs.length; i < count; i++) target[i] = roundedToUpperHalf(bits[i]!);
    },
  };
}

function roundedToUpperHalf(x: number): number {
  if ((x & 0x7fffffff) > FLOAT32_INFINITY) return (x >>> 16) | 0x40;
  return (((x + 0x7fff) | 0) + ((x >>> 16) & 1)) >>> 16;
}

/** One bit pattern after the other, by table. */
function decoder(dtype: DTypeInfo): SmallFloat['decode'] {
  const table = new Int32Array(Float32Array.from(valueTable(dtype)).buffer);
  return (source, bits, count) => {
    for (let i = 0; i < count; i++) bits[i] = table[source[i]!]!;
  };
}

/** A power of two, 2^-127 to 2^127, without a sign; 255 is NaN. */
const encodeE8m0: SmallFloat['encode'] = (bits, target, count) => {
  for (let i = 0; i < count; i++) {
    const magnitude = bits[i]! & 0x7fffffff;
    const exponent = magnitude >>> 23;
    const fraction = magnitude & 0x7fffff;
    // Half way is rounded up from a normal number, down from a subnormal one.
    const isUp = exponent < 255 && fraction > (exponent === 0 ? 0x400000 : 0x3fffff);
    target[i] = exponent + (isUp ? 1 : 0);
  }
};

/**
 * Rounding without branches: for each exponent of a float32, how far its significand is shifted to the right, whether
 * the bit that a float32 leaves out is put back (results below the normal range), and what is added. A carry out of
 * the significand raises the exponent, as it should.
 *
 * Beyond the largest number lies infinity; where the format has none, the largest number stays, and formats whose NaN
 * is the pattern of a negative zero give that.
 */
function encoder({ exponentBits, mantissaBits, bias, nonFinite }: FloatLayout): SmallFloat['encode'] {
  const signShift = 31 - exponentBits - mantissaBits;
  const signBit = 1 << (exponentBits + mantissaBits);
  const overflowExponent = 127 - bias + (1 << exponentBits) - (nonFinite === 'ieee' ? 1 : 0);
  const beyond =
    nonFinite === 'ieee' ? signBit - (1 << mantissaBits) : nonFinite === 'all-ones' ? signBit - 2 : signBit;
  const nan = nonFinite === 'negative-zero' ? signBit : signBit - 1;
  const shift = new Uint8Array(256).fill(ROUNDS_TO_ZERO);
  const leading = new Int32Array(256);
  const base = new Int32Array(256);
  for (let exponent = 1; exponent < 256; exponent++) {
    const smallExponent = exponent - 127 + bias;
    if (exponent >= overflowExponent) {
      base[exponent] = beyond;
    } else if (smallExponent > 0) {
      shift[exponent] = 23 - mantissaBits;
      base[exponent] = smallExponent << mantissaBits;
    } else {
      shift[exponent] = Math.min(ROUNDS_TO_ZERO, 24 - mantissaBits - smallExponent);
      leading[exponent] = 0x800000;
    }
  }
  const isPlain = nonFinite === 'ieee';
  return (bits, target, count) => {
    for (let i = 0; i < count; i++) {
      const x = bits[i]!;
      const magnitude = x & 0x7fffffff;
      const exponent = magnitude >>> 23;
      const by = shift[exponent]!;
      const significand = (magnitude & 0x7fffff) | leading[exponent]!;
      const half = (1 << (by - 1)) - 1 + ((significand >>> by) & 1);
      let result = base[exponent]! + ((significand + half) >>> by);
      const sign = (x >>> signShift) & signBit;
      if (magnitude > FLOAT32_INFINITY) result = nan;
      else if (!isPlain) {
        if (result === 0 && nonFinite === 'negative-zero') {
          target[i] = 0;
          continue;
        }
        if (result > beyond) result = beyond;
      }
      target[i] = result | sign;
    }
  };
}

/** By so many bits a significand of 24 bits is shifted to less than one half. */
const ROUNDS_TO_ZERO = 25;
