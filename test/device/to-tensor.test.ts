import type { DeviceTensor } from '../../src/device/device.js';
import { type TensorMaker, toTensor } from '../../src/device/to-tensor.js';
import { equal, rejects, suite } from '../suite.js';

/** What TensorFlow.js was asked to make, innermost first. */
interface Made {
  values: number[];
  shape: number[];
  dtype: string;
}

const tf: TensorMaker<Made> = {
  tensor: (values, shape, dtype) => ({ values: [...values], shape, dtype }),
  complex: (real, imaginary) => ({
    values: [...real.values, ...imaginary.values],
    shape: real.shape,
    dtype: 'complex64',
  }),
  dispose: () => {},
};

function tensorOf(dtype: string, bytes: ArrayBufferView, shape: number[]): DeviceTensor {
  const content = new Uint8Array(bytes.buffer.slice(0)) as Uint8Array;
  return { dtype, shape, byteLength: content.length, readBack: async () => content, release: () => {} };
}

suite('tensors of TensorFlow.js', ({ each, test }) => {
  const rows: readonly (readonly [dtype: string, bytes: ArrayBufferView, made: string, values: number[]])[] =
    [
      ['float32', Float32Array.of(1.5, -0), 'float32', [1.5, -0]],
      ['float64', Float64Array.of(0.1, 2), 'float32', [Math.fround(0.1), 2]],
      ['bfloat16', Uint16Array.of(0x3f80, 0xff80), 'float32', [1, Number.NEGATIVE_INFINITY]],
      ['float8_e4m3fn', Uint8Array.of(0x38, 0xb8), 'float32', [1, -1]],
      ['int8', Int8Array.of(-128, 127), 'int32', [-128, 127]],
      ['int64', BigInt64Array.of(-5n, 2n ** 31n - 1n), 'int32', [-5, 2 ** 31 - 1]],
      ['uint32', Uint32Array.of(7, 0), 'int32', [7, 0]],
      ['bool', Uint8Array.of(1, 0), 'bool', [1, 0]],
    ];
  each(
    rows,
    ([dtype]) => dtype,
    async ([dtype, bytes, made, values]) => {
      equal(await toTensor(tensorOf(dtype, bytes, [2, 1]), tf), { values, shape: [2, 1], dtype: made });
    },
  );

  test('complex64', async () => {
    const made = await toTensor(tensorOf('complex64', Float32Array.of(1, 2, 3, 4), [2]), tf);
    equal(made, { values: [1, 3, 2, 4], shape: [2], dtype: 'complex64' });
  });

  test('integers beyond int32', async () => {
    const tensor = tensorOf('uint32', Uint32Array.of(1, 2 ** 31), [2]);
    await rejects(() => toTensor(tensor, tf), {
      code: 'unsupported',
      message: /2147483648 of uint32, at element 1/,
    });
  });

  const refused = ['qint8', 'bits8', 'float4_e2m1fn_x2'];
  each(
    refused,
    dtype => `${dtype} is refused by name`,
    async dtype => {
      const tensor = tensorOf(dtype, new Uint8Array(2), [2]);
      await rejects(() => toTensor(tensor, tf), { code: 'unsupported', message: new RegExp(dtype) });
    },
  );
});
