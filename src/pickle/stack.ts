import { FormatError, LimitError } from '../errors.js';
import { opcodeName } from './opcodes.js';
import type { PyValue } from './values.js';

/** The stack of the pickle machine. Marks lie between its values; no opcode reaches below the topmost mark. */
export class PickleStack {
  readonly values: PyValue[] = [];
  /** Number of values; what lies above in `values` is left over. */
  height = 0;
  /** Code of the opcode that is being run, for messages. */
  opcode = 0;
  private readonly marks: number[] = [];
  /** Height at the topmost mark. */
  private fence = 0;

  constructor(private readonly maxHeight: number) {}

  push(value: PyValue): void {
    this.values[this.height++] = value;
    if (this.height > this.maxHeight) {
      throw new LimitError('The pickle piles up too many values', { expected: `${this.maxHeight} at most` });
    }
  }

  pop(): PyValue {
    this.need(1);
    return this.values[--this.height]!;
  }

  get top(): PyValue {
    this.need(1);
    return this.values[this.height - 1]!;
  }

  /** Puts another value in the place of the topmost. */
  set top(value: PyValue) {
    this.values[this.height - 1] = value;
  }

  /** The topmost `count` values, taken away. */
  take(count: number): PyValue[] {
    this.need(count);
    this.height -= count;
    // Pairs are what a large index has most of, and a call for each costs more than the pair.
    if (count === 2) return [this.values[this.height]!, this.values[this.height + 1]!];
    return this.values.slice(this.height, this.height + count);
  }

  /**
   * Takes away the topmost mark and the values above it. Until something is pushed they lie in
   * `values[height, end)`, where `end` is what it returns.
   */
  cutAtMark(): number {
    const end = this.height;
    this.height = this.popMark();
    return end;
  }

  /** The values above the topmost mark, taken away with it. */
  takeToMark(): PyValue[] {
    const end = this.cutAtMark();
    return this.values.slice(this.height, end);
  }

  /** @throws FormatError unless `count` values lie above the topmost mark. */
  need(count: number): void {
    if (this.height - this.fence < count) {
      throw new FormatError(`${opcodeName(this.opcode)} finds too few values`, {
        expected: count,
        found: this.height - this.fence,
      });
    }
  }

  mark(): void {
    this.marks.push((this.fence = this.height));
  }

  /** Takes away the topmost mark and returns the height at it: the values above belong to the opcode. */
  popMark(): number {
    const height = this.marks.pop();
    if (height === undefined) throw new FormatError(`${opcodeName(this.opcode)} without a MARK before it`);
    this.fence = this.marks.length === 0 ? 0 : this.marks[this.marks.length - 1]!;
    return height;
  }

  /** Whether the topmost thing is a mark. POP takes either. */
  get endsInMark(): boolean {
    return this.marks.length > 0 && this.fence === this.height;
  }

  /** Whether nothing is left, neither value nor mark. */
  get isEmpty(): boolean {
    return this.height === 0 && this.marks.length === 0;
  }
}
