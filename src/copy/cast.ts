import { type DTypeInfo, dtypeOf } from '../dtype.js';
import { UnsupportedError } from '../errors.js';
import { copyRunsByWord } from './scatter.js';
import { type SmallFloat, smallFloat } from './small-floats.js';

/** From which element type to which, by torch's names: plain data, which threads are sent. */
export interface Cast {
  readonly from: string;
  readonly to: string;
}

/**
 * Converts the elements of `source`, little-endian and row by row, into `target`, which has room for exactly as many.
 * Neither need be aligned. They must not overlap.
 */
export type CastElements = (source: Uint8Array, target: Uint8Array) => void;

/**
 * What torch's `copy_` does to elements of one type that go into a tensor of another (`c10/util/TypeCast.h`,
 * `ATen/native/cpu/CopyKernel.cpp`), for every pair that it takes:
 *
 * - to floats of 16 and 8 bits by way of float32, rounded to nearest with ties to even each time;
 * - from floats to integers towards zero; what an integer type cannot hold comes out as x86 processors have it;
 * - between integers modulo 2^bits; to bool: whether it is not zero;
 * - complex to real without the imaginary part; real to complex with a 0 for it.
 *
 * NaN comes out as NaN, its payload may differ.
 * @throws UnsupportedError for types that hold no numbers of their own (quantized, bits, float4 pairs).
 */
export function castElements({ from, to }: Cast): CastElements {
  const key = `${from}>${to}`;
  let cast = known.get(key);
  if (cast === undefined) known.set(key, (cast = makeCast(dtypeOf(from), dtypeOf(to))));
  return cast;
}

const known = new Map<string, CastElements>();

/** Whether `copy_` converts between the two: both hold numbers, or they are one type. */
export function canCast(from: DTypeInfo, to: DTypeInfo): boolean {
  return from === to || (componentOf(from) !== undefined && componentOf(to) !== undefined);
}

/** @throws UnsupportedError where {@link canCast} says no. */
export function requireCast(from: DTypeInfo, to: DTypeInfo): void {
  if (canCast(from, to)) return;
  throw new UnsupportedError(`torch does not convert torch.${from.name} to torch.${to.name}`);
}

function makeCast(from: DTypeInfo, to: DTypeInfo): CastElements {
  if (from === to) return (source, target) => target.set(source);
  const [fromName, toName] = [componentOf(from), componentOf(to)];
  if (fromName === undefined || toName === undefined) {
    throw new UnsupportedError(`torch does not convert torch.${from.name} to torch.${to.name}`, {
      expected: 'types that hold numbers',
    });
  }
  const isFromComplex = from.kind === 'complex';
  const isToComplex = to.kind === 'complex';
  const components = inBlocks(dtypeOf(fromName), dtypeOf(toName));
  if (isFromComplex === isToComplex) return components;
  if (isToComplex) return realToComplex(components, to.swapSize);
  return to.kind === 'bool' ? complexToBool(components) : complexToReal(components, from.swapSize);
}

/** The real type that elements consist of, one or two; undefined for types that hold no numbers. */
function componentOf({ name, kind }: DTypeInfo): string | undefined {
  if (kind === 'complex') return COMPLEX_COMPONENTS[name];
  return kind === 'quantized' || kind === 'bits' || name === 'float4_e2m1fn_x2' ? undefined : name;
}

const COMPLEX_COMPONENTS: Readonly<Record<string, string>> = {
  complex32: 'float16',
  complex64: 'float32',
  complex128: 'float64',
  bcomplex32: 'bfloat16',
};

function complexToReal(components: CastElements, itemSize: number): CastElements {
  return (source, target) => {
    const count = source.length / itemSize / 2;
    const real = new Uint8Array(count * itemSize);
    copyRunsByWord(source, 0, real, 0, itemSize, { count, sourceStep: 2 * itemSize, recordStep: itemSize });
    components(real, target);
  };
}

function complexToBool(components: CastElements): CastElements {
  return (source, target) => {
    const both = new Uint8Array(2 * target.length);
    components(source, both);
    for (let i = 0; i < target.length; i++) target[i] = both[2 * i]! | both[2 * i + 1]!;
  };
}

function realToComplex(components: CastElements, itemSize: number): CastElements {
  return (source, target) => {
    const count = target.length / itemSize / 2;
    const real = new Uint8Array(count * itemSize);
    components(source, real);
    target.fill(0);
    copyRunsByWord(real, 0, target, 0, itemSize, { count, sourceStep: itemSize, recordStep: 2 * itemSize });
  };
}

