import { combineCrc32, crc32 } from '../../src/copy/crc32.js';
import { CrcLedger } from '../../src/copy/ledger.js';
import { type CopyPlan, CopyPlanBuilder, mergeDimensions, type PieceDimension } from '../../src/copy/plan.js';
import { type Tile, TileCopier, type TileIo } from '../../src/copy/tile.js';
import { tilesOf } from '../../src/copy/tiles.js';
import { Random } from '../random.js';
import { equal, is, ok, suite, throws } from '../suite.js';

/** Sources and outputs in memory. Counts the bytes read, to prove that none is read twice. */
class MemoryIo implements TileIo {
  bytesRead = 0;
  readCount = 0;

  constructor(
    readonly sources: readonly Uint8Array[],
    readonly outputs: readonly Uint8Array[],
  ) {}

  read(source: number, target: Uint8Array, byteOffset: number): void {
    const bytes = this.sources[source]!.subarray(byteOffset, byteOffset + target.length);
    if (bytes.length !== target.length) throw new Error('read past the end');
    target.set(bytes);
    this.bytesRead += bytes.length;
    this.readCount++;
  }

  write(output: number, bytes: Uint8Array, byteOffset: number): void {
    this.outputs[output]!.set(bytes, byteOffset);
  }
}

/** A record made of one piece over a dense source, and the same record made element by element. */
interface Case {
  elementSize: number;
  /** In the order of the record. */
  sizes: number[];
  /** Order of the dimensions in the source, outermost first. */
  sourceOrder: number[];
}

function denseSteps(sizes: readonly number[], order: readonly number[], elementSize: number): number[] {
  const steps = new Array<number>(sizes.length);
  let step = elementSize;
  for (const d of [...order].reverse()) {
    steps[d] = step;
    step *= sizes[d]!;
  }
  return steps;
}

function planOf({ elementSize, sizes, sourceOrder }: Case): {
  plan: CopyPlan;
  source: Uint8Array;
  expected: Uint8Array;
} {
  const byteLength = sizes.reduce((product, size) => product * size, elementSize);
  const source = new Random(byteLength + 1).bytes(byteLength);
  const sourceSteps = denseSteps(sizes, sourceOrder, elementSize);
  const recordSteps = denseSteps(
    sizes,
    sizes.map((_, d) => d),
    elementSize,
  );
  const expected = new Uint8Array(byteLength);
  const visit = (d: number, from: number, to: number): void => {
    if (d === sizes.length) expected.set(source.subarray(from, from + elementSize), to);
    else
      for (let i = 0; i < sizes[d]!; i++) visit(d + 1, from + i * sourceSteps[d]!, to + i * recordSteps[d]!);
  };
  visit(0, 0, 0);
  const builder = new CopyPlanBuilder();
  const storage = builder.addStorage({
    source: builder.addSource('s'),
    byteOffset: 0,
    byteLength,
    crc32: crc32(source),
    label: 'w',
  });
  const output = builder.addOutput({ name: 'o', byteLength });
  builder.beginRecord(output, 0, byteLength);
  const dimensions = sizes.map(
    (count, d): PieceDimension => ({
      count,
      sourceStep: sourceSteps[d]!,
      recordStep: recordSteps[d]!,
    }),
  );
  builder.addPiece(storage, 0, 0, elementSize, dimensions);
  return { plan: builder.build(), source, expected };
}

function copyAll(plan: CopyPlan, sources: Uint8Array[], tiles: Iterable<Tile>) {
  const io = new MemoryIo(
    sources,
    plan.outputs.map(output => new Uint8Array(output.byteLength)),
  );
  const ledger = new CrcLedger(plan);
  const copier = new TileCopier(plan, io, 'all');
  for (const tile of tiles) {
    const { storageCrcs, recordCrcs } = copier.copy(tile);
    ledger.add(storageCrcs, recordCrcs);
  }
  return { io, ledger };
}

