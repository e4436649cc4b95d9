import { DeviceMesh } from '../../../src/checkpoint/mesh.js';
import { Shard } from '../../../src/checkpoint/placements.js';
import { dtensor, dtypeOfArray, isTensor, tensor } from '../../../src/ops/state-dict/tensor.js';
import { equal, is, suite, throws } from '../../suite.js';

suite('tensors in memory', ({ test, each }) => {
  each(
    [
      ['float64', Float64Array, 2],
      ['float32', Float32Array, 2],
      ['complex64', Float32Array, 4],
      ['complex128', Float64Array, 4],
      ['float16', Uint16Array, 2],
      ['bfloat16', Uint16Array, 2],
      ['complex32', Uint16Array, 4],
      ['float8_e4m3fn', Uint8Array, 2],
      ['int64', BigInt64Array, 2],
      ['uint64', BigUint64Array, 2],
      ['int32', Int32Array, 2],
      ['uint32', Uint32Array, 2],
      ['int16', Int16Array, 2],
      ['uint16', Uint16Array, 2],
      ['int8', Int8Array, 2],
      ['uint8', Uint8Array, 2],
      ['bool', Uint8Array, 2],
    ] as const,
    ([dtype, type]) => `${dtype} is ${type.name}`,
    ([dtype, type, length]) => {
      const { data, bytes } = tensor({ dtype, shape: [2, 1] });
      is(data.constructor, type);
      is(data.length, length);
      is(data.buffer, bytes.buffer);
    },
  );

  test('the data are the array that was given, not a copy', () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    const made = tensor({ dtype: 'float32', shape: [2], data });
    data[0] = 9;
    equal(made.data, Float32Array.of(9, 3));
  });

  test('a rank’s part has the whole tensor’s shape, and a shape of its own', () => {
    const part = dtensor({
      dtype: 'int8',
      shape: [5, 3],
      mesh: new DeviceMesh([4]),
      placements: [Shard(0)],
      rank: 2,
    });
    equal([part.shape, part.localShape, part.data.length], [[5, 3], [1, 3], 3]);
  });

  test('another element type, as torch converts', () => {
    const made = tensor({ dtype: 'float32', shape: [3], data: Float32Array.of(1, -2.5, 65504) });
    equal(made.to('bfloat16').data, Uint16Array.of(0x3f80, 0xc020, 0x4780));
    equal(made.to('int8').data, Int8Array.of(1, -2, -32));
    equal(made.to('float32').data, made.data);
  });

  each(
    [
      {
        options: { dtype: 'float32', shape: [2], data: Float32Array.of(1) },
        message: /expected 8 bytes.*found 4 bytes/,
      },
      { options: { dtype: 'float32', shape: [-1] }, message: /no shape/ },
      { options: { dtype: 'float32', shape: [1.5] }, message: /no shape/ },
      {
        options: { dtype: 'float32', shape: [1], data: new Uint8Array(5).subarray(1) },
        message: /multiple of 4 bytes/,
      },
    ],
    ({ message }) => `refused: ${message.source}`,
    ({ options, message }) => throws(() => tensor(options), { code: 'usage', message }),
  );

  test('unknown and too large', () => {
    throws(() => tensor({ dtype: 'float128', shape: [1] }), { code: 'unsupported', message: /float128/ });
    throws(() => tensor({ dtype: 'float32', shape: [2 ** 52, 2] }), { code: 'limit' });
  });

  each(
    [
      { name: 'Float32Array', value: new Float32Array(1), is: true },
      { name: 'tensor()', value: tensor({ dtype: 'bool', shape: [] }), is: true },
      {
        name: 'a tf.Tensor',
        value: { dtype: 'float32', shape: [], dataSync: () => new Float32Array(1) },
        is: true,
      },
      {
        name: 'one that is read later',
        value: { dtype: 'float32', shape: [], data: async () => new Float32Array(1) },
        is: true,
      },
      { name: 'a Buffer', value: Buffer.of(1), is: false },
      { name: 'a DataView', value: new DataView(new ArrayBuffer(1)), is: false },
      { name: 'an Array', value: [1], is: false },
      { name: 'null', value: null, is: false },
      { name: 'an object with a shape', value: { dtype: 'float32', shape: [] }, is: false },
    ],
    ({ name, is: expected }) => `${name} is ${expected ? 'a' : 'no'} tensor`,
    ({ value, is: expected }) => is(isTensor(value), expected),
  );

  test('a Float16Array, where there is one, is float16', () => {
    is(dtypeOfArray(new Uint16Array(1)), 'uint16');
    const Float16 = (globalThis as { Float16Array?: new (n: number) => ArrayBufferView }).Float16Array;
    if (Float16 !== undefined) is(dtypeOfArray(new Float16(1)), 'float16');
  });
});