/** Elements that are in hand at once: few enough for the innermost cache. */
const BLOCK_ELEMENT_COUNT = 2048;

/** Goes block by block, each aligned. */
function inBlocks(from: DTypeInfo, to: DTypeInfo): CastElements {
  const cast = blockCast(from, to);
  return (source, target) => {
    const count = target.length / to.itemSize;
    const isSourceAligned = source.byteOffset % from.itemSize === 0;
    const isTargetAligned = target.byteOffset % to.itemSize === 0;
    for (let start = 0; start < count; start += BLOCK_ELEMENT_COUNT) {
      const length = Math.min(BLOCK_ELEMENT_COUNT, count - start);
      const input = source.subarray(start * from.itemSize, (start + length) * from.itemSize);
      const output = target.subarray(start * to.itemSize, (start + length) * to.itemSize);
      const result = isTargetAligned ? output : new Uint8Array(output.length);
      cast(isSourceAligned ? input : Uint8Array.from(input), result, length);
      if (!isTargetAligned) output.set(result);
    }
  };
}

/** As {@link CastElements}, of aligned blocks of `count` elements. */
type BlockCast = (source: Uint8Array, target: Uint8Array, count: number) => void;

const floats = new Float32Array(BLOCK_ELEMENT_COUNT);
const floatBits = new Int32Array(floats.buffer);
const doubles = new Float64Array(BLOCK_ELEMENT_COUNT);

function blockCast(from: DTypeInfo, to: DTypeInfo): BlockCast {
  const small = smallFloat(to.name);
  if (small !== undefined) return toSmallFloat(from, small, to.itemSize);
  if (to.name === 'float32') {
    const read = float32Reader(from);
    return (source, target, count) => {
      const values = new Float32Array(target.buffer, target.byteOffset, count);
      read(source, values, count);
    };
  }
  if (to.name === 'float64') {
    const read = float64Reader(from);
    return (source, target, count) => {
      read(source, new Float64Array(target.buffer, target.byteOffset, count), count);
    };
  }
  if (from.kind === 'int' && to.kind === 'int') return integerCast(from, to);
  const read = float64Reader(from);
  const write = to.kind === 'bool' ? toBool : integerWriter(to);
  return (source, target, count) => {
    read(source, doubles, count);
    write(doubles, target, count);
  };
}

function toSmallFloat(from: DTypeInfo, small: SmallFloat, itemSize: number): BlockCast {
  const output = (target: Uint8Array, count: number): Uint8Array | Uint16Array =>
    itemSize === 1 ? target : new Uint16Array(target.buffer, target.byteOffset, count);
  if (from.name === 'float32') {
    return (source, target, count) =>
      small.encode(new Int32Array(source.buffer, source.byteOffset, count), output(target, count), count);
  }
  const read = float32Reader(from);
  return (source, target, count) => {
    read(source, floats, count);
    small.encode(floatBits, output(target, count), count);
  };
}

/** Reads elements as float32, each rounded once. */
function float32Reader(from: DTypeInfo): (source: Uint8Array, values: Float32Array, count: number) => void {
  const small = smallFloat(from.name);
  if (small !== undefined) {
    return (source, values, count) => {
      const patterns =
        from.itemSize === 1 ? source : new Uint16Array(source.buffer, source.byteOffset, count);
      // As integers: a float would not carry the payload of a NaN.
      small.decode(patterns, new Int32Array(values.buffer, values.byteOffset, count), count);
    };
  }
  if (from.kind === 'int' && from.itemSize === 8) {
    return (source, values, count) => {
      readWords(source, from.name === 'uint64', count, (i, high, low) => {
        // Of more than 53 bits the lowest are folded into one that no float32 holds: rounded once, not twice.
        const isLong = high >= 0x200000 || high < -0x200000;
        const folded = ((low & ~0x7ff) | (low & 0x7ff ? 0x800 : 0)) >>> 0;
        values[i] = high * 0x100000000 + (isLong ? folded : low);
      });
    };
  }
  const view = viewOf(from);
  if (from.kind === 'bool') return (source, values, count) => readBools(source, values, count);
  return (source, values, count) => values.set(view(source, count));
}

/** Reads elements as float64: exact but for integers of more than 53 bits, which are rounded once. */
function float64Reader(from: DTypeInfo): (source: Uint8Array, values: Float64Array, count: number) => void {
  if (smallFloat(from.name) !== undefined) {
    const read = float32Reader(from);
    return (source, values, count) => {
      read(source, floats, count);
      values.set(count === BLOCK_ELEMENT_COUNT ? floats : floats.subarray(0, count));
    };
  }
  if (from.kind === 'int' && from.itemSize === 8) {
    return (source, values, count) => {
      readWords(source, from.name === 'uint64', count, (i, high, low) => {
        values[i] = high * 0x100000000 + low;
      });
    };
  }
  const view = viewOf(from);
  if (from.kind === 'bool') return (source, values, count) => readBools(source, values, count);
  return (source, values, count) => values.set(view(source, count));
}

