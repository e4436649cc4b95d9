import type { Box } from '../../src/checkpoint/box.js';
import { BoxIndex } from '../../src/checkpoint/box-index.js';
import { findWrongElement } from '../../src/checkpoint/corners.js';
import { proveCoverage } from '../../src/checkpoint/coverage.js';
import { Random } from '../random.js';
import { equal, is, ok, suite, throws } from '../suite.js';

const box = (offsets: number[], sizes: number[]): Box => ({ offsets, sizes });

/** Counts for every element in how many boxes it is. */
function firstWrongByCounting(shape: number[], boxes: readonly Box[]) {
  const total = shape.reduce((product, size) => product * size, 1);
  for (let element = 0; element < total; element++) {
    const at: number[] = [];
    let rest = element;
    for (const size of [...shape].reverse()) {
      at.unshift(rest % size);
      rest = Math.floor(rest / size);
    }
    const count = boxes.filter(({ offsets, sizes }) =>
      at.every((x, d) => x >= offsets[d]! && x < offsets[d]! + sizes[d]!),
    ).length;
    if (count !== 1) return { at, isMissing: count === 0 };
  }
  return undefined;
}

function randomBox(shape: number[], random: Random): Box {
  const offsets = shape.map(size => random.int(0, size - 1));
  return box(
    offsets,
    shape.map((size, d) => random.int(1, size - offsets[d]!)),
  );
}

/** One tensor of many chunks: n rows on the left, n columns on the right. No sweep along one dimension is short. */
function rowsAndColumns(n: number): { shape: number[]; boxes: Box[] } {
  const rows = Array.from({ length: n }, (_, i) => box([i, 0], [1, n]));
  const columns = Array.from({ length: n }, (_, i) => box([0, n + i], [n, 1]));
  return { shape: [n, 2 * n], boxes: [...rows, ...columns] };
}

suite('the first element that boxes do not hold once', ({ test }) => {
  test('as counting every element finds it', () => {
    const random = new Random(11);
    let right = 0;
    for (let round = 0; round < 3000; round++) {
      const shape = Array.from({ length: random.int(1, 3) }, () => random.int(1, 4));
      const boxes = Array.from({ length: random.int(0, 4) }, () => randomBox(shape, random));
      const expected = firstWrongByCounting(shape, boxes);
      if (expected === undefined) right++;
      equal(findWrongElement(shape, boxes), expected, JSON.stringify([shape, boxes]));
    }
    ok(right > 50, `${right} tilings`);
  });

  test('100,000 chunks in rows and columns; one of them gone, one twice as wide', () => {
    const { shape, boxes } = rowsAndColumns(50_000);
    is(findWrongElement(shape, boxes), undefined);
    equal(findWrongElement(shape, boxes.toSpliced(70_000, 1)), { at: [0, 70_000], isMissing: true });
    equal(findWrongElement(shape, boxes.with(30_000, box([30_000, 0], [2, 50_000]))), {
      at: [30_001, 0],
      isMissing: false,
    });
  });

  test('a message for 100,000 chunks names the gap whole', () => {
    const { shape, boxes } = rowsAndColumns(50_000);
    throws(() => proveCoverage(shape, boxes.toSpliced(20_000, 1)), {
      code: 'corrupt',
      message: /first gap is \[20000:20001, 0:50000\]/,
    });
  });

  test('a tensor cut along more dimensions than can be followed', () => {
    const shape = Array.from({ length: 40 }, () => 2);
    const boxes = [box(Array(40).fill(0), Array(40).fill(1)), box(Array(40).fill(1), Array(40).fill(1))];
    throws(() => findWrongElement(shape, boxes), { code: 'limit', message: /cut along 40 dimensions/ });
  });
});

suite('boxes by place', ({ test }) => {
  test('finds what looking at every box finds', () => {
    const random = new Random(3);
    for (let round = 0; round < 300; round++) {
      const shape = Array.from({ length: random.int(1, 3) }, () => random.int(1, 30));
      const boxes = Array.from({ length: random.int(0, 60) }, () => randomBox(shape, random));
      const target = randomBox(shape, random);
      const ends = target.offsets.map((start, d) => start + target.sizes[d]!);
      const expected = boxes.flatMap(({ offsets, sizes }, i) =>
        offsets.every((start, d) => start < ends[d]! && target.offsets[d]! < start + sizes[d]!) ? [i] : [],
      );
      equal(new BoxIndex(boxes).meeting(target.offsets, ends), expected);
    }
  });

  test('0-d boxes', () => equal(new BoxIndex([box([], [])]).meeting([], []), [0]));

  test('100,000 chunks against 100,000 others: some tens of comparisons each', () => {
    const count = 100_000;
    const rows = new BoxIndex(Array.from({ length: count }, (_, i) => box([3 * i, 0], [3, 8])));
    for (let i = 0; i < count; i++) {
      const start = Math.min(3 * count - 2, 3 * i + 2);
      equal(rows.meeting([start, 1], [start + 2, 2]).length, i === count - 1 ? 1 : 2);
    }
    ok(rows.comparisons < 100 * count, `${rows.comparisons} comparisons`);
  });

  test('a grid of 90,000 chunks: a target of one chunk meets few nodes', () => {
    const n = 300;
    const grid = new BoxIndex(
      Array.from({ length: n * n }, (_, i) => box([4 * Math.floor(i / n), 4 * (i % n)], [4, 4])),
    );
    for (let i = 0; i < n; i++) equal(grid.meeting([4 * i, 4 * i], [4 * i + 4, 4 * i + 4]), [i * n + i]);
    ok(grid.comparisons < 200 * n, `${grid.comparisons} comparisons`);
  });
});
