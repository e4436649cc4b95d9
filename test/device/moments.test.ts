import {
  finishMoments,
  type Moments,
  MomentsTree,
  mergeMoments,
  momentsFrom,
  NO_MOMENTS,
  scaleOf,
} from '../../src/device/moments.js';
import { Random } from '../random.js';
import { equal, is, ok, suite } from '../suite.js';

const one = (value: number): Moments => momentsFrom(1, value, 0);
const of = (values: readonly number[]): Moments => {
  const tree = new MomentsTree();
  for (const value of values) tree.add(one(value));
  return tree.moments;
};
const near = (found: number | null, expected: number, relative = 1e-13): void =>
  ok(Math.abs(found! - expected) <= relative * Math.abs(expected), `expected ${expected}, found ${found}`);

suite('moments', ({ each, test }) => {
  test('nothing has none', () => {
    equal(finishMoments(NO_MOMENTS), { mean: null, std: null, norm: null });
    equal(mergeMoments(NO_MOMENTS, one(3)), one(3));
    equal(mergeMoments(one(3), NO_MOMENTS), one(3));
  });

  const CASES: readonly [what: string, values: number[], mean: number, std: number, norm: number][] = [
    ['one number', [-3], -3, 0, 3],
    ['two', [1, 3], 2, 1, Math.sqrt(10)],
    ['equal ones', [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], 0.1, 0, 0.1 * Math.sqrt(7)],
    ['a right triangle', [3, -4], -0.5, 3.5, 5],
    [
      'close ones far from 0',
      [1e9 + 1, 1e9 + 2, 1e9 + 3],
      1e9 + 2,
      Math.sqrt(2 / 3),
      Math.sqrt(3) * (1e9 + 2),
    ],
    ['the largest', [1e308, -1e308], 0, 1e308, Math.SQRT2 * 1e308],
    ['subnormal ones', [3 * 2 ** -1074, 2 ** -1074], 2 * 2 ** -1074, 2 ** -1074, 3 * 2 ** -1074],
    ['a large one and small ones', [1e200, 1, -1, 1e-300], 2.5e199, Math.sqrt(3) * 2.5e199, 1e200],
    ['small ones and 1', [1e-200, 1e-250, 1], 1 / 3, Math.SQRT2 / 3, 1],
  ];
  each(
    CASES,
    ([what]) => what,
    ([, values, mean, std, norm]) => {
      const found = finishMoments(of(values));
      near(found.mean, mean);
      near(found.std, std);
      near(found.norm, norm);
    },
  );

  test('a norm beyond float64 is infinite', () => {
    is(finishMoments(of([1.7e308, 1.7e308])).norm, Number.POSITIVE_INFINITY);
  });

  test('however numbers are parted, they come to the same', () => {
    const random = new Random(11);
    const values = Array.from({ length: 1000 }, () => (random.next() - 0.3) * 10 ** random.int(-30, 30));
    const whole = finishMoments(of(values));
    for (let round = 0; round < 20; round++) {
      const tree = new MomentsTree();
      for (let at = 0; at < values.length; ) {
        const length = random.int(1, 300);
        tree.add(of(values.slice(at, at + length)));
        at += length;
      }
      const parted = finishMoments(tree.moments);
      near(parted.mean, whole.mean!, 1e-12);
      near(parted.std, whole.std!);
      near(parted.norm, whole.norm!);
      is(tree.moments.count, 1000);
    }
  });

  const SCALES: readonly [number, number][] = [
    [0, 0],
    [1, 0],
    [1e100, 0],
    [1e200, 600],
    [1e-100, 0],
    [1e-200, -600],
  ];
  each(
    SCALES,
    ([largest]) => `scale of ${largest}`,
    ([largest, scale]) => is(scaleOf(largest), scale),
  );
});
