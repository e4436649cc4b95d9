import { elementCountOf } from '../checkpoint/box.js';
import { productOf, stridesOf } from '../checkpoint/factors.js';
import type { DTypeInfo } from '../dtype.js';
import { FormatError } from '../errors.js';
import {
  canJoinAxes,
  clipAxis,
  insertAxis,
  type Part,
  permuteAxes,
  regroupAxes,
  removeAxis,
  shiftAxis,
  zeros,
} from './parts.js';

/**
 * A tensor made of stored ones by views, permutations, slices and concatenations, as index arithmetic: nothing is
 * read. Each dimension of `shape` is a product of axes, which `parts` count in, so that a permutation behind a view
 * needs no part for each row. Axes have more than one element; a dimension of one element has none.
 *
 * The operations are those of torch of the same name. They return another tensor.
 */
export class Rearranged {
  /** Sizes of the axes of each dimension, outermost first. */
  readonly factors: readonly (readonly number[])[];
  readonly parts: readonly Part[];

  private constructor(
    readonly dtype: DTypeInfo,
    readonly shape: readonly number[],
    factors: readonly (readonly number[])[],
    parts: readonly Part[],
  ) {
    const isEmpty = shape.includes(0);
    this.factors = isEmpty ? shape.map(plainAxes) : factors;
    this.parts = isEmpty ? [] : parts;
  }

  /** A tensor as it is stored. The boxes of the parts are boxes of the shape. */
  static of(dtype: DTypeInfo, shape: readonly number[], parts: readonly Part[]): Rearranged {
    let kept = [...parts];
    for (let d = shape.length - 1; d >= 0; d--) if (shape[d] === 1) kept = removeAxis(kept, d);
    return new Rearranged(dtype, shape, shape.map(plainAxes), kept);
  }

  /** @throws FormatError where the sizes do not multiply to as many elements. */
  view(shape: readonly number[]): Rearranged {
    if (elementCountOf(shape) !== elementCountOf(this.shape)) {
      throw new FormatError('The tensor has no such view', {
        expected: `a shape of ${elementCountOf(this.shape)} elements, as [${this.shape.join(', ')}] has`,
        found: `[${shape.join(', ')}]`,
      });
    }
    if (shape.includes(0)) return new Rearranged(this.dtype, shape, [], []);
    const old = this.factors.flat();
    const needed = shape.filter(size => size > 1);
    const boundaries = joinBoundaries(stridesOf(needed), stridesOf(old));
    const axes = sizesBetween(boundaries, elementCountOf(shape));
    const parts = regroupAxes(this.parts, 0, old, axes);
    let next = 0;
    const factors = shape.map(size => {
      const own: number[] = [];
      while (productOf(own) < size) own.push(axes[next++]!);
      return own;
    });
    return new Rearranged(this.dtype, shape, factors, parts);
  }

  /** Dimension i of the result is dimension `order[i]` of this. */
  permute(order: readonly number[]): Rearranged {
    const axesOf = order.flatMap(d => this.factors[d]!.map((_, k) => this.firstAxis(d) + k));
    return new Rearranged(
      this.dtype,
      order.map(d => this.shape[d]!),
      order.map(d => this.factors[d]!),
      this.shape.includes(0) ? [] : permuteAxes(this.parts, axesOf),
    );
  }

  /** The positions `[start, start + length)` of a dimension. @throws FormatError where it has fewer. */
  narrow(dimension: number, start: number, length: number): Rearranged {
    const size = this.shape[dimension]!;
    if (start < 0 || length < 0 || start + length > size) {
      throw new FormatError(`Dimension ${dimension} of the tensor has not so many positions`, {
        expected: `${start} to ${start + length}`,
        found: `${size}`,
      });
    }
    if (length === size) return this;
    const shape = this.shape.with(dimension, length);
    if (shape.includes(0)) return new Rearranged(this.dtype, shape, [], []);
    const inner = productOf(this.factors[dimension]!.slice(1));
    if (start % inner !== 0 || length % inner !== 0) {
      return this.withAxes(dimension, [size]).narrow(dimension, start, length);
    }
    const axis = this.firstAxis(dimension);
    const clipped = clipAxis(this.parts, axis, start / inner, length / inner);
    const outer = length / inner === 1 ? [] : [length / inner];
    return new Rearranged(
      this.dtype,
      shape,
      this.factors.with(dimension, [...outer, ...this.factors[dimension]!.slice(1)]),
      outer.length === 0 ? removeAxis(clipped, axis) : clipped,
    );
  }

  /** The tensor at a position of a dimension, without that dimension. */
  select(dimension: number, position: number): Rearranged {
    const one = this.narrow(dimension, position, 1);
    return new Rearranged(
      this.dtype,
      one.shape.toSpliced(dimension, 1),
      one.factors.toSpliced(dimension, 1),
      one.parts,
    );
  }

  /** With another dimension, of one element, in front of `dimension`. */
  unsqueeze(dimension: number): Rearranged {
    return new Rearranged(
      this.dtype,
      this.shape.toSpliced(dimension, 0, 1),
      this.factors.toSpliced(dimension, 0, []),
      this.parts,
    );
  }

