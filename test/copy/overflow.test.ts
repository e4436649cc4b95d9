import { castElements } from '../../src/copy/cast.js';
import { overflowsOf } from '../../src/copy/overflow.js';
import { equal, is, suite } from '../suite.js';

const bytesOf = (values: { buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(values.buffer);
const { POSITIVE_INFINITY: INF, NaN: NAN } = Number;

/** Values as float64, and how many of them are finite there and not in the other type, rounding included. */
const CASES: [to: string, values: number[], expected: number][] = [
  ['float16', [65519, -65519, 0, NAN, INF], 0],
  ['float16', [65520, -65520, 1e300, INF, -INF, NAN, 1], 3],
  ['bfloat16', [3.38e38, -3.38e38, 1], 0],
  ['bfloat16', [3.4e38, -3.4e38, 1e39, INF], 3],
  ['float32', [3.4e38, INF], 0],
  ['float32', [3.5e38, -1e300, INF, NAN], 2],
];

suite('copy/overflow', ({ each, test }) => {
  each(
    CASES,
    ([to, values]) => `${to}: ${values}`,
    ([to, values, expected]) => {
      const itemSize = to === 'float32' ? 4 : 2;
      for (const shift of [0, 1]) {
        const room = new Uint8Array(values.length * itemSize + shift);
        const target = room.subarray(shift);
        const source = bytesOf(Float64Array.from(values));
        castElements({ from: 'float64', to })(source, target);
        is(overflowsOf({ from: 'float64', to })!(source, target), expected, `shifted by ${shift}`);
      }
    },
  );

  test('from bfloat16 to float16', () => {
    // 1, 2^16, infinity, NaN
    const source = bytesOf(Uint16Array.of(0x3f80, 0x4780, 0x7f80, 0x7fc0));
    const target = new Uint8Array(8);
    castElements({ from: 'bfloat16', to: 'float16' })(source, target);
    is(overflowsOf({ from: 'bfloat16', to: 'float16' })!(source, target), 1);
  });

  test('only casts to a narrower range can overflow', () => {
    const names = ['float16', 'bfloat16', 'float32', 'float64', 'int32', 'float8_e4m3fn'];
    const pairs = names.flatMap(from => names.map(to => ({ from, to }))).filter(cast => overflowsOf(cast));
    equal(
      pairs.map(({ from, to }) => `${from}>${to}`),
      [
        'bfloat16>float16',
        'float32>float16',
        'float32>bfloat16',
        'float64>float16',
        'float64>bfloat16',
        'float64>float32',
      ],
    );
  });
});
