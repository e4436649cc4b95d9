import { parseSlice } from '../../src/checkpoint/slice.js';
import { equal, suite, throws } from '../suite.js';

/** Text, shape, offsets, sizes, steps, shape of the result: what numpy 2.4 and Python's `slice.indices` give. */
const SLICES: [string, number[], number[], number[], number[], number[]][] = [
  ['0:10,:', [20, 3], [0, 0], [10, 3], [1, 1], [10, 3]],
  ['0:10', [20, 3], [0, 0], [10, 3], [1, 1], [10, 3]],
  ['[0:10, :]', [20, 3], [0, 0], [10, 3], [1, 1], [10, 3]],
  ['5', [20, 3], [5, 0], [1, 3], [1, 1], [3]],
  ['-1,-3:', [20, 4], [19, 1], [1, 3], [1, 1], [3]],
  ['...,2', [4, 5, 6], [0, 0, 2], [4, 5, 1], [1, 1, 1], [4, 5]],
  ['1,...', [4, 5, 6], [1, 0, 0], [1, 5, 6], [1, 1, 1], [5, 6]],
  ['1,...,2', [4, 6], [1, 2], [1, 1], [1, 1], []],
  ['::2', [5], [0], [3], [2], [3]],
  ['1:6:3', [9], [1], [2], [3], [2]],
  ['1::3', [2], [1], [1], [3], [1]],
  ['7:3', [9], [7], [0], [1], [0]],
  ['-100:100', [9], [0], [9], [1], [9]],
  ['9:', [9], [9], [0], [1], [0]],
  [':', [0], [0], [0], [1], [0]],
  ['...', [], [], [], [], []],
  ['', [], [], [], [], []],
  ['0:2,', [4], [0], [2], [1], [2]],
];

suite('slices', ({ each }) => {
  each(
    SLICES,
    ([text, shape]) => `${JSON.stringify(text)} of [${shape.join(', ')}]`,
    ([text, shape, offsets, sizes, steps, result]) => {
      equal(parseSlice(text, shape), { selection: { offsets, sizes, steps }, shape: result });
    },
  );

  each(
    [
      ['a', [3], /found a/],
      ['1.5', [3], /not one that is known/],
      ['0,0', [3], /more positions .*1 at most/],
      ['...,...', [3, 3], /one ellipsis/],
      ['3', [3], /Position 3 is outside dimension 0 .*-3 to 2/],
      ['-4', [3], /outside dimension 0/],
      ['0', [0], /the dimension is empty/],
      ['::-1', [3], /step .* not greater than 0/],
      ['::0', [3], /step .* not greater than 0/],
      ['1::2:3', [3], /not one that is known/],
      ['0', [], /more positions/],
    ] as const,
    ([text, shape]) => `refuses ${JSON.stringify(text)} of [${shape.join(', ')}]`,
    ([text, shape, message]) => throws(() => parseSlice(text, shape), { code: 'usage', message }),
  );
});