  /** With zeros behind it, so that a dimension has `size` positions. @throws FormatError where it has more. */
  pad(dimension: number, size: number): Rearranged {
    const missing = size - this.shape[dimension]!;
    if (missing < 0) {
      throw new FormatError(`Dimension ${dimension} of the tensor is longer than it is to become`, {
        expected: `${size} at most`,
        found: this.shape[dimension]!,
      });
    }
    if (missing === 0) return this;
    const shape = this.shape.with(dimension, missing);
    return Rearranged.concat([this, Rearranged.of(this.dtype, shape, [zeros(shape)])], dimension);
  }

  /** @throws FormatError where types differ, or the sizes of other dimensions. */
  static concat(tensors: readonly Rearranged[], dimension: number): Rearranged {
    const [first] = tensors as [Rearranged, ...Rearranged[]];
    for (const tensor of tensors) requireAlike(first, tensor, dimension);
    const shape = first.shape.with(
      dimension,
      tensors.reduce((sum, tensor) => sum + tensor.shape[dimension]!, 0),
    );
    let held = tensors.filter(tensor => tensor.shape[dimension]! > 0);
    if (shape.includes(0)) return new Rearranged(first.dtype, shape, [], []);
    if (held.length === 1) return held[0]!;
    for (let d = 0; d < shape.length; d++) {
      if (d === dimension) continue;
      const lists = held.map(tensor => stridesOf(tensor.factors[d]!));
      const axes = sizesBetween(lists.reduce(joinBoundaries), shape[d]!);
      held = held.map(tensor => tensor.withAxes(d, axes));
    }
    const sizes = held.map(tensor => tensor.shape[dimension]!);
    const inner = innerAxes(held, dimension);
    const unit = productOf(inner);
    const axis = held[0]!.firstAxis(dimension);
    const parts: Part[] = [];
    let position = 0;
    for (const [i, tensor] of held.entries()) {
      const count = sizes[i]! / unit;
      const own = tensor.withAxes(dimension, count === 1 ? inner : [count, ...inner]).parts;
      parts.push(...shiftAxis(count === 1 ? insertAxis(own, axis) : own, axis, position));
      position += count;
    }
    return new Rearranged(first.dtype, shape, held[0]!.factors.with(dimension, [position, ...inner]), parts);
  }

  /** With as few axes as can be without cutting parts; those of a dimension of one element included. */
  finished(): { factors: readonly (readonly number[])[]; parts: readonly Part[] } {
    let parts = this.parts;
    const factors = this.factors.map(list => [...list]);
    let axis = 0;
    for (const own of factors) {
      if (own.length === 0) {
        own.push(1);
        parts = insertAxis(parts, axis);
      }
      for (let k = own.length - 1; k > 0; k--) {
        if (!canJoinAxes(parts, axis + k - 1, own[k]!)) continue;
        const joined = own[k - 1]! * own[k]!;
        parts = regroupAxes(parts, axis + k - 1, own.slice(k - 1, k + 1), [joined]);
        own.splice(k - 1, 2, joined);
      }
      axis += own.length;
    }
    return { factors, parts };
  }

  private withAxes(dimension: number, axes: readonly number[]): Rearranged {
    const own = this.factors[dimension]!;
    if (own.join() === axes.join()) return this;
    const parts = regroupAxes(this.parts, this.firstAxis(dimension), own, axes);
    return new Rearranged(this.dtype, this.shape, this.factors.with(dimension, axes), parts);
  }

  private firstAxis(dimension: number): number {
    return this.factors.slice(0, dimension).reduce((count, list) => count + list.length, 0);
  }
}

function plainAxes(size: number): number[] {
  return size === 1 ? [] : [size];
}

/**
 * Boundaries are the numbers of elements inside each axis. All of `needed`, and of `wished` those that divide, or are
 * divided by, each of them: only then do both lie on one line of axes.
 */
function joinBoundaries(needed: readonly number[], wished: readonly number[]): number[] {
  const kept = wished.filter(wish => needed.every(need => need % wish === 0 || wish % need === 0));
  return [...new Set([...needed, ...kept])].sort((a, b) => b - a);
}

/** The sizes of axes that have these boundaries, of `elementCount` elements in all. */
function sizesBetween(boundaries: readonly number[], elementCount: number): number[] {
  const outer = [elementCount, ...boundaries];
  return boundaries.map((inner, k) => outer[k]! / inner).filter(size => size > 1);
}

/** The axes inside the outermost one that tensors can have in common, so that each is a number of whole ones long. */
function innerAxes(tensors: readonly Rearranged[], dimension: number): number[] {
  const lists = tensors.map(tensor => stridesOf(tensor.factors[dimension]!));
  const common = lists
    .reduce(joinBoundaries)
    .filter(boundary => tensors.every(({ shape }) => shape[dimension]! % boundary === 0));
  return sizesBetween(common, common[0] ?? 1);
}

function requireAlike(first: Rearranged, other: Rearranged, dimension: number): void {
  const isAlike =
    first.shape.length === other.shape.length &&
    first.shape.every((size, d) => d === dimension || size === other.shape[d]);
  if (isAlike && first.dtype === other.dtype) return;
  const text = ({ dtype, shape }: Rearranged): string => `${dtype.name} [${shape.join(', ')}]`;
  throw new FormatError('The tensors do not fit together', {
    expected: `one type, and sizes that differ in dimension ${dimension} only`,
    found: `${text(first)} and ${text(other)}`,
  });
}
