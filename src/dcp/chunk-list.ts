import type { Box } from '../checkpoint/box.js';

/**
 * The boxes of one tensor, in the index's order, as plain numbers: an index of a million chunks must not keep a
 * million objects. A box is written as the length of its offsets, the length of its sizes, then both.
 */
export class ChunkList {
  private readonly numbers: number[] = [];
  private count = 0;

  static of(boxes: Iterable<Box>): ChunkList {
    const list = new ChunkList();
    for (const box of boxes) list.push(box);
    return list;
  }

  get length(): number {
    return this.count;
  }

  push({ offsets, sizes }: Box): void {
    const { numbers } = this;
    numbers.push(offsets.length, sizes.length);
    for (let d = 0; d < offsets.length; d++) numbers.push(offsets[d]!);
    for (let d = 0; d < sizes.length; d++) numbers.push(sizes[d]!);
    this.count++;
  }

  /** The first box whose offsets or sizes are not `dimensionCount` numbers. */
  findOther(dimensionCount: number): Box | undefined {
    const { numbers } = this;
    for (let at = 0; at < numbers.length; at += 2 + 2 * dimensionCount) {
      if (numbers[at] !== dimensionCount || numbers[at + 1] !== dimensionCount) return this.boxAt(at);
    }
    return undefined;
  }

  /**
   * Writes all boxes, which must have `dimensionCount` dimensions, one after the other into columns.
   * @param start where in `offsets` and `sizes` the first goes.
   */
  copyTo(offsets: Float64Array, sizes: Float64Array, start: number, dimensionCount: number): void {
    const { numbers, count } = this;
    let from = 0;
    let to = start;
    for (let chunk = 0; chunk < count; chunk++) {
      from += 2;
      for (let d = 0; d < dimensionCount; d++) {
        offsets[to + d] = numbers[from + d]!;
        sizes[to + d] = numbers[from + dimensionCount + d]!;
      }
      from += 2 * dimensionCount;
      to += dimensionCount;
    }
  }

  *[Symbol.iterator](): IterableIterator<Box> {
    for (let at = 0; at < this.numbers.length; ) {
      const box = this.boxAt(at);
      yield box;
      at += 2 + box.offsets.length + box.sizes.length;
    }
  }

  private boxAt(at: number): Box {
    const offsetsEnd = at + 2 + this.numbers[at]!;
    return {
      offsets: this.numbers.slice(at + 2, offsetsEnd),
      sizes: this.numbers.slice(offsetsEnd, offsetsEnd + this.numbers[at + 1]!),
    };
  }
}
