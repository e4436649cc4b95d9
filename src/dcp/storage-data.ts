/** Key of `storage_data`. Torch compares (fqn, offset); `index`, the position among the chunks, is a hint. */
export interface StorageKey {
  readonly fqn: string;
  /** Of the chunk in its tensor; undefined for objects. */
  readonly offset: readonly number[] | undefined;
  readonly index: number | undefined;
}

/** Where an item lies. Offset and length are bytes, as stored. */
export interface StoragePlace {
  readonly relativePath: string;
  readonly offset: number;
  readonly length: number;
  /** Stream transforms to undo, in this order: `stream.zstd/1`. */
  readonly transformDescriptors: readonly string[];
}

const NO_HINT = -1;
const NO_OFFSET = -1;
const NO_TRANSFORMS: readonly string[] = [];

/**
 * `storage_data` of an index: keys and places, in the index's order. Rows are kept in columns, because the index of a
 * large checkpoint has a million of them and the collector would look at objects again and again.
 */
export class StorageData {
  private rows = 0;
  private readonly fqns = new Interned();
  private readonly paths = new Interned();
  /** Lists of descriptors; the first is empty. */
  private readonly transforms: (readonly string[])[] = [NO_TRANSFORMS];
  private fqnColumn = new Uint32Array(64);
  private pathColumn = new Uint32Array(64);
  private transformColumn = new Uint32Array(64);
  private hintColumn = new Int32Array(64);
  private byteOffsetColumn = new Float64Array(64);
  private byteLengthColumn = new Float64Array(64);
  /** How many numbers of `offsets` are the row's. */
  private dimensionColumn = new Int32Array(64);
  private offsetStartColumn = new Uint32Array(64);
  private offsets = new Float64Array(128);
  private offsetCount = 0;

  static of(rows: Iterable<readonly [StorageKey, StoragePlace]>): StorageData {
    const data = new StorageData();
    for (const [key, place] of rows) data.add(key, place);
    return data;
  }

  get length(): number {
    return this.rows;
  }

  /** Distinct FQNs, in order of first use: {@link fqnNumber} counts them. */
  get fqnTexts(): readonly string[] {
    return this.fqns.texts;
  }

  /** Distinct relative paths, in order of first use. */
  get relativePaths(): readonly string[] {
    return this.paths.texts;
  }

  add({ fqn, offset, index }: StorageKey, place: StoragePlace): void {
    const row = this.rows++;
    if (row === this.fqnColumn.length) this.growRows();
    this.fqnColumn[row] = this.fqns.numberOf(fqn);
    this.pathColumn[row] = this.paths.numberOf(place.relativePath);
    this.byteOffsetColumn[row] = place.offset;
    this.byteLengthColumn[row] = place.length;
    this.transformColumn[row] = this.transformNumber(place.transformDescriptors);
    const isHint = index !== undefined && index >= 0 && index <= 0x7fffffff;
    this.hintColumn[row] = isHint ? index : NO_HINT;
    this.offsetStartColumn[row] = this.offsetCount;
    this.dimensionColumn[row] = offset === undefined ? NO_OFFSET : offset.length;
    if (offset === undefined) return;
    const end = this.offsetCount + offset.length;
    if (end > this.offsets.length) this.offsets = grown(this.offsets, Math.max(end, 2 * this.offsets.length));
    for (let d = 0; d < offset.length; d++) this.offsets[this.offsetCount + d] = offset[d]!;
    this.offsetCount = end;
  }

  fqnNumber(row: number): number {
    return this.fqnColumn[row]!;
  }

  /** Position in {@link relativePaths}. */
  pathNumber(row: number): number {
    return this.pathColumn[row]!;
  }

  byteOffset(row: number): number {
    return this.byteOffsetColumn[row]!;
  }

  byteLength(row: number): number {
    return this.byteLengthColumn[row]!;
  }

  isTransformed(row: number): boolean {
    return this.transformColumn[row] !== 0;
  }

  transformDescriptors(row: number): readonly string[] {
    return this.transforms[this.transformColumn[row]!]!;
  }

  /** Position among the chunks of its tensor, as the key says it; −1 where it does not. */
  hint(row: number): number {
    return this.hintColumn[row]!;
  }

  /** Whether it is the place of an object, not of a chunk. */
  isObject(row: number): boolean {
    return this.dimensionColumn[row] === NO_OFFSET;
  }

  /** Whether the key has the offset that lies in `numbers[start, start + dimensionCount)`. */
  hasOffset(row: number, numbers: Float64Array, start: number, dimensionCount: number): boolean {
    if (this.dimensionColumn[row] !== dimensionCount) return false;
    const own = this.offsetStartColumn[row]!;
    for (let d = 0; d < dimensionCount; d++) if (this.offsets[own + d] !== numbers[start + d]) return false;
    return true;
  }

  keyOf(row: number): StorageKey {
    const start = this.offsetStartColumn[row]!;
    const hint = this.hint(row);
    return {
      fqn: this.fqns.texts[this.fqnNumber(row)]!,
      offset: this.isObject(row)
        ? undefined
        : Array.from(this.offsets.subarray(start, start + this.dimensionColumn[row]!)),
      index: hint === NO_HINT ? undefined : hint,
    };
  }

  placeOf(row: number): StoragePlace {
    return {
      relativePath: this.paths.texts[this.pathNumber(row)]!,
      offset: this.byteOffset(row),
      length: this.byteLength(row),
      transformDescriptors: this.transformDescriptors(row),
    };
  }

  *[Symbol.iterator](): IterableIterator<[StorageKey, StoragePlace]> {
    for (let row = 0; row < this.rows; row++) yield [this.keyOf(row), this.placeOf(row)];
  }

  /** Lists that follow each other are mostly alike. */
  private transformNumber(descriptors: readonly string[]): number {
    if (descriptors.length === 0) return 0;
    const last = this.transforms.at(-1)!;
    const isLast = last.length === descriptors.length && last.every((text, i) => text === descriptors[i]);
    return isLast ? this.transforms.length - 1 : this.transforms.push(descriptors) - 1;
  }

  private growRows(): void {
    const capacity = this.rows * 2;
    this.fqnColumn = grown(this.fqnColumn, capacity);
    this.pathColumn = grown(this.pathColumn, capacity);
    this.transformColumn = grown(this.transformColumn, capacity);
    this.hintColumn = grown(this.hintColumn, capacity);
    this.byteOffsetColumn = grown(this.byteOffsetColumn, capacity);
    this.byteLengthColumn = grown(this.byteLengthColumn, capacity);
    this.dimensionColumn = grown(this.dimensionColumn, capacity);
    this.offsetStartColumn = grown(this.offsetStartColumn, capacity);
  }
}

function grown<T extends Uint32Array | Int32Array | Float64Array>(old: T, capacity: number): T {
  const next = new (old.constructor as new (length: number) => T)(capacity);
  next.set(old);
  return next;
}

/** Numbers for texts, from 0 in order of first use. */
class Interned {
  readonly texts: string[] = [];
  private readonly numbers = new Map<string, number>();
  private last = 0;

  numberOf(text: string): number {
    // Most often it is the last one again (paths), or the one that once came after it (each rank lists its FQNs).
    const { texts, last } = this;
    if (texts[last] === text) return last;
    if (texts[last + 1] === text) return ++this.last;
    let number = this.numbers.get(text);
    if (number === undefined) {
      number = texts.push(text) - 1;
      this.numbers.set(text, number);
    }
    this.last = number;
    return number;
  }
}
