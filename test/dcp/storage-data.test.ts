import type { Box } from '../../src/checkpoint/box.js';
import { ChunkList } from '../../src/dcp/chunk-list.js';
import { StorageData, type StorageKey, type StoragePlace } from '../../src/dcp/storage-data.js';
import { equal, is, suite } from '../suite.js';

function row(i: number): [StorageKey, StoragePlace] {
  return [
    {
      fqn: `layers.${i % 7}.weight`,
      offset: i % 5 === 0 ? undefined : Array.from({ length: i % 4 }, (_, d) => i * 10 ** d + 2 ** 40),
      index: i % 3 === 0 ? undefined : i,
    },
    {
      relativePath: `__${i % 2}_0.distcp`,
      offset: i * 2 ** 33,
      length: i,
      transformDescriptors: i % 11 === 0 ? ['stream.zstd/1'] : [],
    },
  ];
}

suite('storage_data in columns', ({ test }) => {
  const rows = Array.from({ length: 1000 }, (_, i) => row(i));

  test('rows come out as they went in', () => {
    const data = StorageData.of(rows);
    is(data.length, rows.length);
    equal([...data], rows);
  });

  test('texts are numbered in order of first use', () => {
    const data = StorageData.of(rows);
    equal(data.relativePaths, ['__0_0.distcp', '__1_0.distcp']);
    equal(
      data.fqnTexts,
      ['0', '1', '2', '3', '4', '5', '6'].map(i => `layers.${i}.weight`),
    );
    is(data.fqnNumber(999), 999 % 7);
  });

  test('an offset of another length is another one', () => {
    const data = StorageData.of([[{ fqn: 'w', offset: [4, 0], index: 0 }, row(1)[1]]]);
    const numbers = Float64Array.of(9, 4, 0, 0);
    equal(
      [2, 1, 3, 0].map(dimensionCount => data.hasOffset(0, numbers, 1, dimensionCount)),
      [true, false, false, false],
    );
  });

  test('a hint that no chunk can have is none', () => {
    const key = (index: number): StorageKey => ({ fqn: 'w', offset: [0], index });
    const data = StorageData.of([-1, 2 ** 31, 2 ** 31 - 1].map(index => [key(index), row(1)[1]]));
    equal(
      Array.from(data, ([{ index }]) => index),
      [undefined, undefined, 2 ** 31 - 1],
    );
  });
});

suite('chunks of a tensor as numbers', ({ test }) => {
  const boxes: Box[] = [
    { offsets: [0, 0], sizes: [2, 3] },
    { offsets: [2, 0], sizes: [0, 3] },
  ];

  test('boxes come out as they went in', () => {
    const list = ChunkList.of(boxes);
    is(list.length, 2);
    equal([...list], boxes);
  });

  test('and go into columns', () => {
    const offsets = new Float64Array(6);
    const sizes = new Float64Array(6);
    ChunkList.of(boxes).copyTo(offsets, sizes, 2, 2);
    equal(
      [[...offsets], [...sizes]],
      [
        [0, 0, 0, 0, 2, 0],
        [0, 0, 2, 3, 0, 3],
      ],
    );
  });

  test('the first box of another number of dimensions', () => {
    const strange = { offsets: [0], sizes: [1, 1] };
    const list = ChunkList.of([...boxes, strange, { offsets: [], sizes: [] }]);
    equal(list.findOther(2), strange);
    is(ChunkList.of(boxes).findOther(2), undefined);
    is(ChunkList.of([]).findOther(0), undefined);
    is(ChunkList.of([{ offsets: [], sizes: [] }]).findOther(0), undefined);
  });
});
