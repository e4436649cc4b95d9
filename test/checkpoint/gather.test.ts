import { type Checkpoint, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { ChunkTable, VIEW_CONJUGATE, VIEW_NEGATIVE } from '../../src/checkpoint/chunks.js';
import { TensorGatherer, viewTransform } from '../../src/checkpoint/gather.js';
import { StorageTable } from '../../src/checkpoint/storage.js';
import { type CopyPlan, CopyPlanBuilder } from '../../src/copy/plan.js';
import { applyTransform } from '../../src/copy/transform.js';
import { dtypeOf } from '../../src/dtype.js';
import { PyDict } from '../../src/pickle/dict.js';
import { equal, is, suite, throws } from '../suite.js';

const [CONJ, NEG] = [VIEW_CONJUGATE, VIEW_NEGATIVE];

suite('from stored elements to values', ({ each }) => {
  // Bytes 00 … 0f viewed as each type: what torch 2.13 gave for resolve_conj() and resolve_neg().
  each(
    [
      ['float64', NEG, '000102030405068708090a0b0c0d0e8f'],
      ['float32', NEG, '000102830405068708090a8b0c0d0e8f'],
      ['float16', NEG, '008102830485068708890a8b0c8d0e8f'],
      ['bfloat16', NEG, '008102830485068708890a8b0c8d0e8f'],
      ['complex64', NEG, '000102830405068708090a8b0c0d0e8f'],
      ['complex64', CONJ, '000102030405068708090a0b0c0d0e8f'],
      ['complex128', NEG, '000102030405068708090a0b0c0d0e8f'],
      ['complex128', CONJ, '000102030405060708090a0b0c0d0e8f'],
      ['complex32', NEG, '008102830485068708890a8b0c8d0e8f'],
      ['complex32', CONJ, '000102830405068708090a8b0c0d0e8f'],
      // −conj(a + bi) is −a + bi.
      ['complex64', CONJ | NEG, '000102830405060708090a8b0c0d0e0f'],
      ['int64', 0, '000102030405060708090a0b0c0d0e0f'],
    ] as const,
    ([name, flags]) => `${name} with flags ${flags}`,
    ([name, flags, expected]) => {
      const bytes = Uint8Array.from({ length: 16 }, (_, i) => i);
      applyTransform(bytes, viewTransform(dtypeOf(name), flags, false));
      is(Buffer.from(bytes).toString('hex'), expected);
    },
  );

  each(
    [
      ['float32', 0, '03020100070605040b0a09080f0e0d0c'],
      ['int64', 0, '07060504030201000f0e0d0c0b0a0908'],
      ['bfloat16', 0, '0100030205040706090' + '80b0a0d0c0f0e'],
      ['complex64', 0, '03020100070605040b0a09080f0e0d0c'],
      ['complex128', 0, '07060504030201000f0e0d0c0b0a0908'],
      ['bool', 0, '000102030405060708090a0b0c0d0e0f'],
      ['complex64', CONJ, '03020100070605840b0a09080f0e0d8c'],
    ] as const,
    ([name, flags]) => `big-endian ${name} with flags ${flags}`,
    ([name, flags, expected]) => {
      const bytes = Uint8Array.from({ length: 16 }, (_, i) => i);
      applyTransform(bytes, viewTransform(dtypeOf(name), flags, true));
      is(Buffer.from(bytes).toString('hex'), expected);
    },
  );

  each(
    [
      ['float32', CONJ, 'format'],
      ['int32', CONJ | NEG, 'format'],
      ['int32', NEG, 'unsupported'],
      ['bool', NEG, 'unsupported'],
      ['float8_e4m3fnuz', NEG, 'unsupported'],
      ['float8_e8m0fnu', NEG, 'unsupported'],
      ['float4_e2m1fn_x2', NEG, 'unsupported'],
      ['bits8', NEG, 'unsupported'],
    ] as const,
    ([name, flags]) => `refuses ${name} with flags ${flags}`,
    ([name, flags, code]) =>
      throws(() => viewTransform(dtypeOf(name), flags, false), {
        code,
        message: new RegExp(`found ${name}`),
      }),
  );
});

interface ChunkRow {
  offsets: number[];
  sizes: number[];
  stride: number[];
  storage?: number;
  storageOffset?: number;
}

/** A checkpoint of one float32 tensor, all in memory. Its two storages are 96 bytes each, one behind the other. */
function checkpointOf(
  shape: number[],
  rows: ChunkRow[],
  bigEndian = false,
): { checkpoint: Checkpoint; entry: TensorEntry } {
  const chunks = new ChunkTable(rows.length, rows.length * shape.length);
  const storages = new StorageTable();
  for (const byteOffset of [1000, 1096])
    storages.add({ file: 0, byteOffset, byteLength: 96, crc32: 7, bigEndian });
  for (const [chunk, row] of rows.entries()) {
    chunks.setBox(chunk, chunk * shape.length, row);
    if (row.storage === -1) continue;
    chunks.setView(chunk, {
      storage: row.storage ?? 0,
      storageOffset: row.storageOffset ?? 0,
      stride: row.stride,
      flags: 0,
    });
  }
  const entry = new TensorEntry('w', ['w'], dtypeOf('float32'), shape);
  entry.chunkCount = rows.length;
  const checkpoint: Checkpoint = {
    format: 'dcp',
    path: '/x',
    files: [{ path: '/x/data', name: 'data', byteLength: 2000 }],
    snapshots: [],
    entries: [entry],
    tree: new PyDict(),
    chunks,
    storages,
    provenance: { torchEra: '', globals: [] },
    resolve: async () => {},
    loadObjects: async () => {},
    close: () => {},
  };
  return { checkpoint, entry };
}

/** Byte of the source file for each byte of record 0, followed piece by piece. */
function bytesOfRecord(plan: CopyPlan): number[] {
  const { pieces, storages, records } = plan;
  const target = new Array<number>(records.byteLength[0]!).fill(-1);
  for (let piece = 0; piece < pieces.count; piece++) {
    const first = pieces.firstDimension[piece]!;
    const base = storages.byteOffset[pieces.storage[piece]!]! + pieces.sourceByteOffset[piece]!;
    const visit = (dimension: number, source: number, record: number): void => {
      if (dimension === pieces.dimensionCount[piece]) {
        for (let i = 0; i < pieces.runByteLength[piece]!; i++) target[record + i] = source + i;
        return;
      }
      const [count, sourceStep, recordStep] = pieces.dimensions.subarray(3 * (first + dimension));
      for (let i = 0; i < count!; i++)
        visit(dimension + 1, source + i * sourceStep!, record + i * recordStep!);
    };
    visit(0, base, pieces.recordByteOffset[piece]!);
  }
  return target;
}

function planOf(
  shape: number[],
  rows: ChunkRow[],
  recordStride?: number[],
): { plan: CopyPlan; replicaCount: number } {
  const { checkpoint, entry } = checkpointOf(shape, rows);
  const builder = new CopyPlanBuilder();
  const gatherer = new TensorGatherer(checkpoint, builder);
  builder.beginRecord(
    builder.addOutput({ name: 'o', byteLength: 0 }),
    0,
    4 * shape.reduce((a, b) => a * b, 1),
  );
  gatherer.addTensor(entry, recordStride);
  return { plan: builder.build(), replicaCount: gatherer.replicaCount };
}

suite('gathering a tensor from its chunks', ({ each, test }) => {
  /** Element of the source file (from byte 1000) that each element of the record comes from. */
  const rows: [
    name: string,
    shape: number[],
    chunks: ChunkRow[],
    elements: number[],
    recordStride?: number[],
  ][] = [
    ['one chunk', [2, 3], [{ offsets: [0, 0], sizes: [2, 3], stride: [3, 1] }], [0, 1, 2, 3, 4, 5]],
    ['a transposed chunk', [2, 3], [{ offsets: [0, 0], sizes: [2, 3], stride: [1, 2] }], [0, 2, 4, 1, 3, 5]],
    [
      'a view behind an offset',
      [2, 2],
      [{ offsets: [0, 0], sizes: [2, 2], stride: [5, 1], storageOffset: 3 }],
      [3, 4, 8, 9],
    ],
    ['an expanded chunk', [2, 2], [{ offsets: [0, 0], sizes: [2, 2], stride: [0, 1] }], [0, 1, 0, 1]],
    [
      'rows of two ranks, the second first',
      [3, 2],
      [
        { offsets: [2, 0], sizes: [1, 2], stride: [2, 1], storage: 1 },
        { offsets: [0, 0], sizes: [2, 2], stride: [2, 1] },
      ],
      [0, 1, 2, 3, 24, 25],
    ],
    [
      'columns of two ranks',
      [2, 3],
      [
        { offsets: [0, 0], sizes: [2, 2], stride: [2, 1] },
        { offsets: [0, 2], sizes: [2, 1], stride: [1, 1], storage: 1 },
      ],
      [0, 1, 24, 2, 3, 25],
    ],
    [
      'an empty chunk that was not resolved',
      [2],
      [
        { offsets: [0], sizes: [2], stride: [1] },
        { offsets: [2], sizes: [0], stride: [1], storage: -1 },
      ],
      [0, 1],
    ],
    ['no dimensions', [], [{ offsets: [], sizes: [], stride: [], storageOffset: 4 }], [4]],
    [
      'a record in another order',
      [2, 3],
      [{ offsets: [0, 0], sizes: [2, 3], stride: [3, 1] }],
      [0, 3, 1, 4, 2, 5],
      [1, 2],
    ],
    [
      'a record in the order of its source',
      [2, 3],
      [{ offsets: [0, 0], sizes: [2, 3], stride: [1, 4] }],
      [0, 1, 4, 5, 8, 9],
      [1, 2],
    ],
  ];
  each(
    rows,
    ([name]) => name,
    ([, shape, chunks, elements, recordStride]) => {
      const { plan } = planOf(shape, chunks, recordStride);
      equal(
        bytesOfRecord(plan),
        elements.flatMap(element => [0, 1, 2, 3].map(byte => 1000 + element * 4 + byte)),
      );
    },
  );

  test('replicas are left out and counted; each storage is in the plan once', () => {
    const half = { sizes: [1], stride: [1] };
    const { plan, replicaCount } = planOf(
      [2],
      [
        { offsets: [0], ...half },
        { offsets: [0], ...half, storage: 1 },
        { offsets: [1], ...half, storageOffset: 1 },
      ],
    );
    is(replicaCount, 1);
    equal([plan.storages.count, plan.pieces.count], [1, 2]);
    equal([...plan.storageLabels], ['w']);
    equal([plan.storages.crc32[0], plan.storages.hasCrc[0]], [7, 1]);
  });

  test('a chunk that reaches past its storage', () => {
    throws(() => planOf([25], [{ offsets: [0], sizes: [25], stride: [1] }]), {
      code: 'format',
      message: /past the end of its storage.*100 bytes at least, found 96 bytes.*\[at w\]/,
    });
  });

  test('a gap and an overlap name the tensor', () => {
    const part = (start: number, size: number): ChunkRow => ({
      offsets: [start],
      sizes: [size],
      stride: [1],
    });
    throws(() => planOf([4], [part(0, 3)]), { code: 'corrupt', message: /first gap is \[3:4\].*\[at w\]/ });
    throws(() => planOf([4], [part(0, 3), part(2, 2)]), { code: 'corrupt', message: /overlap.*\[at w\]/ });
  });
});

suite('gathering a selection', ({ each }) => {
  /** Two ranks with columns 0–1 and 2–3 of a 3 × 4 tensor; the elements of the record, as above. */
  const columns: ChunkRow[] = [
    { offsets: [0, 0], sizes: [3, 2], stride: [2, 1] },
    { offsets: [0, 2], sizes: [3, 2], stride: [2, 1], storage: 1 },
  ];
  each(
    [
      ['one row', [1, 0], [1, 4], [1, 1], [2, 3, 26, 27]],
      ['every second column', [0, 0], [3, 2], [1, 2], [0, 24, 2, 26, 4, 28]],
      ['every third column from 0', [0, 0], [3, 2], [1, 3], [0, 25, 2, 27, 4, 29]],
      ['columns of one rank only', [0, 3], [3, 1], [1, 1], [25, 27, 29]],
      ['rows two apart', [0, 1], [2, 2], [2, 1], [1, 24, 5, 28]],
      ['nothing', [3, 0], [0, 4], [1, 1], []],
    ] as const,
    ([name]) => name,
    ([, offsets, sizes, steps, elements]) => {
      const { checkpoint, entry } = checkpointOf([3, 4], columns);
      const builder = new CopyPlanBuilder();
      const output = builder.addOutput({ name: 'o', byteLength: 0 });
      builder.beginRecord(output, 0, 4 * elements.length);
      new TensorGatherer(checkpoint, builder).addSelection(entry, { offsets, sizes, steps }, [sizes[1], 1]);
      equal(
        bytesOfRecord(builder.build()),
        elements.flatMap(element => [0, 1, 2, 3].map(byte => 1000 + element * 4 + byte)),
      );
    },
  );
});

suite('gathering a storage', ({ test }) => {
  test('whole, as it is', () => {
    const { checkpoint } = checkpointOf([1], []);
    const builder = new CopyPlanBuilder();
    builder.beginRecord(builder.addOutput({ name: 'o', byteLength: 96 }), 0, 96);
    new TensorGatherer(checkpoint, builder).addStorage(1, undefined, 96, 'label');
    const plan = builder.build();
    equal(
      bytesOfRecord(plan),
      Array.from({ length: 96 }, (_, i) => 1096 + i),
    );
    equal([...plan.storageLabels], ['label']);
  });

  test('big-endian: swapped by its type, refused without', () => {
    const { checkpoint } = checkpointOf([1], [], true);
    const builder = new CopyPlanBuilder();
    builder.beginRecord(builder.addOutput({ name: 'o', byteLength: 96 }), 0, 96);
    const gatherer = new TensorGatherer(checkpoint, builder);
    throws(() => gatherer.addStorage(0, undefined, 96, 'label'), {
      code: 'unsupported',
      message: /\[at label\]/,
    });
    gatherer.addStorage(0, dtypeOf('complex64'), 96, 'label');
    const { transforms, pieces } = builder.build();
    equal(transforms[pieces.transform[0]!], { swapSize: 4, flip: 'none', componentSize: 1 });
  });
});
