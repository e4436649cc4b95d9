import { ChunkList } from '../../src/dcp/chunk-list.js';
import { indexEntries, rankOfFile } from '../../src/dcp/entries.js';
import { BytesStorageMetadata, type DcpMetadata, TensorStorageMetadata } from '../../src/dcp/metadata.js';
import { StorageData, type StorageKey, type StoragePlace } from '../../src/dcp/storage-data.js';
import { dtypeOf } from '../../src/dtype.js';
import type { PyValue } from '../../src/pickle/values.js';
import { equal, is, suite, throws } from '../suite.js';

const DATA = '__0_0.distcp';

type BoxRow = [offsets: number[], sizes: number[]];

function tensor(size: number[], boxes: BoxRow[] = [[size.map(() => 0), size]]): TensorStorageMetadata {
  const chunks = ChunkList.of(boxes.map(([offsets, sizes]) => ({ offsets, sizes })));
  return Object.assign(new TensorStorageMetadata(), { dtype: dtypeOf('float32'), size, chunks });
}

type PlaceRow = [
  fqn: string,
  offset: number[] | undefined,
  info?: Partial<StoragePlace>,
  index?: number | undefined,
];

function place([fqn, offset, info = {}, index]: PlaceRow): [StorageKey, StoragePlace] {
  return [
    { fqn, offset, index },
    { relativePath: DATA, offset: 0, length: 8, transformDescriptors: [], ...info },
  ];
}

function metadata(
  stored: Record<string, TensorStorageMetadata | BytesStorageMetadata>,
  places: PlaceRow[],
  plannerData?: Record<string, PyValue[]>,
): DcpMetadata {
  return {
    stateDictMetadata: Object.entries(stored).map(([fqn, value]) => [fqn, fqn, value]),
    plannerData: plannerData === undefined ? undefined : new Map(Object.entries(plannerData)),
    storageData: StorageData.of(places.map(place)),
    storageMeta: undefined,
    version: undefined,
    reshaped: [],
    globals: [],
  };
}

suite('entries of an index: data files stay in the directory', ({ each }) => {
  each(
    [
      '',
      '/',
      '/etc/passwd',
      '//host/share',
      '..',
      '../__0_0.distcp',
      'a/../../__0_0.distcp',
      'a/..',
      'a/../b',
      './../x',
      'a\0b',
      '\\windows',
      '..\\__0_0.distcp',
      'a\\..\\..\\x',
      'a/..\\x',
      'C:\\data',
      'c:data',
    ],
    relativePath => `refuses ${JSON.stringify(relativePath)}`,
    relativePath => {
      const error = throws(() => indexEntries(metadata({ w: tensor([2]) }, [['w', [0], { relativePath }]])), {
        code: 'format',
        message: /outside the checkpoint directory/,
      });
      equal([error.found, error.context.fqn], [JSON.stringify(relativePath), 'w']);
    },
  );

  each(
    [DATA, 'rank_0/part.distcp', '..data', 'a..b/c', './__0_0.distcp', '...', 'ä b'],
    relativePath => `accepts ${JSON.stringify(relativePath)}`,
    relativePath => {
      const { fileNames } = indexEntries(
        metadata({ o: new BytesStorageMetadata() }, [['o', undefined, { relativePath }]]),
      );
      equal(fileNames, [relativePath]);
    },
  );
});

