import { UnsupportedError } from './errors.js';

/**
 * Element types, in torch's names without the `torch.` prefix.
 *
 * `itemSize`: bytes of one element. `swapSize`: unit of byte order (a complex number swaps each component).
 * `storageClass`: class of module `torch` that `torch.save` names for it; types without one are written
 * through `torch.storage UntypedStorage` and `_rebuild_tensor_v3`. `short`: how tables print it.
 * Source of the facts: torch's storage classes and `torch/_utils.py`; docs/formats.md, "Element types".
 */
export interface DTypeInfo {
  readonly name: string;
  readonly itemSize: number;
  readonly swapSize: number;
  readonly storageClass?: string;
  readonly short: string;
  readonly kind: 'float' | 'int' | 'bool' | 'complex' | 'quantized' | 'bits';
}

type Row = [
  name: string,
  itemSize: number,
  swapSize: number,
  kind: DTypeInfo['kind'],
  short: string,
  storageClass?: string,
];

const ROWS: readonly Row[] = [
  ['float64', 8, 8, 'float', 'f64', 'DoubleStorage'],
  ['float32', 4, 4, 'float', 'f32', 'FloatStorage'],
  ['float16', 2, 2, 'float', 'f16', 'HalfStorage'],
  ['bfloat16', 2, 2, 'float', 'bf16', 'BFloat16Storage'],
  ['int64', 8, 8, 'int', 'i64', 'LongStorage'],
  ['int32', 4, 4, 'int', 'i32', 'IntStorage'],
  ['int16', 2, 2, 'int', 'i16', 'ShortStorage'],
  ['int8', 1, 1, 'int', 'i8', 'CharStorage'],
  ['uint8', 1, 1, 'int', 'u8', 'ByteStorage'],
  ['bool', 1, 1, 'bool', 'bool', 'BoolStorage'],
  ['complex64', 8, 4, 'complex', 'c64', 'ComplexFloatStorage'],
  ['complex128', 16, 8, 'complex', 'c128', 'ComplexDoubleStorage'],
  ['qint8', 1, 1, 'quantized', 'qi8', 'QInt8Storage'],
  ['quint8', 1, 1, 'quantized', 'qu8', 'QUInt8Storage'],
  ['qint32', 4, 4, 'quantized', 'qi32', 'QInt32Storage'],
  ['quint4x2', 1, 1, 'quantized', 'qu4x2', 'QUInt4x2Storage'],
  ['quint2x4', 1, 1, 'quantized', 'qu2x4', 'QUInt2x4Storage'],
  ['uint16', 2, 2, 'int', 'u16'],
  ['uint32', 4, 4, 'int', 'u32'],
  ['uint64', 8, 8, 'int', 'u64'],
  ['complex32', 4, 2, 'complex', 'c32'],
  ['bcomplex32', 4, 2, 'complex', 'bc32'],
  ['float8_e4m3fn', 1, 1, 'float', 'f8e4m3fn'],
  ['float8_e5m2', 1, 1, 'float', 'f8e5m2'],
  ['float8_e4m3fnuz', 1, 1, 'float', 'f8e4m3fnuz'],
  ['float8_e5m2fnuz', 1, 1, 'float', 'f8e5m2fnuz'],
  ['float8_e8m0fnu', 1, 1, 'float', 'f8e8m0fnu'],
  ['float4_e2m1fn_x2', 1, 1, 'float', 'f4e2m1x2'],
  ['bits8', 1, 1, 'bits', 'bits8'],
  ['bits16', 2, 2, 'bits', 'bits16'],
  ['bits1x8', 1, 1, 'bits', 'bits1x8'],
  ['bits2x4', 1, 1, 'bits', 'bits2x4'],
  ['bits4x2', 1, 1, 'bits', 'bits4x2'],
];

/** Names that old code may use for the same types. Never written by torch, accepted when read. */
const ALIASES: Readonly<Record<string, string>> = {
  double: 'float64',
  float: 'float32',
  half: 'float16',
  long: 'int64',
  int: 'int32',
  short: 'int16',
  cfloat: 'complex64',
  cdouble: 'complex128',
  chalf: 'complex32',
};

const BY_NAME = new Map<string, DTypeInfo>();
const BY_STORAGE_CLASS = new Map<string, DTypeInfo>();
for (const [name, itemSize, swapSize, kind, short, storageClass] of ROWS) {
  const info: DTypeInfo = {
    name,
    itemSize,
    swapSize,
    kind,
    short,
    ...(storageClass === undefined ? {} : { storageClass }),
  };
  BY_NAME.set(name, info);
  if (storageClass !== undefined) BY_STORAGE_CLASS.set(storageClass, info);
}

/** Every element type that a checkpoint can hold. */
export const DTYPES: readonly DTypeInfo[] = [...BY_NAME.values()];

/** The element type with this torch name or old alias, or undefined. */
export function findDType(name: string): DTypeInfo | undefined {
  return BY_NAME.get(ALIASES[name] ?? name);
}

/** @throws UnsupportedError naming the type, when torch cannot store it either (for example `int4`). */
export function dtypeOf(name: string): DTypeInfo {
  const info = findDType(name);
  if (info === undefined) throw new UnsupportedError(`Unknown element type torch.${name}`);
  return info;
}

/**
 * The element type of a storage class, by name only: torch's loader resolves it so, whatever the module
 * (`torch FloatStorage`, `torch.cuda FloatStorage`). `UntypedStorage` holds bytes and has none.
 */
export function dtypeOfStorageClass(className: string): DTypeInfo | undefined {
  return BY_STORAGE_CLASS.get(className);
}
