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

interface Format {
  exponentBits: number;
  mantissaBits: number;
  bias: number;
  /**
   * What lies beyond the largest number: `infinity`; `saturate` (e4m3fn has no infinity, and one NaN pattern to a
   * sign); `nan` (fnuz types, whose one NaN is the pattern of a negative zero).
   */
  overflow: 'infinity' | 'saturate' | 'nan';
}

const FORMATS: Readonly<Record<string, Format>> = {
  float16: { exponentBits: 5, mantissaBits: 10, bias: 15, overflow: 'infinity' },
  float8_e5m2: { exponentBits: 5, mantissaBits: 2, bias: 15, overflow: 'infinity' },
  float8_e4m3fn: { exponentBits: 4, mantissaBits: 3, bias: 7, overflow: 'saturate' },
  float8_e5m2fnuz: { exponentBits: 5, mantissaBits: 2, bias: 16, overflow: 'nan' },
  float8_e4m3fnuz: { exponentBits: 4, mantissaBits: 3, bias: 8, overflow: 'nan' },
};

const FLOAT32_NAN = 0x7fc00000;
const FLOAT32_INFINITY = 0x7f800000;
const known = new Map<string, SmallFloat>();

/** The type of that torch name; undefined for every other type. Tables are made on first use. */
export function smallFloat(name: string): SmallFloat | undefined {
  let found = known.get(name);
  if (found === undefined) {
    const format = FORMATS[name];
    if (name === 'bfloat16') found = bfloat16();
    else if (name === 'float8_e8m0fnu') found = e8m0();
    else if (format !== undefined) found = fromFormat(format);
    else return undefined;
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
function decoder(table: Int32Array): SmallFloat['decode'] {
  return (source, bits, count) => {
    for (let i = 0; i < count; i++) bits[i] = table[source[i]!]!;
  };
}

/** A power of two, 2^-127 to 2^127, without a sign; 255 is NaN. */
function e8m0(): SmallFloat {
  return {
    decode: decoder(
      Int32Array.from({ length: 256 }, (_, pattern) =>
        pattern === 0 ? 0x00400000 : pattern === 255 ? FLOAT32_NAN : pattern << 23,
      ),
    ),
    encode(bits, target, count) {
      for (let i = 0; i < count; i++) {
        const magnitude = bits[i]! & 0x7fffffff;
        const exponent = magnitude >>> 23;
        const fraction = magnitude & 0x7fffff;
        // Half way is rounded up from a normal number, down from a subnormal one.
        const isUp = exponent < 255 && fraction > (exponent === 0 ? 0x400000 : 0x3fffff);
        target[i] = exponent + (isUp ? 1 : 0);
      }
    },
  };
}

function fromFormat(format: Format): SmallFloat {
  return { decode: decoder(decodingTable(format)), encode: encoder(format) };
}

function decodingTable({ exponentBits, mantissaBits, bias, overflow }: Format): Int32Array {
  const signBit = 1 << (exponentBits + mantissaBits);
  const lastExponent = (1 << exponentBits) - 1;
  const scratch = new DataView(new ArrayBuffer(4));
  return Int32Array.from({ length: 2 * signBit }, (_, pattern) => {
    const sign = pattern & signBit ? 0x80000000 : 0;
    const magnitude = pattern & (signBit - 1);
    const exponent = magnitude >>> mantissaBits;
    const mantissa = magnitude & ((1 << mantissaBits) - 1);
    if (overflow === 'nan' && pattern === signBit) return FLOAT32_NAN;
    if (overflow === 'saturate' && magnitude === signBit - 1) return sign | FLOAT32_NAN;
    if (overflow === 'infinity' && exponent === lastExponent) {
      return sign | FLOAT32_INFINITY | (mantissa << (23 - mantissaBits));
    }
    const value =
      exponent === 0
        ? mantissa * 2 ** (1 - bias - mantissaBits)
        : (mantissa + (1 << mantissaBits)) * 2 ** (exponent - bias - mantissaBits);
    scratch.setFloat32(0, value);
    return sign | scratch.getInt32(0);
  });
}

/**
 * Rounding without branches: for each exponent of a float32, how far its significand is shifted to the right, whether
 * the bit that a float32 leaves out is put back (results below the normal range), and what is added. A carry out of
 * the significand raises the exponent, as it should.
 */
function encoder({ exponentBits, mantissaBits, bias, overflow }: Format): SmallFloat['encode'] {
  const signShift = 31 - exponentBits - mantissaBits;
  const signBit = 1 << (exponentBits + mantissaBits);
  const overflowExponent = 127 - bias + (1 << exponentBits) - (overflow === 'infinity' ? 1 : 0);
  const beyond =
    overflow === 'infinity' ? signBit - (1 << mantissaBits) : overflow === 'saturate' ? signBit - 2 : signBit;
  const nan = overflow === 'nan' ? signBit : signBit - 1;
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
  const isPlain = overflow === 'infinity';
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
        if (result === 0 && overflow === 'nan') {
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
