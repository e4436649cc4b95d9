import { type DTypeInfo, dtypeOf } from '../dtype.js';
import { UnsupportedError } from '../errors.js';
import { readNumbers } from '../numbers.js';
import type { DeviceTensor } from './device.js';

/** What is used of TensorFlow.js: `@tensorflow/tfjs-core`, or any package that has its interface. */
export interface TensorMaker<Tensor> {
  tensor(
    values: Float32Array | Int32Array | Uint8Array,
    shape: number[],
    dtype: 'float32' | 'int32' | 'bool',
  ): Tensor;
  complex(real: Tensor, imaginary: Tensor): Tensor;
  dispose(tensors: Tensor[]): void;
}

const INT32_MIN = -(2 ** 31);
const INT32_MAX = 2 ** 31 - 1;

/**
 * A rebuilt tensor as a tensor of TensorFlow.js, on the active backend of `tf`; the caller disposes of it. Floats
 * become float32, which float64 is rounded to and which holds all smaller types; integers int32; complex numbers
 * complex64.
 * @throws UnsupportedError for integers beyond int32, and for types that TensorFlow.js has nothing like: packed,
 * quantized and bits.
 */
export async function toTensor<Tensor>(tensor: DeviceTensor, tf: TensorMaker<Tensor>): Promise<Tensor> {
  const dtype = dtypeOf(tensor.dtype);
  requireTensorType(dtype);
  const bytes = await tensor.readBack();
  const shape = [...tensor.shape];
  if (dtype.kind === 'bool')
    return tf.tensor(
      bytes.map(byte => (byte === 0 ? 0 : 1)),
      shape,
      'bool',
    );
  // The bits themselves, so that a NaN keeps its payload.
  if (dtype.name === 'float32') return tf.tensor(new Float32Array(bytes.buffer), shape, 'float32');
  const numbers = readNumbers(dtype, bytes);
  if (dtype.kind === 'float') return tf.tensor(Float32Array.from(numbers), shape, 'float32');
  if (dtype.kind === 'int') {
    requireInt32(dtype, numbers);
    return tf.tensor(Int32Array.from(numbers), shape, 'int32');
  }
  const parts = [0, 1].map(component =>
    tf.tensor(
      Float32Array.from({ length: numbers.length / 2 }, (_, i) => numbers[2 * i + component]!),
      shape,
      'float32',
    ),
  ) as [Tensor, Tensor];
  const complex = tf.complex(...parts);
  tf.dispose(parts);
  return complex;
}

function requireTensorType({ name, kind }: DTypeInfo): void {
  if (kind !== 'quantized' && kind !== 'bits' && name !== 'float4_e2m1fn_x2') return;
  throw new UnsupportedError('TensorFlow.js has no element type for this tensor', { found: name });
}

function requireInt32({ name }: DTypeInfo, numbers: Float64Array): void {
  const index = numbers.findIndex(number => number < INT32_MIN || number > INT32_MAX);
  if (index < 0) return;
  throw new UnsupportedError('TensorFlow.js has integers of 32 bits only', {
    expected: `${INT32_MIN} to ${INT32_MAX}`,
    found: `${numbers[index]} of ${name}, at element ${index}`,
  });
}
