import type { GlobalMention } from './trace.js';

/** What is known of a value without making it; undefined for all else. */
export type Traced =
  | { text: string; global?: undefined; items?: undefined }
  | { global: GlobalMention; text?: undefined; items?: undefined }
  | { items: readonly Traced[]; text?: undefined; global?: undefined }
  | undefined;

/** Beyond so many values a pickle is not followed: 8 bytes each. */
const MAX_VALUES = 2 ** 25;

/** The unpickler's stack. Taking from an empty one gives an unknown value: whoever follows goes on. */
export class TraceStack {
  private readonly values: Traced[] = [];
  private readonly marks: number[] = [];

  get isTooLarge(): boolean {
    return this.values.length + this.marks.length > MAX_VALUES;
  }

  get top(): Traced {
    return this.values.at(-1);
  }

  push(value: Traced): void {
    this.values.push(value);
  }

  pop(): Traced {
    return this.values.pop();
  }

  mark(): void {
    this.marks.push(this.values.length);
  }

  /** POP: the topmost value, or the mark if nothing is above it. */
  drop(): void {
    if (this.marks.at(-1) === this.values.length) this.marks.pop();
    else this.values.pop();
  }

  /** As {@link takeToMark}, where nobody asks what it was. */
  dropToMark(): void {
    this.values.length = Math.min(this.marks.pop() ?? 0, this.values.length);
  }

  /** All above the topmost mark, which goes too. */
  takeToMark(): Traced[] {
    return this.values.splice(Math.min(this.marks.pop() ?? 0, this.values.length));
  }
}

/** The unpickler's memo: what slots hold, and how many are filled. */
export class TraceMemo {
  /** Only values of which something is known. */
  private readonly known = new Map<number | string, Traced>();
  /** All slots below are filled; beyond it, those in the set. */
  private dense = 0;
  private readonly sparse = new Set<number | string>();

  put(slot: number | string, value: Traced): void {
    const isNew = slot === this.dense;
    if (value !== undefined) this.known.set(slot, value);
    // Of a slot that was never filled nothing is known.
    else if (!isNew) this.known.delete(slot);
    if (isNew) {
      this.dense++;
      while (this.sparse.delete(this.dense)) this.dense++;
    } else if (typeof slot === 'string' || slot > this.dense) this.sparse.add(slot);
  }

  /** MEMOIZE: CPython numbers the slot by how many are filled, in whatever order. */
  append(value: Traced): void {
    this.put(this.dense + this.sparse.size, value);
  }

  get(slot: number | string): Traced {
    return this.known.get(slot);
  }
}