/** Cuts the only record of a plan at random places. */
function randomTiles(plan: CopyPlan, random: Random): Tile[] {
  const byteLength = plan.records.byteLength[0]!;
  const cuts = new Set([0, byteLength]);
  for (let i = random.int(0, 6); i > 0; i--) cuts.add(random.int(0, byteLength));
  const sorted = [...cuts].sort((a, b) => a - b);
  const tiles = sorted.slice(1).map((endByte, i) => ({
    firstRecord: 0,
    startByte: sorted[i]!,
    lastRecord: 0,
    endByte,
  }));
  return random.shuffle(tiles);
}

suite('copy engine', ({ test, each }) => {
  each(
    [
      { elementSize: 4, sizes: [7], sourceOrder: [0] },
      { elementSize: 2, sizes: [5, 9], sourceOrder: [1, 0] },
      { elementSize: 1, sizes: [3, 4, 5], sourceOrder: [2, 0, 1] },
      { elementSize: 8, sizes: [4, 1, 6], sourceOrder: [0, 2, 1] },
      { elementSize: 16, sizes: [2, 3, 2, 3], sourceOrder: [3, 1, 0, 2] },
      { elementSize: 2, sizes: [700, 900], sourceOrder: [1, 0] },
    ],
    ({ sizes, sourceOrder }) => `a source in the order ${sourceOrder} comes out row-major, shape [${sizes}]`,
    item => {
      const { plan, source, expected } = planOf(item);
      const { io, ledger } = copyAll(plan, [source], tilesOf(plan));
      equal(io.outputs[0], expected);
      equal([...ledger.recordCrcs()], [crc32(expected)]);
    },
  );

  test('any cut into tiles, in any order, gives the same bytes and the same CRC', () => {
    const random = new Random(20260101);
    for (let round = 0; round < 300; round++) {
      const dimensionCount = random.int(1, 4);
      const sizes = Array.from({ length: dimensionCount }, () => random.int(1, 7));
      const item: Case = {
        elementSize: random.pick([1, 2, 4, 8, 16]),
        sizes,
        sourceOrder: random.shuffle(sizes.map((_, d) => d)),
      };
      const { plan, source, expected } = planOf(item);
      const { io, ledger } = copyAll(plan, [source], randomTiles(plan, random));
      equal(io.outputs[0], expected, `round ${round}, ${JSON.stringify(item)}`);
      is(ledger.recordCrcs()[0], crc32(expected));
    }
  });

  test('column shards: each source byte is read once, and all stored CRCs are proved', () => {
    const rows = 5000;
    const widths = [3, 64, 1, 40];
    const rowByteLength = widths.reduce((sum, width) => sum + width, 0) * 2;
    const builder = new CopyPlanBuilder();
    const output = builder.addOutput({ name: 'o', byteLength: rows * rowByteLength });
    builder.beginRecord(output, 0, rows * rowByteLength);
    const random = new Random(7);
    const sources = widths.map(width => random.bytes(rows * width * 2));
    let column = 0;
    for (const [rank, width] of widths.entries()) {
      const source = builder.addSource(`rank ${rank}`);
      const byteLength = rows * width * 2;
      const storage = builder.addStorage({
        source,
        byteOffset: 0,
        byteLength,
        crc32: crc32(sources[rank]!),
        label: 'w',
      });
      builder.addPiece(storage, 0, column * 2, width * 2, [
        { count: rows, sourceStep: width * 2, recordStep: rowByteLength },
      ]);
      column += width;
    }
    const plan = builder.build();
    const { io, ledger } = copyAll(plan, sources, tilesOf(plan, 1 << 18));
    is(io.bytesRead, rows * rowByteLength);
    equal(ledger.checkStorages(), { checked: 4, partlyRead: 0, withoutCrc: 0 });
    let at = 0;
    for (let row = 0; row < rows; row++) {
      for (const [rank, width] of widths.entries()) {
        const part = sources[rank]!.subarray(row * width * 2, (row + 1) * width * 2);
        equal(Buffer.compare(io.outputs[0]!.subarray(at, at + part.length), part), 0);
        at += part.length;
      }
    }
  });

  const shardings = [
    { rows: 5000, widths: [3, 64, 1, 40] },
    { rows: 300_000, widths: [7, 9, 4] },
    { rows: 40, widths: [30_000, 41, 30_000] },
    { rows: 90, widths: [40_000, 1] },
  ];
  each(
    shardings,
    ({ rows, widths }) =>
      `a source of ${rows} rows cut into columns of ${widths}: few reads, and its CRC is proved`,
    ({ rows, widths }) => {
      const width = widths.reduce((sum, each) => sum + each, 0);
      const builder = new CopyPlanBuilder();
      const output = builder.addOutput({ name: 'o', byteLength: rows * width * 2 });
      const source = new Random(rows).bytes(rows * width * 2);
      const storage = builder.addStorage({
        source: builder.addSource('s'),
        byteOffset: 0,
        byteLength: source.length,
        crc32: crc32(source),
        label: 'w',
      });
      let column = 0;
      const expected: Uint8Array[] = [];
      for (const shard of widths) {
        builder.beginRecord(output, column * rows * 2, rows * shard * 2);
        builder.addPiece(storage, column * 2, 0, shard * 2, [
          { count: rows, sourceStep: width * 2, recordStep: shard * 2 },
        ]);
        for (let row = 0; row < rows; row++) {
          const at = (row * width + column) * 2;
          expected.push(source.subarray(at, at + shard * 2));
        }
        column += shard;
      }
      const plan = builder.build();
      for (const tileByteLength of [1 << 16, 1 << 20, 1 << 24]) {
        const { io, ledger } = copyAll(plan, [source], tilesOf(plan, tileByteLength));
        ok(Buffer.concat(expected).equals(io.outputs[0]!));
        equal(ledger.checkStorages(), { checked: 1, partlyRead: 0, withoutCrc: 0 });
        // A read a row only where rows are long.
        const isLong = width * 2 > 64 << 10;
        ok(io.readCount < (isLong ? rows * widths.length * 3 : 1000), `${io.readCount} reads`);
      }
    },
  );

  each(
    [
      [200_000, 32],
      [1000, 1000],
      [3000, 300],
    ] as const,
    ([rows, columns]) => `a transposed source of ${rows} × ${columns}: its CRC is proved, and few reads`,
    ([rows, columns]) => {
      const { plan, source, expected } = planOf({
        elementSize: 4,
        sizes: [columns, rows],
        sourceOrder: [1, 0],
      });
      for (const tileByteLength of [1 << 18, 1 << 24]) {
        const { io, ledger } = copyAll(plan, [source], tilesOf(plan, tileByteLength));
        ok(Buffer.from(expected).equals(io.outputs[0]!));
        equal(ledger.checkStorages(), { checked: 1, partlyRead: 0, withoutCrc: 0 });
        ok(io.readCount < 2000, `${io.readCount} reads`);
      }
    },
  );

  test('a flipped bit anywhere in a source is found and named', () => {
    const random = new Random(99);
    for (let round = 0; round < 100; round++) {
      const sizes = [random.int(1, 40), random.int(1, 40)];
      const { plan, source } = planOf({
        elementSize: 2,
        sizes,
        sourceOrder: random.pick([
          [0, 1],
          [1, 0],
        ]),
      });
      const position = random.int(0, source.length - 1);
      source[position]! ^= 1 << random.int(0, 7);
      const { ledger } = copyAll(plan, [source], randomTiles(plan, random));
      const report = () => ledger.checkStorages();
      // A strided source cut in two is read in ranges that overlap: its CRC then cannot be told.
      if (plan.pieces.dimensionCount[0] === 0)
        throws(report, { code: 'corrupt', message: /damaged.*\[at w, in s/ });
      else {
        try {
          ok(report().partlyRead === 1, 'a wrong CRC was accepted');
        } catch (error) {
          if (!(error instanceof Error) || !/damaged/.test(error.message)) throw error;
        }
      }
    }
  });

  test('tiles hold many small records, and cut large ones on multiples of 64 KiB', () => {
    const builder = new CopyPlanBuilder();
    const lengths = [10, 0, 20, 300_000, 5];
    const total = lengths.reduce((sum, length) => sum + length, 0);
    const storage = builder.addStorage({
      source: builder.addSource('s'),
      byteOffset: 0,
      byteLength: total,
      crc32: undefined,
      label: '',
    });
    const output = builder.addOutput({ name: 'o', byteLength: total });
    let at = 0;
    for (const length of lengths) {
      builder.beginRecord(output, at, length);
      builder.addPiece(storage, at, 0, length);
      at += length;
    }
    const plan = builder.build();
    const tiles = [...tilesOf(plan, 1 << 17)];
    equal(tiles, [
      { firstRecord: 0, startByte: 0, lastRecord: 3, endByte: 131_072 },
      { firstRecord: 3, startByte: 131_072, lastRecord: 3, endByte: 262_144 },
      { firstRecord: 3, startByte: 262_144, lastRecord: 4, endByte: 5 },
    ]);
    const source = new Random(3).bytes(total);
    equal(copyAll(plan, [source], tiles).io.outputs[0], source);
  });

  test('a record that its pieces do not fill is a mistake of the planner', () => {
    const builder = new CopyPlanBuilder();
    const storage = builder.addStorage({
      source: 0,
      byteOffset: 0,
      byteLength: 8,
      crc32: undefined,
      label: '',
    });
    builder.beginRecord(builder.addOutput({ name: 'o', byteLength: 8 }), 0, 8);
    builder.addPiece(storage, 0, 0, 4);
    let message = '';
    try {
      builder.build();
    } catch (error) {
      message = (error as Error).message;
    }
    is(message, 'pieces fill 4 of 8 bytes of record 0');
  });

  each(
    [
      {
        dimensions: [
          [2, 24, 24],
          [3, 8, 8],
          [4, 2, 2],
        ],
        run: 48,
        left: [],
      },
      {
        dimensions: [
          [2, 24, 48],
          [3, 8, 8],
          [4, 2, 2],
        ],
        run: 24,
        left: [[2, 24, 48]],
      },
      {
        dimensions: [
          [5, 100, 10],
          [1, 7, 7],
          [1, 9, 9],
        ],
        run: 2,
        left: [[5, 100, 10]],
      },
      {
        dimensions: [
          [2, 60, 60],
          [3, 20, 20],
          [4, 3, 5],
        ],
        run: 2,
        left: [
          [6, 20, 20],
          [4, 3, 5],
        ],
      },
    ],
    ({ dimensions }) => `dimensions that run on are one: ${JSON.stringify(dimensions)}`,
    ({ dimensions, run, left }) => {
      const objects = (rows: number[][]): PieceDimension[] =>
        rows.map(([count, sourceStep, recordStep]) => ({
          count: count!,
          sourceStep: sourceStep!,
          recordStep: recordStep!,
        }));
      equal(mergeDimensions(2, objects(dimensions)), { runByteLength: run, dimensions: objects(left) });
    },
  );

  test('CRCs of parts combine to that of the whole', () => {
    const random = new Random(11);
    for (let round = 0; round < 50; round++) {
      const bytes = random.bytes(random.int(0, 300));
      const cut = random.int(0, bytes.length);
      const tail = bytes.subarray(cut);
      is(combineCrc32(crc32(bytes.subarray(0, cut)), crc32(tail), tail.length), crc32(bytes));
    }
  });
});
