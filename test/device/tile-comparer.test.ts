import { type CopyPlan, CopyPlanBuilder, type PieceDimension } from '../../src/copy/plan.js';
import { tilesOf } from '../../src/copy/tiles.js';
import { TileComparer } from '../../src/device/tile-comparer.js';
import { dtypeOf } from '../../src/dtype.js';
import { Random } from '../random.js';
import { equal, is, suite } from '../suite.js';

const ROWS = 3000;
const COLUMNS = 1024;
const UINT8 = dtypeOf('uint8');

/** A matrix of bytes stored whole, or as two shards of its columns one behind the other; and a small record behind it. */
function planOf(isSharded: boolean): CopyPlan {
  const builder = new CopyPlanBuilder();
  const byteLength = ROWS * COLUMNS;
  const storage = builder.addStorage({
    source: builder.addSource('s'),
    byteOffset: 0,
    byteLength: byteLength + 4,
    crc32: undefined,
    label: 'w',
  });
  builder.beginRecord(builder.addOutput({ name: 'w', byteLength }), 0, byteLength);
  if (isSharded) {
    const half = COLUMNS / 2;
    const rows: PieceDimension = { count: ROWS, sourceStep: half, recordStep: COLUMNS };
    builder.addPiece(storage, 0, 0, half, [rows]);
    builder.addPiece(storage, ROWS * half, half, half, [rows]);
  } else builder.addPiece(storage, 0, 0, byteLength);
  builder.beginRecord(builder.addOutput({ name: 'v', byteLength: 4 }), 0, 4);
  builder.addPiece(storage, byteLength, 0, 4);
  return builder.build();
}

/** The same bytes as they lie in the sharded file. */
function sharded(whole: Uint8Array): Uint8Array {
  const bytes = whole.slice();
  const half = COLUMNS / 2;
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      const shard = column < half ? 0 : 1;
      bytes[shard * ROWS * half + row * half + (column % half)] = whole[row * COLUMNS + column]!;
    }
  }
  return bytes;
}

const sideOf = (plan: CopyPlan, bytes: Uint8Array) => ({
  plan,
  read: (_source: number, target: Uint8Array, byteOffset: number) =>
    target.set(bytes.subarray(byteOffset, byteOffset + target.length)),
});

function compare(whole: Uint8Array, other: Uint8Array) {
  const plan = planOf(false);
  const comparer = new TileComparer(
    sideOf(plan, whole),
    sideOf(planOf(true), sharded(other)),
    () => UINT8,
    { atol: 0, rtol: 0 },
    'none',
  );
  const tiles = [...tilesOf(plan, 1 << 20)].map(tile => comparer.compare(tile));
  is(
    tiles.reduce((sum, { byteLength }) => sum + byteLength, 0),
    whole.length,
  );
  return tiles.flatMap(({ differences }) => differences);
}

suite('comparing two plans tile by tile', ({ test }) => {
  const whole = new Random(7).bytes(ROWS * COLUMNS + 4);

  test('equal bytes in different chunks', () => {
    equal(compare(whole, whole), []);
  });

  test('single elements, found at their place in the tensor', () => {
    const other = whole.slice();
    const at = [5, 2_000_000, whole.length - 1];
    for (const index of at) other[index]! ^= 1;
    const found = compare(whole, other);
    equal(
      found.map(({ record, comparison }) => [record, comparison.firstIndex, comparison.differingCount]),
      [
        [0, 5, 1],
        [0, 2_000_000, 1],
        [1, 3, 1],
      ],
    );
  });
});
