import type { Box } from './box.js';
import type { Selection } from './slice.js';

/**
 * The sizes that each dimension of a shape is the product of, outermost first. Boxes that count in these finer
 * dimensions say what no box of the shape can: that rows of a tensor are stored in another order. A dimension of one
 * element may have none.
 */
export type Factors = readonly (readonly number[])[];

/** A part of a selection in the finer dimensions, and where it goes. */
export interface FactoredPart {
  readonly selection: Selection;
  /** In elements, one number a finer dimension. */
  readonly recordStride: readonly number[];
  /** Of the part's first element, in elements. */
  readonly recordOffset: number;
}

/**
 * The boxes, in the finer dimensions, that hold a range `[start, end)` of one dimension, in order: `2 · n − 1` at most
 * for n factors. None for an empty range.
 */
export function boxesOfRange(factors: readonly number[], start: number, end: number): Box[] {
  if (start >= end) return [];
  if (factors.length === 0) return [{ offsets: [], sizes: [] }];
  if (factors.length === 1) return [{ offsets: [start], sizes: [end - start] }];
  const rest = factors.slice(1);
  const inner = productOf(rest);
  const within = (outer: number, from: number, to: number): Box[] =>
    boxesOfRange(rest, from, to).map(({ offsets, sizes }) => ({
      offsets: [outer, ...offsets],
      sizes: [1, ...sizes],
    }));
  const first = Math.floor(start / inner);
  const last = Math.floor((end - 1) / inner);
  if (first === last) return within(first, start - first * inner, end - first * inner);
  const from = start % inner === 0 ? first : first + 1;
  const to = end % inner === 0 ? last + 1 : last;
  const head = from === first ? [] : within(first, start - first * inner, inner);
  const tail = to > last ? [] : within(last, 0, end - last * inner);
  const whole = from < to ? [{ offsets: [from, ...rest.map(() => 0)], sizes: [to - from, ...rest] }] : [];
  return [...head, ...whole, ...tail];
}

/** A selection of a tensor, part by part in its finer dimensions. `recordStride` is that of the shape's dimensions. */
export function* factorSelection(
  { offsets, sizes, steps }: Selection,
  factors: Factors,
  recordStride: readonly number[],
): Generator<FactoredPart> {
  const strides = factors.flatMap((list, d) => stridesOf(list).map(stride => stride * recordStride[d]!));
  const ofDimension = factors.map((list, d) =>
    placedBoxes(list, offsets[d]!, sizes[d]!, steps[d]!).map(({ box, position }) => ({
      box,
      recordOffset: position * recordStride[d]!,
    })),
  );
  if (ofDimension.some(boxes => boxes.length === 0)) return;
  const at = ofDimension.map(() => 0);
  for (;;) {
    const chosen = ofDimension.map((boxes, d) => boxes[at[d]!]!);
    yield {
      selection: {
        offsets: chosen.flatMap(({ box }) => box.offsets),
        sizes: chosen.flatMap(({ box }) => box.sizes),
        steps: strides.map(() => 1),
      },
      recordStride: strides,
      recordOffset: chosen.reduce((sum, { recordOffset }) => sum + recordOffset, 0),
    };
    let d = at.length - 1;
    while (d >= 0 && ++at[d]! === ofDimension[d]!.length) at[d--] = 0;
    if (d < 0) return;
  }
}

/** Elements between neighbours along each factor of a dimension. */
export function stridesOf(factors: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (let k = factors.length - 1; k >= 0; k--) {
    strides.unshift(step);
    step *= factors[k]!;
  }
  return strides;
}

export function productOf(numbers: readonly number[]): number {
  return numbers.reduce((product, number) => product * number, 1);
}

/** The boxes of a selection of one dimension, and how many elements of the selection come before each. */
function placedBoxes(
  factors: readonly number[],
  offset: number,
  size: number,
  step: number,
): { box: Box; position: number }[] {
  const strides = stridesOf(factors);
  const flat = ({ offsets }: Box): number =>
    offsets.reduce((sum, position, k) => sum + position * strides[k]!, 0);
  if (step === 1) {
    return boxesOfRange(factors, offset, offset + size).map(box => ({ box, position: flat(box) - offset }));
  }
  return Array.from({ length: size }, (_, position) => {
    const start = offset + position * step;
    return boxesOfRange(factors, start, start + 1).map(box => ({ box, position }));
  }).flat();
}
