import { boxesOfRange, productOf, stridesOf } from '../checkpoint/factors.js';
import { LimitError } from '../errors.js';

/** What one axis of a part walks along: a dimension of the stored chunk, so many of its elements a step. */
export interface Walk {
  /** {@link NOWHERE} for an axis of one element, and where every element is the same. */
  readonly dimension: number;
  readonly step: number;
}

export const NOWHERE = -1;
/** Instead of a chunk: elements that are zero and stored nowhere. */
export const ZEROS = -1;

/**
 * A box of a tensor under construction, and the elements of one stored chunk that fill it. `offsets`, `sizes` and
 * `walks` have one item an axis of the tensor.
 */
export interface Part {
  /** Row of the chunk table, or {@link ZEROS}. */
  readonly chunk: number;
  /** The element of the chunk that the box begins with: a position in each dimension of the chunk. */
  readonly start: readonly number[];
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
  readonly walks: readonly Walk[];
}

const STILL: Walk = { dimension: NOWHERE, step: 0 };
/** So many parts of one tensor are more than any layout needs. */
const MAX_PARTS = 1_000_000;

/**
 * Parts over other axes: from `first` on, axes of the sizes `from` become axes of the sizes `to`, in the same
 * row-major order. Parts are cut where a box of the one is no box of the other.
 * @throws LimitError where that gives too many.
 */
export function regroupAxes(
  parts: readonly Part[],
  first: number,
  from: readonly number[],
  to: readonly number[],
): Part[] {
  const wanted = new Set(stridesOf(to));
  let current = [...from];
  let result = [...parts];
  // From the innermost outwards: what has been joined is joined on as one axis.
  for (let k = current.length - 1; k > 0; k--) {
    if (wanted.has(stridesOf(current)[k - 1]!)) continue;
    result = joinAxes(result, first + k - 1, current[k]!);
    current = [...current.slice(0, k - 1), current[k - 1]! * current[k]!, ...current.slice(k + 1)];
  }
  const missing = splitSizes(current, to);
  for (let k = current.length - 1; k >= 0; k--) result = splitAxis(result, first + k, missing[k]!);
  return result;
}

/** Which of the sizes `to` each of the sizes `from` is the product of. */
function splitSizes(from: readonly number[], to: readonly number[]): number[][] {
  let next = 0;
  return from.map(size => {
    const sizes: number[] = [];
    while (productOf(sizes) < size) sizes.push(to[next++]!);
    if (productOf(sizes) !== size) throw new Error(`${size} is not made of ${to.join(', ')}`);
    return sizes;
  });
}

function splitAxis(parts: readonly Part[], axis: number, sizes: readonly number[]): Part[] {
  if (sizes.length === 1) return [...parts];
  const strides = stridesOf(sizes);
  return limited(
    parts.flatMap(part => {
      const { dimension, step } = part.walks[axis]!;
      const start = part.offsets[axis]!;
      return boxesOfRange(sizes, start, start + part.sizes[axis]!).map(box => {
        const first = box.offsets.reduce((sum, offset, k) => sum + offset * strides[k]!, 0);
        return {
          chunk: part.chunk,
          start: moved(part.start, dimension, (first - start) * step),
          offsets: part.offsets.toSpliced(axis, 1, ...box.offsets),
          sizes: part.sizes.toSpliced(axis, 1, ...box.sizes),
          walks: part.walks.toSpliced(
            axis,
            1,
            ...strides.map(stride => ({ dimension, step: step * stride })),
          ),
        };
      });
    }),
  );
}

/** Axes `axis` and `axis + 1`, of which the inner one has `innerSize` elements, as one. */
function joinAxes(parts: readonly Part[], axis: number, innerSize: number): Part[] {
  const joined: Part[] = [];
  for (const part of parts) {
    const walk = joinedWalk(part, axis, innerSize);
    const [outer, inner] = [part.walks[axis]!, part.walks[axis + 1]!];
    const [outerStart, innerStart] = [part.offsets[axis]!, part.offsets[axis + 1]!];
    const [outerCount, innerCount] = [part.sizes[axis]!, part.sizes[axis + 1]!];
    const pieces = walk === undefined ? outerCount : 1;
    const count = walk === undefined ? innerCount : outerCount * innerCount;
    for (let i = 0; i < pieces; i++) {
      joined.push({
        chunk: part.chunk,
        start: moved(part.start, outer.dimension, i * outer.step),
        offsets: part.offsets.toSpliced(axis, 2, (outerStart + i) * innerSize + innerStart),
        sizes: part.sizes.toSpliced(axis, 2, count),
        walks: part.walks.toSpliced(axis, 2, walk ?? inner),
      });
      limited(joined);
    }
  }
  return joined;
}

