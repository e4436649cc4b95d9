import {
  movedOrigin,
  parseElement,
  steppedOrigin,
  valuesGrid,
  windowBox,
} from '../../../src/tui/explore/values-grid.js';
import { equal, suite } from '../../suite.js';
import { tensorEntry } from './entries.js';

const GRID = { rows: 10, columns: 4, cellWidth: 12 };

suite('explorer: values', ({ test, each }) => {
  each<readonly [dtype: string, shape: number[], columns: number]>(
    [
      ['float32', [100, 100], 4],
      ['float32', [100], 4],
      ['float32', [100, 2], 2],
      ['bool', [100, 100], 9],
      ['int64', [100, 100], 2],
      ['complex128', [100, 100], 1],
      ['float32', [], 1],
    ],
    ([dtype, shape]) => `${dtype} [${shape}] in 60 columns`,
    ([dtype, shape, columns]) =>
      equal(valuesGrid(tensorEntry('w', shape, dtype), 60, 20), {
        rows: 13,
        columns,
        cellWidth: { float32: 12, bool: 6, int64: 21, complex128: 44 }[dtype],
      }),
  );

  each<readonly [shape: number[], origin: number[], offsets: number[], sizes: number[]]>(
    [
      [[], [], [], []],
      [[100], [], [0], [40]],
      [[100], [96], [96], [4]],
      [[20, 30], [], [0, 0], [10, 4]],
      [
        [20, 30],
        [15, 28],
        [15, 28],
        [5, 2],
      ],
      [
        [5, 20, 30],
        [3, 1, 2],
        [3, 1, 2],
        [1, 10, 4],
      ],
      [
        [3, 3],
        [9, 9],
        [2, 2],
        [1, 1],
      ],
      [[0, 3], [], [0, 0], [0, 3]],
    ],
    ([shape, origin]) => `[${shape}] from [${origin}]`,
    ([shape, origin, offsets, sizes]) => equal(windowBox(shape, origin, GRID), { offsets, sizes }),
  );

  each<
    readonly [shape: number[], origin: number[], move: { rows?: number; columns?: number }, moved: number[]]
  >(
    [
      [[20, 30], [], { rows: 1 }, [1, 0]],
      [[20, 30], [10, 0], { rows: 1 }, [10, 0]],
      [[20, 30], [0, 0], { columns: 4 }, [0, 4]],
      [[20, 30], [0, 24], { columns: 4 }, [0, 26]],
      [[20, 30], [5, 5], { rows: -99 }, [0, 5]],
      [[3, 3], [0, 0], { rows: 5, columns: 5 }, [0, 0]],
      [[100], [], { rows: 1 }, [4]],
      [[100], [56], { rows: 99 }, [60]],
      [[7, 20, 30], [3, 0, 0], { rows: 2 }, [3, 2, 0]],
      [[], [], { rows: 1 }, []],
    ],
    ([shape, origin, move]) => `[${shape}] from [${origin}] by ${JSON.stringify(move)}`,
    ([shape, origin, move, moved]) => equal(movedOrigin(shape, origin, GRID, move), moved),
  );

  each<readonly [shape: number[], origin: number[], direction: 1 | -1, stepped: number[]]>(
    [
      [[2, 3, 9, 9], [], 1, [0, 1, 0, 0]],
      [[2, 3, 9, 9], [0, 2, 4, 4], 1, [1, 0, 4, 4]],
      [[2, 3, 9, 9], [1, 2, 0, 0], 1, [1, 2, 0, 0]],
      [[2, 3, 9, 9], [1, 0, 0, 0], -1, [0, 2, 0, 0]],
      [[9, 9], [1, 1], 1, [1, 1]],
    ],
    ([shape, origin, direction]) => `[${shape}] from [${origin}] ${direction}`,
    ([shape, origin, direction, stepped]) => equal(steppedOrigin(shape, origin, direction), stepped),
  );

  each<readonly [text: string, shape: number[], expected: number[] | string]>(
    [
      ['5000', [8192, 4096], [5000, 0]],
      ['3, 5', [8, 8], [3, 5]],
      ['[3,5]', [8, 8], [3, 5]],
      ['-1,-2', [8, 8], [7, 6]],
      ['8', [8, 8], 'Position 8 is outside dimension 0, which has 8'],
      ['0,-9', [8, 8], 'Position -9 is outside dimension 1, which has 8'],
      ['1,2,3', [8, 8], 'The tensor has 2 dimensions'],
      ['x', [8, 8], 'Give positions, such as 5000 or 3,5000,0'],
      ['1:3', [8, 8], 'Give positions, such as 5000 or 3,5000,0'],
    ],
    ([text, shape]) => `${text} of [${shape}]`,
    ([text, shape, expected]) => equal(parseElement(text, shape), expected),
  );

  test('a grid has a row and a column in the narrowest place', () => {
    equal(valuesGrid(tensorEntry('w', [9, 9]), 3, 2), { rows: 1, columns: 1, cellWidth: 12 });
  });
});
