import { LimitError } from '../errors.js';
import type { Box } from './box.js';

/** The first element, in row-major order, that boxes do not hold exactly once. */
export interface WrongElement {
  /** Position in each dimension. */
  at: number[];
  /** Held by no box; otherwise by several. */
  isMissing: boolean;
}

/** Corners of all boxes together: a tensor of a million chunks that is cut along four dimensions has 16 million. */
const MAX_CORNERS = 2 ** 24;

/**
 * Proves in one sorting step, whatever the arrangement, that boxes inside a shape hold every element exactly once.
 *
 * The indicator of a box is a signed sum over its corners c of "x ≥ c in every dimension": plus where an even number of
 * coordinates of c are ends, minus otherwise. These functions are linearly independent. So the boxes sum to the whole
 * shape exactly if their corners, with signs, are those of the shape once equal ones of opposite sign are crossed out.
 * Of the corners that are left, the first in row-major order is the first element that is held too often or not at
 * all: no other left-over corner lies at or before it in all dimensions.
 *
 * @param boxes not empty, inside `shape`, which has elements.
 * @throws LimitError for arrangements with too many corners: no tensor is cut along so many dimensions.
 */
export function findWrongElement(shape: readonly number[], boxes: readonly Box[]): WrongElement | undefined {
  const cut = cutDimensions(shape, boxes);
  const corners = 2 ** cut.length;
  const positions = cut.reduce((product, d) => product * (shape[d]! + 1), 1);
  if (boxes.length * corners > MAX_CORNERS || positions > Number.MAX_SAFE_INTEGER) {
    throw new LimitError(
      'The tensor is cut in too complicated a way to check that its chunks are all there',
      {
        expected: `${MAX_CORNERS} corners at most`,
        found: `${boxes.length} chunks cut along ${cut.length} dimensions`,
      },
    );
  }
  if (cut.length === 0) {
    if (boxes.length === 1) return undefined;
    return { at: shape.map(() => 0), isMissing: boxes.length === 0 };
  }
  // Corners as row-major numbers, by sign; those of the shape with the opposite one. Both halves are equally many.
  const half = (boxes.length + 1) * (corners / 2);
  const plus = new Float64Array(half);
  const minus = new Float64Array(half);
  let plusCount = 0;
  let minusCount = 0;
  const starts = new Float64Array(cut.length);
  const lengths = new Float64Array(cut.length);
  const weights = cut.map((_, i) =>
    cut.slice(i + 1).reduce((product, later) => product * (shape[later]! + 1), 1),
  );
  const add = (isShape: boolean): void => {
    for (let corner = 0; corner < corners; corner++) {
      let position = 0;
      let isPlus = !isShape;
      for (let i = 0; i < cut.length; i++) {
        const isEnd = (corner & (1 << i)) !== 0;
        position += (starts[i]! + (isEnd ? lengths[i]! : 0)) * weights[i]!;
        if (isEnd) isPlus = !isPlus;
      }
      if (isPlus) plus[plusCount++] = position;
      else minus[minusCount++] = position;
    }
  };
  for (let i = 0; i < cut.length; i++) lengths[i] = shape[cut[i]!]!;
  add(true);
  for (const { offsets, sizes } of boxes) {
    for (let i = 0; i < cut.length; i++) {
      starts[i] = offsets[cut[i]!]!;
      lengths[i] = sizes[cut[i]!]!;
    }
    add(false);
  }
  plus.sort();
  minus.sort();
  for (let i = 0; i < half; i++) {
    if (plus[i] === minus[i]) continue;
    const isMissing = minus[i]! < plus[i]!;
    let rest = isMissing ? minus[i]! : plus[i]!;
    const at = shape.map(() => 0);
    for (const [j, d] of cut.entries()) {
      at[d] = Math.floor(rest / weights[j]!);
      rest %= weights[j]!;
    }
    return { at, isMissing };
  }
  return undefined;
}

/** The dimensions that some box does not span whole: only these tell boxes apart. */
function cutDimensions(shape: readonly number[], boxes: readonly Box[]): number[] {
  const cut: number[] = [];
  for (let d = 0; d < shape.length; d++) {
    const size = shape[d]!;
    if (boxes.some(box => box.sizes[d] !== size)) cut.push(d);
  }
  return cut;
}