suite('entries of an index: places', ({ test, each }) => {
  const halves: BoxRow[] = [
    [
      [0, 0],
      [2, 3],
    ],
    [
      [2, 0],
      [2, 3],
    ],
  ];

  test('a chunk is found by its offset; the index of its key is only a hint', () => {
    for (const [first, second] of [
      [0, 1],
      [1, 0],
      [7, 7],
    ] as const) {
      const { chunks, fileNames } = indexEntries(
        metadata({ w: tensor([4, 3], halves) }, [
          ['w', [2, 0], { relativePath: '__1_0.distcp', offset: 50 }, second],
          ['w', [0, 0], { relativePath: DATA, offset: 10 }, first],
        ]),
      );
      equal([...chunks.itemByteOffset], [10, 50]);
      equal(
        [...chunks.itemFile].map(file => fileNames[file]),
        [DATA, '__1_0.distcp'],
      );
    }
  });

  test('100,000 chunks of one tensor, with hints that are right, missing, and wrong', () => {
    const count = 100_000;
    const boxes = Array.from(
      { length: count },
      (_, i): BoxRow => [
        [i, 0],
        [1, 3],
      ],
    );
    for (const hint of [(i: number) => i, () => undefined, (i: number) => count - 1 - i]) {
      const rows = boxes.map(([offsets], i): PlaceRow => ['w', offsets, { offset: 8 * i }, hint(i)]);
      const { chunks } = indexEntries(metadata({ w: tensor([count, 3], boxes) }, rows));
      equal(
        chunks.itemByteOffset,
        Float64Array.from(boxes, (_, i) => 8 * i),
      );
    }
  });

  test('chunks with one offset share its item', () => {
    const boxes: BoxRow[] = [
      [[0], [2]],
      [[0], [2]],
      [[2], [2]],
    ];
    const { chunks } = indexEntries(
      metadata({ w: tensor([4], boxes) }, [
        ['w', [0], { offset: 5 }, 1],
        ['w', [2], { offset: 9 }, 2],
      ]),
    );
    equal([...chunks.itemByteOffset], [5, 5, 9]);
  });

  test('files are named once, in order of first use', () => {
    const { fileNames, objectItems, entries } = indexEntries(
      metadata({ a: new BytesStorageMetadata(), b: tensor([1]), c: new BytesStorageMetadata() }, [
        ['c', undefined, { relativePath: 'y', offset: 3, length: 4 }],
        ['b', [0], { relativePath: 'x' }],
        ['a', undefined, { relativePath: 'y', offset: 1, length: 2 }],
      ]),
    );
    equal(fileNames, ['y', 'x']);
    equal(
      [...objectItems.values()],
      [
        { file: 0, byteOffset: 1, byteLength: 2, isTransformed: false },
        { file: 0, byteOffset: 3, byteLength: 4, isTransformed: false },
      ],
    );
    equal(
      entries.map(entry => (entry.kind === 'object' ? entry.byteLength : entry.chunkCount)),
      [2, 1, 4],
    );
  });

  test('items that went through a stream transform are marked', () => {
    const transformDescriptors = ['stream.zstd/1'];
    const { transformedChunks, objectItems } = indexEntries(
      metadata({ a: tensor([4]), b: tensor([4]), c: new BytesStorageMetadata() }, [
        ['a', [0]],
        ['b', [0], { transformDescriptors }],
        ['c', undefined, { transformDescriptors }],
      ]),
    );
    equal([...transformedChunks], [1]);
    equal(
      [...objectItems.values()].map(({ isTransformed }) => isTransformed),
      [true],
    );
  });

  test('an empty chunk needs no place: torch stores one item for several', () => {
    const boxes: BoxRow[] = [
      [[0], [2]],
      [[2], [0]],
      [[2], [0]],
    ];
    const { chunks } = indexEntries(metadata({ w: tensor([2], boxes) }, [['w', [0]]]));
    is(chunks.count, 3);
  });

  const refused: [string, DcpMetadata, Parameters<typeof throws>[1]][] = [
    [
      'a chunk without place',
      metadata({ w: tensor([4, 3], halves) }, [['w', [0, 0]]]),
      { code: 'format', message: /does not say where a chunk.*offset \[2, 0\].*\[at w\]/ },
    ],
    [
      'a chunk whose place has other dimensions',
      metadata({ w: tensor([4]) }, [['w', [0, 0]]]),
      { code: 'format', message: /does not say where a chunk/ },
    ],
    [
      'an object without place',
      metadata({ o: new BytesStorageMetadata() }, [['o', [0]]]),
      { code: 'format', message: /does not say where an object.*\[at o\]/ },
    ],
    [
      'a chunk of another number of dimensions',
      metadata({ w: tensor([4, 3], [[[0], [4]]]) }, [['w', [0]]]),
      { code: 'format', message: /another number of dimensions.*expected 2, found 1.*\[at w\]/ },
    ],
    [
      'offsets of another number of dimensions',
      metadata({ w: tensor([4], [[[0, 0], [4]]]) }, [['w', [0, 0]]]),
      { code: 'format', message: /another number of dimensions/ },
    ],
    [
      'an unknown stream transform',
      metadata({ w: tensor([4]) }, [['w', [0], { transformDescriptors: ['stream.lz4/1'] }]]),
      { code: 'unsupported', message: /stream transform.*found stream\.lz4\/1.*\[at w\]/ },
    ],
    [
      'another version of a known one',
      metadata({ w: tensor([4]) }, [['w', [0], { transformDescriptors: ['stream.zstd/2'] }]]),
      { code: 'unsupported', message: /stream transform.*found stream\.zstd\/2.*\[at w\]/ },
    ],
    [
      'two transforms, one of which is known',
      metadata({ w: new BytesStorageMetadata() }, [
        ['w', undefined, { transformDescriptors: ['stream.zstd/1', 'stream.aes/1'] }],
      ]),
      { code: 'unsupported', message: /stream transform.*found stream\.zstd\/1, stream\.aes\/1.*\[at w\]/ },
    ],
  ];
  each(
    refused,
    ([name]) => `refuses ${name}`,
    ([, index, expected]) => throws(() => indexEntries(index), expected),
  );
});

