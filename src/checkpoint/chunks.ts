import type { Box } from './box.js';

/**
 * The stored boxes of all tensors, in columns. A chunk is a box of its tensor (`offsets`, `sizes`, in elements)
 * and the stored item that holds it: a byte range of a file. After `resolve` it is also a strided view of a
 * storage.
 *
 * Dimension columns hold `ndim` numbers a chunk, starting at `dimensionBase`.
 */
export class ChunkTable {
  readonly dimensionBase: Uint32Array;
  readonly dimensionCount: Uint8Array;
  readonly offsets: Float64Array;
  readonly sizes: Float64Array;

  /** Index into the checkpoint's files. */
  readonly itemFile: Uint32Array;
  readonly itemByteOffset: Float64Array;
  readonly itemByteLength: Float64Array;

  /** Row of the StorageTable; {@link UNRESOLVED} until `resolve`. */
  readonly storage: Uint32Array;
  /** First element of the view, counted from the start of the storage. */
  readonly storageOffset: Float64Array;
  readonly strides: Float64Array;
  /** Bit set of {@link VIEW_CONJUGATE}, {@link VIEW_NEGATIVE}. */
  readonly viewFlags: Uint8Array;

  constructor(
    readonly count: number,
    dimensions: number,
  ) {
    this.dimensionBase = new Uint32Array(count);
    this.dimensionCount = new Uint8Array(count);
    this.offsets = new Float64Array(dimensions);
    this.sizes = new Float64Array(dimensions);
    this.itemFile = new Uint32Array(count);
    this.itemByteOffset = new Float64Array(count);
    this.itemByteLength = new Float64Array(count);
    this.storage = new Uint32Array(count).fill(UNRESOLVED);
    this.storageOffset = new Float64Array(count);
    this.strides = new Float64Array(dimensions);
    this.viewFlags = new Uint8Array(count);
  }

  /** Writes the box of a chunk. `dimensionBase` must be given in rising order. */
  setBox(chunk: number, dimensionBase: number, box: Box): void {
    this.dimensionBase[chunk] = dimensionBase;
    this.dimensionCount[chunk] = box.sizes.length;
    for (let d = 0; d < box.sizes.length; d++) {
      this.offsets[dimensionBase + d] = box.offsets[d]!;
      this.sizes[dimensionBase + d] = box.sizes[d]!;
    }
  }

  /** Makes room for boxes of one number of dimensions; whoever calls it writes them into `offsets` and `sizes`. */
  setBoxes(first: number, count: number, dimensionBase: number, dimensionCount: number): void {
    for (let i = 0; i < count; i++) {
      this.dimensionBase[first + i] = dimensionBase + i * dimensionCount;
      this.dimensionCount[first + i] = dimensionCount;
    }
  }

  boxOf(chunk: number): Box {
    return { offsets: this.slice(this.offsets, chunk), sizes: this.slice(this.sizes, chunk) };
  }

  /** Whether the box of a chunk has no elements. */
  isEmpty(chunk: number): boolean {
    const base = this.dimensionBase[chunk]!;
    for (let d = this.dimensionCount[chunk]! - 1; d >= 0; d--) if (this.sizes[base + d] === 0) return true;
    return false;
  }

  /** Whether the box of a chunk has these sizes. */
  hasSizes(chunk: number, sizes: readonly number[]): boolean {
    const base = this.dimensionBase[chunk]!;
    if (sizes.length !== this.dimensionCount[chunk]) return false;
    for (let d = 0; d < sizes.length; d++) if (this.sizes[base + d] !== sizes[d]) return false;
    return true;
  }

  /** In elements. All zero until resolved. */
  strideOf(chunk: number): number[] {
    return this.slice(this.strides, chunk);
  }

  setView(chunk: number, view: ChunkView): void {
    this.storage[chunk] = view.storage;
    this.storageOffset[chunk] = view.storageOffset;
    const base = this.dimensionBase[chunk]!;
    for (let d = 0; d < view.stride.length; d++) this.strides[base + d] = view.stride[d]!;
    this.viewFlags[chunk] = view.flags;
  }

  private slice(column: Float64Array, chunk: number): number[] {
    const base = this.dimensionBase[chunk]!;
    const numbers: number[] = [];
    for (let d = 0; d < this.dimensionCount[chunk]!; d++) numbers.push(column[base + d]!);
    return numbers;
  }
}

/** What `resolve` finds out about a chunk. Offsets and strides are elements of the tensor's type. */
export interface ChunkView {
  storage: number;
  storageOffset: number;
  stride: readonly number[];
  flags: number;
}

export const UNRESOLVED = 0xffffffff;
/** The value is the complex conjugate of the stored one. */
export const VIEW_CONJUGATE = 1;
/** The value is the negative of the stored one. */
export const VIEW_NEGATIVE = 2;
