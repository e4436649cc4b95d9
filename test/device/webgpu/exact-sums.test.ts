import { decodeSums, valueOfKey } from '../../../src/device/webgpu/exact-sums.js';
import { COUNT_WORDS, sumsLayoutOf } from '../../../src/device/webgpu/kernels/sums.js';
import { dtypeOf } from '../../../src/dtype.js';
import { numberFormatOf } from '../../../src/numbers.js';
import { equal, is, suite } from '../../suite.js';

const formatOf = (name: string) => numberFormatOf(dtypeOf(name));

suite('exact sums: keys', ({ each }) => {
  const rows: readonly (readonly [dtype: string, key: [number, number], value: number | bigint])[] = [
    ['float32', [0, 0x80000000], 0],
    ['float32', [0, 0x7fffffff], -0],
    ['float32', [0, 0xbf800000], 1],
    ['float32', [0, 0x407fffff], -1],
    ['float32', [0, 0x80000001], 2 ** -149],
    ['float64', [0x80000000, 1], 2 ** -1074],
    ['float64', [0xbff00000, 0], 1],
    ['float64', [0x400fffff, 0xffffffff], -1],
    ['int32', [0, 0], -(2 ** 31)],
    ['int32', [0, 0x80000005], 5],
    ['uint32', [0, 0xffffffff], 2 ** 32 - 1],
    ['int64', [0, 0], -(2n ** 63n)],
    ['int64', [0x7fffffff, 0xffffffff], -1n],
    ['uint64', [0xffffffff, 0xffffffff], 2n ** 64n - 1n],
  ];
  each(
    rows,
    ([dtype, , value]) => `${dtype} ${Object.is(value, -0) ? '-0' : value}`,
    ([dtype, key, value]) => is(valueOfKey(formatOf(dtype), key), value),
  );
});

suite('exact sums: moments', ({ test }) => {
  /** A result of the kernel, from its numbers: sum and squares as limbs of bin 0, minimum and maximum as keys. */
  function resultOf(dtype: string, limbs: readonly bigint[], extremes: readonly number[]) {
    const layout = sumsLayoutOf(formatOf(dtype));
    const words = new Uint32Array(layout.headWords + 4);
    for (const [column, value] of limbs.entries()) {
      const bits = BigInt.asUintN(64, value);
      words[COUNT_WORDS + 2 * column] = Number(bits & 0xffffffffn);
      words[COUNT_WORDS + 2 * column + 1] = Number(bits >> 32n);
    }
    words.set(extremes, layout.headWords);
    return { layout, words };
  }

  test('negative sums are in two’s complement', () => {
    // 3, -5 and -4: sums -6, squares 50.
    const { layout, words } = resultOf('int32', [-6n, 0n, 50n], [0, 0x7ffffffb, 0, 0x80000003]);
    const { min, max, moments } = decodeSums(formatOf('int32'), layout, words, 3);
    equal([min, max], [-5, 3]);
    equal(moments, { count: 3, mean: -2, squares: 38, scale: 0 });
  });

  test('what is not finite is not counted in', () => {
    const layout = sumsLayoutOf(formatOf('float32'));
    const words = new Uint32Array(layout.headWords + 4);
    words.set([2, 1, 1]);
    const { count, nanCount, min, moments } = decodeSums(formatOf('float32'), layout, words, 4);
    equal([count, nanCount, min, moments.count], [4, 2, null, 0]);
  });

  test('squares beyond float64 are scaled', () => {
    // One number, 2^1023: significand 2^52 in limb 3 shifted by 2045 mod 8, bin 2045 / 8.
    const layout = sumsLayoutOf(formatOf('float64'));
    const words = new Uint32Array(layout.headWords + 4);
    const columns = 12;
    const bin = 2045 >> 3;
    const shifted = (2n ** 52n) << BigInt(2045 & 7);
    const square = shifted * shifted;
    const put = (column: number, limb: bigint): void => {
      words[COUNT_WORDS + 2 * (bin * columns + column)] = Number(limb);
    };
    for (let k = 0; k < 4; k++) put(k, (shifted >> BigInt(16 * k)) & 0xffffn);
    for (let k = 0; k < 8; k++) put(4 + k, (square >> BigInt(16 * k)) & 0xffffn);
    words.set([0xffe00000, 0, 0xffe00000, 0], layout.headWords);
    const { min, moments } = decodeSums(formatOf('float64'), layout, words, 1);
    is(min, 2 ** 1023);
    equal(moments, { count: 1, mean: 2 ** 423, squares: 0, scale: 600 });
  });
});
