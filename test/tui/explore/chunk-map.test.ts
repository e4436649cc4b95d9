import type { TensorLayout } from '../../../src/ops/explore/tensor-layout.js';
import { drawChunkMap } from '../../../src/tui/explore/chunk-map.js';
import { chunkMapLines } from '../../../src/tui/explore/chunk-map-lines.js';
import { equal, is, suite } from '../../suite.js';
import { layoutOf, rowShards } from './entries.js';

const PLAIN = { colors: false, unicode: false };

function drawn(layout: TensorLayout, width = 24, height = 8, look = PLAIN): string[] {
  const map = drawChunkMap(layout, width, height);
  return chunkMapLines(map, layout.shape, look).map(spans =>
    spans
      .map(({ text }) => text)
      .join('')
      .trimEnd(),
  );
}

suite('explorer: map of chunks', ({ test, each }) => {
  test('rows of a matrix, to scale', () => {
    equal(drawn(layoutOf([64, 96], rowShards([64, 96], 4))), [
      '   0                     96',
      ' 0 000000000000000000000000',
      '   000000000000000000000000',
      '16 111111111111111111111111',
      '   111111111111111111111111',
      '32 222222222222222222222222',
      '   222222222222222222222222',
      '48 333333333333333333333333',
      '   333333333333333333333333',
      '64',
    ]);
  });

  test('an uneven last rank is as much smaller as its rows are fewer', () => {
    equal(drawn(layoutOf([7, 28], rowShards([7, 28], 4)), 28, 7), [
      '  0                         28',
      '0 0000000000000000000000000000',
      '  0000000000000000000000000000',
      '2 1111111111111111111111111111',
      '  1111111111111111111111111111',
      '4 2222222222222222222222222222',
      '  2222222222222222222222222222',
      '6 3333333333333333333333333333',
      '7',
    ]);
  });

  test('a grid of ranks', () => {
    const boxes = [
      [
        [0, 0],
        [4, 12],
      ],
      [
        [0, 12],
        [4, 4],
      ],
      [
        [4, 0],
        [4, 12],
      ],
      [
        [4, 12],
        [4, 4],
      ],
    ] as const;
    equal(drawn(layoutOf([8, 16], boxes), 16, 4), [
      '  0           12',
      '0 0000000000001111',
      '  0000000000001111',
      '4 2222222222223333',
      '  2222222222223333',
      '8',
    ]);
  });

  test('a vector is a strip from left to right', () => {
    equal(drawn(layoutOf([100], rowShards([100], 4)), 20), [
      '0    25   50   75',
      '00000111112222233333',
      '00000111112222233333',
      '00000111112222233333',
    ]);
  });

  test('one number is one box', () => {
    equal(drawn(layoutOf([], [[[], []]])), ['00']);
  });

  test('of more dimensions the two that are cut are drawn', () => {
    const boxes = [0, 1, 2, 3].map(
      i =>
        [
          [0, 2 * (i >> 1), 0, 3 * (i % 2)],
          [9, 2, 9, 3],
        ] as [number[], number[]],
    );
    const map = drawChunkMap(layoutOf([9, 4, 9, 6], boxes), 16, 4);
    equal([map.rowDimension, map.columnDimension, map.hiddenCount], [1, 3, 0]);
  });

  test('a hole is seen, and a chunk whose file is missing', () => {
    const boxes = [
      [
        [0, 0],
        [2, 8],
      ],
      [
        [4, 0],
        [2, 8],
      ],
      [
        [6, 0],
        [2, 8],
      ],
    ] as const;
    equal(drawn(layoutOf([8, 8], boxes, { 2: { state: 'missing' } }), 16, 4), [
      '  0              8',
      '0 0000000000000000',
      '2 ................',
      '4 1111111111111111',
      '6 xxxxxrank 2xxxxx',
      '8',
    ]);
  });

  test('with colours a box has the name of its rank in it', () => {
    equal(drawn(layoutOf([8, 8], rowShards([8, 8], 2)), 16, 4, { colors: true, unicode: true }), [
      '  0              8',
      '0      rank 0',
      '',
      '4      rank 1',
      '',
      '8',
    ]);
    const map = drawChunkMap(layoutOf([8, 8], rowShards([8, 8], 2)), 16, 4);
    const tones = chunkMapLines(map, [8, 8], { colors: true, unicode: true }).map(
      spans => spans.at(-1)!.tone,
    );
    equal(tones, ['dim', 'rank0', 'rank0', 'rank1', 'rank1', 'dim']);
  });

  test('copies, empty boxes and boxes thinner than a cell are counted', () => {
    const whole = [[0], [4]] as const;
    is(drawChunkMap(layoutOf([4], [whole, whole, [[4], [0]]]), 20, 4).hiddenCount, 2);
    is(drawChunkMap(layoutOf([1000], rowShards([1000], 500)), 20, 4).hiddenCount, 480);
  });

  each<readonly [shape: number[], width: number, height: number]>(
    [
      [[0], 20, 4],
      [[0, 5], 20, 4],
      [[1, 1_000_000], 20, 4],
      [[1_000_000, 1], 20, 4],
      [[3, 3], 1, 1],
      [[], 1, 1],
    ],
    ([shape, width, height]) => `[${shape}] in ${width} × ${height} stays inside`,
    ([shape, width, height]) => {
      const map = drawChunkMap(layoutOf(shape, [[shape.map(() => 0), shape]]), width, height);
      is(map.height <= Math.max(height, 1), true);
      is(map.cells.length, map.width * map.height);
    },
  );
});