function readBools(source: Uint8Array, values: Float32Array | Float64Array, count: number): void {
  for (let i = 0; i < count; i++) values[i] = source[i] === 0 ? 0 : 1;
}

/** Hands on 64-bit integers as two halves: the high one with the sign, the low one without. */
function readWords(
  source: Uint8Array,
  isUnsigned: boolean,
  count: number,
  take: (index: number, high: number, low: number) => void,
): void {
  const words = new Uint32Array(source.buffer, source.byteOffset, 2 * count);
  for (let i = 0; i < count; i++) {
    const high = words[2 * i + 1]!;
    take(i, isUnsigned ? high : high | 0, words[2 * i]!);
  }
}

/** A typed array whose items are the elements. For types that JavaScript has. */
function viewOf({ name }: DTypeInfo): (bytes: Uint8Array, count: number) => NumberArray {
  const ArrayType = ARRAY_TYPES[name]!;
  return ({ buffer, byteOffset }, count) => new ArrayType(buffer, byteOffset, count);
}

type NumberArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint16Array
  | Uint8Array;

const ARRAY_TYPES: Readonly<
  Record<string, new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NumberArray>
> = {
  float64: Float64Array,
  float32: Float32Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

/** Modulo 2^bits, as assignments to typed arrays are too. */
function integerCast(from: DTypeInfo, to: DTypeInfo): BlockCast {
  if (from.itemSize === 8 && to.itemSize === 8) return (source, target) => target.set(source);
  if (to.itemSize === 8) {
    const view = viewOf(from);
    return (source, target, count) => {
      const words = new Int32Array(target.buffer, target.byteOffset, 2 * count);
      const values = view(source, count);
      for (let i = 0; i < count; i++) {
        words[2 * i] = values[i]!;
        words[2 * i + 1] = values[i]! < 0 ? -1 : 0;
      }
    };
  }
  const viewTarget = viewOf(to);
  if (from.itemSize === 8) {
    return (source, target, count) => {
      const words = new Int32Array(source.buffer, source.byteOffset, 2 * count);
      const values = viewTarget(target, count);
      for (let i = 0; i < count; i++) values[i] = words[2 * i]!;
    };
  }
  const view = viewOf(from);
  return (source, target, count) => viewTarget(target, count).set(view(source, count));
}

function toBool(values: Float64Array, target: Uint8Array, count: number): void {
  for (let i = 0; i < count; i++) target[i] = values[i] === 0 ? 0 : 1;
}

const TWO_63 = 2 ** 63;

/**
 * Truncates as the instructions of an x86 processor that torch's kernels use: signed types and uint16 by way of 32
 * bits (64 for int64), uint8 and uint32 by way of 64; what does not fit gives the most negative number.
 */
function integerWriter(to: DTypeInfo): (values: Float64Array, target: Uint8Array, count: number) => void {
  if (to.itemSize === 8) {
    const isUnsigned = to.name === 'uint64';
    return (values, target, count) => {
      const words = new Int32Array(target.buffer, target.byteOffset, 2 * count);
      for (let i = 0; i < count; i++) {
        let value = Math.trunc(values[i]!);
        const isUpper = isUnsigned && value >= TWO_63;
        if (isUpper) value -= TWO_63;
        const fits = value >= -TWO_63 && value < TWO_63;
        // A division by a power of two is exact.
        const high = fits ? Math.floor(value / 0x100000000) : 0x80000000;
        words[2 * i] = fits ? value : 0;
        words[2 * i + 1] = isUpper ? high ^ 0x80000000 : high;
      }
    };
  }
  const view = viewOf(to);
  if (to.name === 'uint8' || to.name === 'uint32') {
    return (values, target, count) => {
      const result = view(target, count);
      for (let i = 0; i < count; i++) {
        const value = values[i]!;
        result[i] = value > -TWO_63 && value < TWO_63 ? value | 0 : 0;
      }
    };
  }
  return (values, target, count) => {
    const result = view(target, count);
    for (let i = 0; i < count; i++) {
      const value = values[i]!;
      result[i] = value > -0x80000001 && value < 0x80000000 ? value | 0 : -0x80000000;
    }
  };
}
