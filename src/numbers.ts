import type { DTypeInfo } from './dtype.js';
import { dtypeOf } from './dtype.js';

/**
 * How an element type writes numbers. An element is one number, or two: a complex number has two components one
 * behind the other (`componentCount` 2), a packed type two numbers in a byte, the low half first (`bitWidth` 4).
 *
 * Types whose bits mean nothing to torch (`bits8`, …) and packed quantized ones are read as unsigned integers;
 * quantized integers as they are stored, without scale and zero point.
 */
export interface NumberFormat {
  readonly kind: 'float' | 'signed' | 'unsigned' | 'bool';
  readonly bitWidth: 4 | 8 | 16 | 32 | 64;
  readonly componentCount: 1 | 2;
  /** Of floats. */
  readonly layout?: FloatLayout;
}

/**
 * The fields of a float, from the top bit down: sign (if any), exponent, mantissa.
 *
 * `nonFinite`: which patterns are no finite numbers. `ieee`: exponent all ones (infinity where the mantissa is 0).
 * `all-ones`: exponent and mantissa all ones is NaN, there is no infinity. `negative-zero`: the pattern that would
 * be −0 is NaN. `none`: every pattern is a finite number.
 * Source: `torch/headeronly/util/Float8_*.h`, `Float4_e2m1fn_x2.h`; OCP Microscaling formats for E8M0 and E2M1.
 */
export interface FloatLayout {
  readonly signBits: 0 | 1;
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly bias: number;
  readonly nonFinite: 'ieee' | 'all-ones' | 'negative-zero' | 'none';
}

const float = (
  exponentBits: number,
  mantissaBits: number,
  bias: number,
  nonFinite: FloatLayout['nonFinite'] = 'ieee',
  signBits: 0 | 1 = 1,
): FloatLayout => ({ signBits, exponentBits, mantissaBits, bias, nonFinite });

const FLOAT64 = float(11, 52, 1023);
const FLOAT32 = float(8, 23, 127);
const FLOAT16 = float(5, 10, 15);
const BFLOAT16 = float(8, 7, 127);

type Row = [bitWidth: NumberFormat['bitWidth'], layout: FloatLayout, componentCount?: 2];

const FLOATS: Readonly<Record<string, Row>> = {
  float64: [64, FLOAT64],
  float32: [32, FLOAT32],
  float16: [16, FLOAT16],
  bfloat16: [16, BFLOAT16],
  complex128: [64, FLOAT64, 2],
  complex64: [32, FLOAT32, 2],
  complex32: [16, FLOAT16, 2],
  bcomplex32: [16, BFLOAT16, 2],
  float8_e5m2: [8, float(5, 2, 15)],
  float8_e4m3fn: [8, float(4, 3, 7, 'all-ones')],
  float8_e5m2fnuz: [8, float(5, 2, 16, 'negative-zero')],
  float8_e4m3fnuz: [8, float(4, 3, 8, 'negative-zero')],
  float8_e8m0fnu: [8, float(8, 0, 127, 'all-ones', 0)],
  float4_e2m1fn_x2: [4, float(2, 1, 1, 'none')],
};

const SIGNED = new Set(['int64', 'int32', 'int16', 'int8', 'qint8', 'qint32']);

/** The format of a type's numbers. */
export function numberFormatOf(dtype: DTypeInfo): NumberFormat {
  const row = FLOATS[dtype.name];
  if (row !== undefined) {
    const [bitWidth, layout, componentCount = 1] = row;
    return { kind: 'float', bitWidth, componentCount, layout };
  }
  const bitWidth = (dtype.itemSize * 8) as NumberFormat['bitWidth'];
  const kind = dtype.kind === 'bool' ? 'bool' : SIGNED.has(dtype.name) ? 'signed' : 'unsigned';
  return { kind, bitWidth, componentCount: 1 };
}

/** Numbers in `byteLength` bytes of a format. */
export function numberCountOf({ bitWidth }: NumberFormat, byteLength: number): number {
  return (byteLength / bitWidth) * 8;
}

