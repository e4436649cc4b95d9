import { boxesOfRange, factorSelection, productOf, stridesOf } from '../../src/checkpoint/factors.js';
import { Random } from '../random.js';
import { equal, is, ok, suite } from '../suite.js';

/** Numbers of the elements in a box, in row-major order of the box. */
function elementsOf(
  offsets: readonly number[],
  sizes: readonly number[],
  strides: readonly number[],
): number[] {
  const visit = (axis: number, first: number): number[] =>
    axis === sizes.length
      ? [first]
      : Array.from({ length: sizes[axis]! }, (_, i) =>
          visit(axis + 1, first + (offsets[axis]! + i) * strides[axis]!),
        ).flat();
  return visit(0, 0);
}

suite('ranges of a dimension that is a product', ({ each, test }) => {
  each(
    [[12], [3, 4], [2, 3, 4], [2, 2, 2, 2], []],
    factors => `every range of ${factors.join(' × ') || 'one element'}`,
    factors => {
      const size = productOf(factors);
      for (let start = 0; start <= size; start++) {
        for (let end = start; end <= size; end++) {
          const boxes = boxesOfRange(factors, start, end);
          const elements = boxes.flatMap(({ offsets, sizes }) =>
            elementsOf(offsets, sizes, stridesOf(factors)),
          );
          equal(
            elements,
            Array.from({ length: end - start }, (_, i) => start + i),
          );
          ok(boxes.length <= Math.max(1, 2 * factors.length - 1));
        }
      }
    },
  );

  test('a whole dimension is one box', () => {
    equal(boxesOfRange([2, 3, 4], 0, 24), [{ offsets: [0, 0, 0], sizes: [2, 3, 4] }]);
  });
});

suite('selections in factors', ({ each }) => {
  each(
    Array.from({ length: 20 }, (_, seed) => seed),
    seed => `seed ${seed}`,
    seed => {
      const random = new Random(seed);
      const factors = [random.pick([[6], [2, 3], [3, 2]]), random.pick([[8], [4, 2], [2, 2, 2]]), [1]];
      const shape = factors.map(productOf);
      const strides = stridesOf(shape);
      const steps = [random.int(1, 2), random.int(1, 3), 1];
      const offsets = shape.map(size => random.int(0, size - 1));
      const sizes = shape.map((size, d) => random.int(0, Math.ceil((size - offsets[d]!) / steps[d]!)));
      const recordStride = stridesOf(sizes.map(size => Math.max(size, 1)));
      const record = new Map<number, number>();
      for (const part of factorSelection({ offsets, sizes, steps }, factors, recordStride)) {
        const sources = elementsOf(part.selection.offsets, part.selection.sizes, stridesOf(factors.flat()));
        const none = part.selection.sizes.map(() => 0);
        const places = elementsOf(none, part.selection.sizes, part.recordStride);
        for (const [i, source] of sources.entries()) {
          const place = part.recordOffset + places[i]!;
          ok(!record.has(place), 'an element twice');
          record.set(place, source);
        }
      }
      is(record.size, productOf(sizes));
      const expected = elementsOf(
        offsets.map(() => 0),
        sizes,
        strides.map((stride, d) => stride * steps[d]!),
      ).map(element => element + offsets.reduce((sum, offset, d) => sum + offset * strides[d]!, 0));
      equal(
        expected.map((_, place) => record.get(place)),
        expected,
      );
    },
  );
});
