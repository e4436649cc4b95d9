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
        const a = bits[2 * i]!;
        const b = bits[2 * i + 1]!;
        let low = (((a + 0x7fff) | 0) + ((a >>> 16) & 1)) >>> 16;
        let high = (((b + 0x7fff) | 0) + ((b >>> 16) & 1)) & 0xffff0000;
        if ((a & 0x7fffffff) > FLOAT32_INFINITY) low = (a >>> 16) | 0x40;
        if ((b & 0x7fffffff) > FLOAT32_INFINITY) high = (b & 0xffff0000) | 0x400000;
        pairs[i] = low | high;
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
 * Rounds to a format with a sign. A number in its normal range is shifted to the right, rounded, and gets another bias; a
 * carry out of the significand raises the exponent, as it should. The others, which are few in most tensors, go by a
 * function of their own.
 */
function encoder(layout: FloatLayout): SmallFloat['encode'] {
  const { exponentBits, mantissaBits, bias, nonFinite } = layout;
  const signShift = 31 - exponentBits - mantissaBits;
  const signBit = 1 << (exponentBits + mantissaBits);
  const { normalStart, normalEnd, beyond } = rangeOf(layout);
  const round = subnormalOrBeyond(layout);
  const by = 23 - mantissaBits;
  const rebiased = ((1 << (by - 1)) - 1 - ((127 - bias) << 23)) | 0;
  const hasNegativeZero = nonFinite !== 'negative-zero';
  return (bits, target, count) => {
    for (let i = 0; i < count; i++) {
      const x = bits[i]!;
      const magnitude = x & 0x7fffffff;
      let result: number;
      if (magnitude >= normalStart && magnitude < normalEnd) {
        result = ((magnitude + rebiased + ((magnitude >>> by) & 1)) | 0) >>> by;
        if (result > beyond) result = beyond;
      } else {
        result = round(magnitude);
        if (result === 0 && !hasNegativeZero) {
          target[i] = 0;
          continue;
        }
      }
      target[i] = result | ((x >>> signShift) & signBit);
    }
  };
}

/**
 * Magnitudes as float32 bits that are normal numbers of the format before rounding, and what stands for what is beyond
 * its largest number: infinity; the largest number where the format has no infinity; the NaN of formats whose NaN is
 * the pattern of a negative zero.
 */
function rangeOf({ exponentBits, mantissaBits, bias, nonFinite }: FloatLayout): {
  normalStart: number;
  normalEnd: number;
  beyond: number;
} {
  const signBit = 1 << (exponentBits + mantissaBits);
  const exponentCount = (1 << exponentBits) - (nonFinite === 'ieee' ? 1 : 0);
  const beyond = {
    ieee: signBit - (1 << mantissaBits),
    'all-ones': signBit - 2,
    'negative-zero': signBit,
    none: signBit - 1,
  }[nonFinite];
  return { normalStart: (128 - bias) << 23, normalEnd: (127 - bias + exponentCount) << 23, beyond };
}

/** The pattern for the magnitude of a float32 that is no normal number of the format. */
function subnormalOrBeyond(layout: FloatLayout): (magnitude: number) => number {
  const { exponentBits, mantissaBits, bias, nonFinite } = layout;
  const signBit = 1 << (exponentBits + mantissaBits);
  const { normalStart, beyond } = rangeOf(layout);
  const nan = nonFinite === 'negative-zero' ? signBit : signBit - 1;
  return magnitude => {
    if (magnitude > FLOAT32_INFINITY) return nan;
    if (magnitude >= normalStart) return beyond;
    const exponent = magnitude >>> 23;
    const by = 151 - bias - mantissaBits - exponent;
    // Less than half of the smallest number; subnormal numbers of float32 are too.
    if (by > 24 || exponent === 0) return 0;
    const significand = (magnitude & 0x7fffff) | 0x800000;
    return (significand + (1 << (by - 1)) - 1 + ((significand >>> by) & 1)) >>> by;
  };
}