/** Whether bits are a float's subnormal number: exponent field 0, and not zero. */
export function isSubnormal(layout: FloatLayout, bits: number): boolean {
  const { exponentBits, mantissaBits } = layout;
  if (mantissaBits === 0) return false;
  const magnitude = bits & ((1 << (exponentBits + mantissaBits)) - 1);
  return magnitude !== 0 && magnitude >>> mantissaBits === 0;
}

/** The value of a number of up to 16 bits. Exact: every format up to 32 bits fits a float64. */
function decodeNumber({ kind, bitWidth, layout }: NumberFormat, bits: number): number {
  if (kind === 'bool') return bits === 0 ? 0 : 1;
  if (kind === 'signed') return (bits << (32 - bitWidth)) >> (32 - bitWidth);
  return layout === undefined ? bits : decodeFloat(layout, bits);
}

function decodeFloat(layout: FloatLayout, bits: number): number {
  const { signBits, exponentBits, mantissaBits, bias, nonFinite } = layout;
  const magnitudeBits = exponentBits + mantissaBits;
  const magnitude = bits & ((1 << magnitudeBits) - 1);
  const isNegative = signBits === 1 && bits >>> magnitudeBits === 1;
  if (nonFinite === 'negative-zero' && isNegative && magnitude === 0) return Number.NaN;
  const exponent = magnitude >>> mantissaBits;
  const mantissa = magnitude & ((1 << mantissaBits) - 1);
  const topExponent = (1 << exponentBits) - 1;
  let value: number;
  if (exponent === topExponent && nonFinite === 'ieee') {
    value = mantissa === 0 ? Number.POSITIVE_INFINITY : Number.NaN;
  } else if (magnitude === (1 << magnitudeBits) - 1 && nonFinite === 'all-ones') {
    value = Number.NaN;
  } else if (exponent === 0 && mantissaBits > 0) {
    value = mantissa * 2 ** (1 - bias - mantissaBits);
  } else {
    value = ((1 << mantissaBits) | mantissa) * 2 ** (exponent - bias - mantissaBits);
  }
  return isNegative ? -value : value;
}

const tables = new Map<string, Float64Array>();

/** The value of every pattern of a type of up to 16 bits, by its bits. Made once. */
export function valueTable(dtype: DTypeInfo): Float64Array {
  let table = tables.get(dtype.name);
  if (table === undefined) {
    const format = numberFormatOf(dtype);
    if (format.bitWidth > 16) throw new RangeError(`${dtype.name} has no table of values`);
    table = Float64Array.from({ length: 2 ** format.bitWidth }, (_, bits) => decodeNumber(format, bits));
    tables.set(dtype.name, table);
  }
  return table;
}

/**
 * The numbers in bytes of a type (whole elements, little-endian), as float64: exact but for integers beyond 2^53,
 * which are rounded. Complex numbers give two each, real part first; packed types two a byte.
 */
export function readNumbers(dtype: DTypeInfo | string, bytes: Uint8Array): Float64Array {
  const info = typeof dtype === 'string' ? dtypeOf(dtype) : dtype;
  const format = numberFormatOf(info);
  const count = numberCountOf(format, bytes.length);
  const numbers = new Float64Array(count);
  const { bitWidth, kind } = format;
  if (bitWidth <= 16) {
    const table = valueTable(info);
    if (bitWidth === 16) {
      for (let i = 0; i < count; i++) numbers[i] = table[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
    } else if (bitWidth === 8) {
      for (let i = 0; i < count; i++) numbers[i] = table[bytes[i]!]!;
    } else {
      for (let i = 0; i < count; i++) numbers[i] = table[(bytes[i >> 1]! >> (4 * (i & 1))) & 15]!;
    }
    return numbers;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < count; i++) {
    if (bitWidth === 32) {
      const at = 4 * i;
      numbers[i] =
        kind === 'float'
          ? view.getFloat32(at, true)
          : kind === 'signed'
            ? view.getInt32(at, true)
            : view.getUint32(at, true);
    } else {
      const at = 8 * i;
      numbers[i] =
        kind === 'float'
          ? view.getFloat64(at, true)
          : Number(kind === 'signed' ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
    }
  }
  return numbers;
}
