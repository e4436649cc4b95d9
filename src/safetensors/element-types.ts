import { type DTypeInfo, dtypeOf } from '../dtype.js';

/** An element type of the format. */
export interface SafetensorsType {
  /** As headers have it: `BF16`. */
  readonly name: string;
  readonly bits: number;
  /** The element type in torch; undefined where torch has none. */
  readonly dtype: DTypeInfo | undefined;
  /** How many elements of the format make one of torch: 2 for F4, which torch keeps in pairs. */
  readonly perElement: number;
  /** Place in the list below. Writers lay tensors out in falling order of it. */
  readonly rank: number;
}

/**
 * In the order of the reference implementation's type list, which decides the order of tensors in a file; names,
 * bits and order as safetensors 0.8.0 writes and reads them.
 */
const ROWS: readonly [name: string, bits: number, dtype: string | undefined][] = [
  ['BOOL', 8, 'bool'],
  ['F4', 4, 'float4_e2m1fn_x2'],
  ['F6_E2M3', 6, undefined],
  ['F6_E3M2', 6, undefined],
  ['U8', 8, 'uint8'],
  ['I8', 8, 'int8'],
  ['F8_E5M2', 8, 'float8_e5m2'],
  ['F8_E4M3', 8, 'float8_e4m3fn'],
  ['F8_E8M0', 8, 'float8_e8m0fnu'],
  ['F8_E4M3FNUZ', 8, 'float8_e4m3fnuz'],
  ['F8_E5M2FNUZ', 8, 'float8_e5m2fnuz'],
  ['I16', 16, 'int16'],
  ['U16', 16, 'uint16'],
  ['F16', 16, 'float16'],
  ['BF16', 16, 'bfloat16'],
  ['I32', 32, 'int32'],
  ['U32', 32, 'uint32'],
  ['F32', 32, 'float32'],
  ['C64', 64, 'complex64'],
  ['F64', 64, 'float64'],
  ['I64', 64, 'int64'],
  ['U64', 64, 'uint64'],
];

export const SAFETENSORS_TYPES: readonly SafetensorsType[] = ROWS.map(([name, bits, dtype], rank) => ({
  name,
  bits,
  dtype: dtype === undefined ? undefined : dtypeOf(dtype),
  perElement: name === 'F4' ? 2 : 1,
  rank,
}));

const BY_NAME = new Map(SAFETENSORS_TYPES.map(type => [type.name, type]));
const BY_DTYPE = new Map(SAFETENSORS_TYPES.flatMap(type => (type.dtype ? [[type.dtype, type]] : [])));

export function safetensorsTypeNamed(name: string): SafetensorsType | undefined {
  return BY_NAME.get(name);
}

/** How the format calls a torch type; undefined for those it cannot hold (complex128, quantized ones, bits…). */
export function safetensorsTypeOf(dtype: DTypeInfo): SafetensorsType | undefined {
  return BY_DTYPE.get(dtype);
}

/**
 * Whether the format can hold a tensor. Torch keeps two 4-bit floats in one element, and the format doubles the
 * last dimension: a tensor without dimensions has none to double.
 */
export function isRepresentable(dtype: DTypeInfo, shape: readonly number[]): boolean {
  const type = BY_DTYPE.get(dtype);
  return type !== undefined && (type.perElement === 1 || shape.length > 0);
}
