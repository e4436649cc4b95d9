import { histogramOfNumbers, histogramOfPatterns } from '../../../src/ops/explore/value-histogram.js';
import { equal, is, suite } from '../../suite.js';

const counts = (numbers: number[], bins = 4): number[] | undefined =>
  histogramOfNumbers(Float64Array.from(numbers), bins)?.counts;

suite('explorer: histogram', ({ test, each }) => {
  each<readonly [numbers: number[], expected: number[] | undefined]>(
    [
      [
        [0, 1, 2, 3, 4],
        [1, 1, 1, 2],
      ],
      [[5, 5, 5], [3]],
      [
        [Number.NaN, 1, Number.POSITIVE_INFINITY, 2],
        [1, 0, 0, 1],
      ],
      [[Number.NaN], undefined],
      [[], undefined],
      [
        [-1.7e308, 0, 1.7e308],
        [1, 0, 1, 1],
      ],
      [
        [0, 5e-324],
        [1, 0, 0, 1],
      ],
    ],
    ([numbers]) => `[${numbers}]`,
    ([numbers, expected]) => equal(counts(numbers), expected),
  );

  test('of bit patterns, each as often as it is there', () => {
    // bfloat16: 1, 2, −1, NaN.
    const bits = Uint16Array.of(0x3f80, 0x4000, 0xbf80, 0x7fc0);
    const found = histogramOfPatterns('bfloat16', [{ bits, counts: Float64Array.of(10, 1, 5, 7) }], 3)!;
    equal(found, { min: -1, max: 2, counts: [5, 0, 11], total: 16 });
  });

  test('real and imaginary parts together', () => {
    const one = { bits: Uint16Array.of(0x3c00), counts: Float64Array.of(2) };
    is(histogramOfPatterns('complex32', [one, one], 3)!.total, 4);
  });
});