suite('entries of an index: paths', ({ test, each }) => {
  const objects = (...fqns: string[]) =>
    Object.fromEntries(fqns.map(fqn => [fqn, new BytesStorageMetadata()]));
  const places = (...fqns: string[]): PlaceRow[] => fqns.map(fqn => [fqn, undefined]);

  test('without planner_data every key stands at the top, dots and all', () => {
    const { entries } = indexEntries(metadata(objects('a.b', 'c'), places('a.b', 'c')));
    equal(
      entries.map(({ path }) => path),
      [['a.b'], ['c']],
    );
  });

  test('a key that planner_data lacks stands at the top; one that only planner_data has is nothing', () => {
    const { entries, tree } = indexEntries(
      metadata(objects('a.b', 'c.d'), places('a.b', 'c.d'), { 'a.b': ['a', 'b'], gone: ['gone', 0] }),
    );
    equal(
      entries.map(({ path }) => path),
      [['a', 'b'], ['c.d']],
    );
    equal([...tree.keys()], ['a', 'c.d']);
  });

  const clashes: [string, Record<string, PyValue[]>][] = [
    ['one path twice', { x: ['a'], y: ['a'] }],
    ['a value where another needs a dict', { x: ['a'], y: ['a', 'b'] }],
    ['a value in the place of a dict', { x: ['a', 'b'], y: ['a'] }],
    ['a dict and a list', { x: ['a', 'b'], y: ['a', 0] }],
    ['a list and a dict', { x: ['a', 0], y: ['a', 'b'] }],
    ['a position twice', { x: ['a', 1], y: ['a', 1] }],
    ['a list at the top', { x: [0], y: ['b'] }],
  ];
  each(
    clashes,
    ([name]) => `refuses ${name}`,
    ([, plannerData]) =>
      throws(() => indexEntries(metadata(objects('x', 'y'), places('x', 'y'), plannerData)), {
        code: 'format',
        message: /contradict each other/,
      }),
  );

  test('a position beyond reason is refused before memory is filled', () => {
    throws(() => indexEntries(metadata(objects('x'), places('x'), { x: ['a', 2 ** 40] })), {
      code: 'limit',
      message: /position 1099511627776/,
    });
  });
});

suite('ranks by file names', ({ each }) => {
  each(
    [
      ['__0_0.distcp', 0],
      ['__12_3.distcp', 12],
      ['sub/__7_0.distcp', 7],
      ['__0_0.distcp.bak', undefined],
      ['x__0_0.distcp', undefined],
      ['model.bin', undefined],
    ] as const,
    ([name]) => name,
    ([name, rank]) => is(rankOfFile({ path: '/x', name, byteLength: 1 }), rank),
  );
});