/** The walk along two axes in one; undefined where no single one visits the elements in their order. */
function joinedWalk(part: Part, axis: number, innerSize: number): Walk | undefined {
  const [outer, inner] = [part.walks[axis]!, part.walks[axis + 1]!];
  if (part.sizes[axis] === 1) return inner;
  if (part.sizes[axis + 1] !== innerSize) return undefined;
  if (innerSize === 1) return outer;
  const runsOn = outer.dimension === inner.dimension && outer.step === inner.step * innerSize;
  return runsOn ? inner : undefined;
}

/** Whether two axes can be one without cutting a part. */
export function canJoinAxes(parts: readonly Part[], axis: number, innerSize: number): boolean {
  return parts.every(part => joinedWalk(part, axis, innerSize) !== undefined);
}

/** The parts inside the range `[start, start + length)` of an axis, which then begins at 0. */
export function clipAxis(parts: readonly Part[], axis: number, start: number, length: number): Part[] {
  return parts.flatMap(part => {
    const offset = part.offsets[axis]!;
    const from = Math.max(offset, start);
    const to = Math.min(offset + part.sizes[axis]!, start + length);
    if (from >= to) return [];
    const { dimension, step } = part.walks[axis]!;
    return {
      ...part,
      start: moved(part.start, dimension, (from - offset) * step),
      offsets: part.offsets.with(axis, from - start),
      sizes: part.sizes.with(axis, to - from),
    };
  });
}

/** The parts further on along an axis. */
export function shiftAxis(parts: readonly Part[], axis: number, distance: number): Part[] {
  return parts.map(part => ({ ...part, offsets: part.offsets.with(axis, part.offsets[axis]! + distance) }));
}

/** The parts with another axis, of one element, in front of `axis`. */
export function insertAxis(parts: readonly Part[], axis: number): Part[] {
  return parts.map(part => ({
    ...part,
    offsets: part.offsets.toSpliced(axis, 0, 0),
    sizes: part.sizes.toSpliced(axis, 0, 1),
    walks: part.walks.toSpliced(axis, 0, STILL),
  }));
}

/** The parts without an axis, which must have one element. */
export function removeAxis(parts: readonly Part[], axis: number): Part[] {
  return parts.map(part => ({
    ...part,
    offsets: part.offsets.toSpliced(axis, 1),
    sizes: part.sizes.toSpliced(axis, 1),
    walks: part.walks.toSpliced(axis, 1),
  }));
}

/** The parts with their axes in another order: axis i is what `order[i]` was. */
export function permuteAxes(parts: readonly Part[], order: readonly number[]): Part[] {
  return parts.map(part => ({
    ...part,
    offsets: order.map(axis => part.offsets[axis]!),
    sizes: order.map(axis => part.sizes[axis]!),
    walks: order.map(axis => part.walks[axis]!),
  }));
}

/** One part that is zero everywhere in a box of these sizes. */
export function zeros(sizes: readonly number[]): Part {
  return { chunk: ZEROS, start: [], offsets: sizes.map(() => 0), sizes, walks: sizes.map(() => STILL) };
}

function moved(start: readonly number[], dimension: number, distance: number): readonly number[] {
  return dimension === NOWHERE || distance === 0
    ? start
    : start.with(dimension, start[dimension]! + distance);
}

function limited(parts: Part[]): Part[] {
  if (parts.length <= MAX_PARTS) return parts;
  throw new LimitError('The steps cut the tensor into too many parts', {
    expected: `${MAX_PARTS} at most`,
    hint: 'Choose views whose dimensions divide each other.',
  });
}
