import type { DTypeInfo } from '../dtype.js';
import { UnsupportedError } from '../errors.js';

/**
 * How numpy names the element types that both know (`numpy.dtype.str`), little-endian. There is none for bfloat16, the
 * 8-bit floats, complex32, and what is packed or has no meaning for numpy.
 */
const TYPES: Readonly<Record<string, string>> = {
  float64: '<f8',
  float32: '<f4',
  float16: '<f2',
  int64: '<i8',
  int32: '<i4',
  int16: '<i2',
  int8: '|i1',
  uint64: '<u8',
  uint32: '<u4',
  uint16: '<u2',
  uint8: '|u1',
  bool: '|b1',
  complex64: '<c8',
  complex128: '<c16',
};

/** The name of an element type in a .npy header; undefined where numpy has no such type. */
export function npyTypeOf(dtype: DTypeInfo): string | undefined {
  return TYPES[dtype.name];
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const ALIGNMENT = 64;
/** numpy 2 makes no arrays of more dimensions; numpy 1 stops at 32. */
const MAX_DIMENSIONS = 64;
/** Room that numpy leaves for the first size to grow in place: digits of a 64-bit number and a sign. */
const GROWTH_DIGITS = 21;

/**
 * What stands before the elements in a .npy file of an array in C order: the same bytes as numpy ≥ 1.24 writes
 * (`numpy/lib/format.py`, format version 1.0). Its length is a multiple of 64.
 * @throws UnsupportedError for more dimensions than numpy has.
 */
export function encodeNpyHeader(type: string, shape: readonly number[]): Uint8Array {
  if (shape.length > MAX_DIMENSIONS) {
    throw new UnsupportedError('numpy has no arrays of so many dimensions', {
      expected: `${MAX_DIMENSIONS} at most`,
      found: shape.length,
    });
  }
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const growth = shape.length === 0 ? 0 : GROWTH_DIGITS - String(shape[0]).length;
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }${' '.repeat(growth)}`;
  const prefixByteLength = MAGIC.length + 4;
  // One to 64 blanks and the line feed: numpy pads a header that would fit by a whole 64 more.
  const padding = ALIGNMENT - ((prefixByteLength + text.length + 1) % ALIGNMENT);
  const header = Buffer.from(`${text}${' '.repeat(padding)}\n`, 'latin1');
  const prefix = Buffer.alloc(prefixByteLength);
  MAGIC.copy(prefix);
  prefix[MAGIC.length] = 1;
  prefix.writeUInt16LE(header.length, MAGIC.length + 2);
  return Buffer.concat([prefix, header]);
}
