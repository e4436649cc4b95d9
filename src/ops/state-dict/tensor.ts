import { newMemory } from '../../bytes.js';
import { elementCountOf, requireCountable } from '../../checkpoint/box.js';
import { type LocalShard, localShardOf, type Sharding, wholeTensor } from '../../checkpoint/local-shard.js';
import { castElements } from '../../copy/cast.js';
import { type DTypeInfo, dtypeOf } from '../../dtype.js';
import { UsageError } from '../../errors.js';
import { PyExternal } from '../../pickle/values.js';

/** The arrays of numbers that JavaScript has. */
export type ElementArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

export interface TensorOptions {
  /** Torch's name, without `torch.`. */
  dtype: string;
  /** In elements; of the whole tensor. */
  shape: readonly number[];
  /**
   * The elements that are here, row-major, little-endian, in any array: its bytes are what counts. Default: zeros.
   * For a type that JavaScript has no array of (bfloat16, 8-bit floats) they are bit patterns.
   */
  data?: ArrayBufferView | ArrayBufferLike;
  /** Saved in the index, as torch does. Default false. */
  requiresGrad?: boolean;
}

/**
 * A tensor in memory: of a state dict that is loaded into or saved. With a `sharding` it is one rank's part, torch's
 * DTensor: `shape` is that of the whole tensor, `localShape` that of what is here.
 */
export class Tensor extends PyExternal {
  protected readonly external = true;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly requiresGrad: boolean;
  readonly sharding: Sharding | undefined;
  /** What is here of the tensor: all of it without a sharding. */
  readonly shard: LocalShard;
  /** The elements that are here: over the same memory as the array that was given. */
  readonly data: ElementArray;
  /** The same as bytes. */
  readonly bytes: Uint8Array;

  /**
   * @throws UsageError for a shape that is none, data of another length; UnsupportedError for an unknown type; LimitError
   * for more elements than there is memory for.
   */
  constructor({ dtype, shape, data, requiresGrad = false }: TensorOptions, sharding?: Sharding) {
    super();
    const info = dtypeOf(dtype);
    if (!shape.every(size => Number.isSafeInteger(size) && size >= 0)) {
      throw new UsageError('This is no shape of a tensor', {
        expected: 'counts of elements',
        found: `[${shape.join(', ')}]`,
      });
    }
    requireCountable(shape, info.itemSize);
    this.dtype = info.name;
    this.shape = [...shape];
    this.requiresGrad = requiresGrad;
    this.sharding = sharding;
    this.shard = sharding === undefined ? wholeTensor(this.shape) : localShardOf(this.shape, sharding);
    const byteLength = elementCountOf(this.shard.shape) * info.itemSize;
    this.bytes = data === undefined ? newMemory(byteLength) : bytesOf(data);
    if (this.bytes.length !== byteLength) {
      throw new UsageError('The data are not as long as the tensor', {
        expected: `${byteLength} bytes of ${info.name} for shape [${this.shard.shape.join(', ')}]`,
        found: `${this.bytes.length} bytes`,
      });
    }
    this.data = elementsOf(info, this.bytes);
  }

  get localShape(): readonly number[] {
    return this.shard.shape;
  }

  /** A copy in another element type, converted as torch converts. @throws UnsupportedError where torch cannot. */
  to(dtype: string): Tensor {
    const cast = castElements({ from: this.dtype, to: dtypeOf(dtype).name });
    const { shape, requiresGrad } = this;
    const converted = new Tensor({ dtype, shape, requiresGrad }, this.sharding);
    cast(this.bytes, converted.bytes);
    return converted;
  }
}

/** A tensor of a state dict: `tensor({ dtype: 'bfloat16', shape: [2, 3], data })`. @throws as {@link Tensor}. */
export function tensor(options: TensorOptions): Tensor {
  return new Tensor(options);
}

/**
 * One rank's part of a tensor, as torch's DTensor: `shape` is the whole tensor's, `data` the elements of the rank.
 * @throws as {@link Tensor}, and as localShardOf.
 */
export function dtensor({ mesh, placements, rank, ...options }: TensorOptions & Sharding): Tensor {
  return new Tensor(options, { mesh, placements, rank });
}

export function bytesOf(data: ArrayBufferView | ArrayBufferLike): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

type ArrayConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ElementArray;
};

/** Of each element type that has one of its own; bit patterns of the others are in unsigned integers. */
const ARRAYS: Readonly<Record<string, ArrayConstructor>> = {
  float64: Float64Array,
  float32: Float32Array,
  complex128: Float64Array,
  complex64: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  qint32: Int32Array,
  qint8: Int8Array,
};

/** Bytes as the array that goes with the element type. @throws UsageError for bytes off its boundary. */
function elementsOf({ name, swapSize }: DTypeInfo, bytes: Uint8Array): ElementArray {
  const ArrayType = ARRAYS[name] ?? (swapSize === 2 ? Uint16Array : Uint8Array);
  const size = ArrayType.BYTES_PER_ELEMENT;
  if (bytes.byteOffset % size !== 0) {
    throw new UsageError('The data do not begin where an element of their type can begin', {
      expected: `a multiple of ${size} bytes`,
      found: `byte ${bytes.byteOffset} of its buffer`,
      hint: 'Copy them into an array of their own.',
    });
  }
  return new ArrayType(bytes.buffer, bytes.byteOffset, bytes.length / size);
}

/** Element types of bare arrays, by the name of the array's class. */
const DTYPE_OF_ARRAY: Readonly<Record<string, string>> = {
  Float64Array: 'float64',
  Float32Array: 'float32',
  Float16Array: 'float16',
  BigInt64Array: 'int64',
  BigUint64Array: 'uint64',
  Int32Array: 'int32',
  Uint32Array: 'uint32',
  Int16Array: 'int16',
  Uint16Array: 'uint16',
  Int8Array: 'int8',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
};

/** The element type of a typed array; undefined for every other value. A Buffer is Python's bytes, no tensor. */
export function dtypeOfArray(value: unknown): string | undefined {
  if (!ArrayBuffer.isView(value) || Buffer.isBuffer(value)) return undefined;
  return DTYPE_OF_ARRAY[(value as { [Symbol.toStringTag]?: string })[Symbol.toStringTag] ?? ''];
}

/** A tensor of TensorFlow.js, or whatever has its form. */
export interface TensorLike {
  readonly dtype: string;
  readonly shape: readonly number[];
  dataSync?(): ArrayBufferView;
  data?(): Promise<ArrayBufferView>;
}

export function isTensorLike(value: unknown): value is TensorLike {
  if (typeof value !== 'object' || value === null || value instanceof Tensor) return false;
  const { dtype, shape, dataSync, data } = value as Partial<TensorLike>;
  const hasData = typeof dataSync === 'function' || typeof data === 'function';
  return typeof dtype === 'string' && Array.isArray(shape) && hasData;
}

/** Whether a value of a state dict is a tensor, in any of the forms that are taken. */
export function isTensor(value: unknown): boolean {
  return value instanceof Tensor || dtypeOfArray(value) !== undefined || isTensorLike(value);
}
