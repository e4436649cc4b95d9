import { LimitError } from '../errors.js';

/** Boxes of elements: `offsets` and `sizes`, one number a dimension. A 0-d box has one element. */
export interface Box {
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
}

/** The box that is all of a shape. */
export function wholeBox(shape: readonly number[]): Box {
  return { offsets: shape.map(() => 0), sizes: shape };
}

/** Number of elements in a shape. 1 for a 0-d shape. */
export function elementCountOf(sizes: readonly number[]): number {
  let count = 1;
  for (const size of sizes) count *= size;
  return count;
}

/**
 * Requires a shape whose bytes can be counted exactly: all plans calculate with them.
 * @throws LimitError
 */
export function requireCountable(sizes: readonly number[], itemSize: number): void {
  // A dimension of size 0 counts as 1, as in strides.
  const byteLength = sizes.reduce((product, size) => product * Math.max(size, 1), itemSize);
  if (byteLength <= Number.MAX_SAFE_INTEGER) return;
  throw new LimitError('The tensor is larger than any file can be', {
    expected: `${Number.MAX_SAFE_INTEGER} bytes at most`,
    found: `shape [${sizes.join(', ')}] of ${itemSize} bytes an element`,
  });
}

/**
 * Strides of a contiguous row-major tensor, in elements, as torch reports them: a dimension of size 0 counts
 * as 1 (c10 `empty_tensor_restride`).
 */
export function contiguousStride(sizes: readonly number[]): number[] {
  const stride = new Array<number>(sizes.length);
  let step = 1;
  for (let d = sizes.length - 1; d >= 0; d--) {
    stride[d] = step;
    step *= Math.max(sizes[d]!, 1);
  }
  return stride;
}

/** Whether `stride` walks the elements in row-major order; dimensions of size 1 may have any stride. */
export function isRowMajor(sizes: readonly number[], stride: readonly number[]): boolean {
  let step = 1;
  for (let d = sizes.length - 1; d >= 0; d--) {
    const size = sizes[d]!;
    if (size === 0) return true;
    if (size === 1) continue;
    if (stride[d] !== step) return false;
    step *= size;
  }
  return true;
}

/**
 * Whether the elements fill their storage range without holes or sharing, in some order of the dimensions:
 * torch's "non-overlapping and dense", which decides if a copy keeps the strides.
 */
export function isDense(sizes: readonly number[], stride: readonly number[]): boolean {
  const dimensions: { size: number; stride: number }[] = [];
  for (let d = 0; d < sizes.length; d++) {
    if (sizes[d] === 0) return true;
    if (sizes[d]! > 1) dimensions.push({ size: sizes[d]!, stride: stride[d]! });
  }
  dimensions.sort((a, b) => a.stride - b.stride);
  let step = 1;
  for (const dimension of dimensions) {
    if (dimension.stride !== step) return false;
    step *= dimension.size;
  }
  return true;
}

/**
 * The strides that a copy of a strided tensor gets in torch (`clone`, which preserves the format): the same
 * where the tensor is dense; otherwise dense ones in the same order of the dimensions. Dimensions are compared
 * as TensorIterator does (ATen/ExpandUtils.cpp, `infer_dense_strides`): a stride of 0 compares with nothing,
 * and of equal strides the smaller size comes first.
 */
export function strideOfCopy(sizes: readonly number[], stride: readonly number[]): number[] {
  if (isDense(sizes, stride)) return [...stride];
  const order = sizes.map((_, d) => sizes.length - 1 - d);
  const compare = (a: number, b: number): number => {
    if (stride[a] === 0 || stride[b] === 0) return 0;
    return stride[a]! - stride[b]! || Math.max(0, sizes[a]! - sizes[b]!);
  };
  for (let i = 1; i < order.length; i++) {
    let at = i;
    for (let before = i - 1; before >= 0; before--) {
      const comparison = compare(order[before]!, order[at]!);
      if (comparison < 0) break;
      if (comparison === 0) continue;
      [order[before], order[at]] = [order[at]!, order[before]!];
      at = before;
    }
  }
  const dense = new Array<number>(sizes.length);
  let step = 1;
  for (const d of order) {
    dense[d] = step;
    step *= Math.max(sizes[d]!, 1);
  }
  return dense;
}

/** Elements from the first to the last one that a strided view touches, both included; 0 if it is empty. */
export function strideSpan(sizes: readonly number[], stride: readonly number[]): number {
  let last = 0;
  for (let d = 0; d < sizes.length; d++) {
    if (sizes[d] === 0) return 0;
    last += (sizes[d]! - 1) * stride[d]!;
  }
  return last + 1;
}

/** The elements in both boxes; undefined where there are none. A 0-d box meets every 0-d box. */
export function intersection(a: Box, b: Box): Box | undefined {
  const offsets: number[] = [];
  const sizes: number[] = [];
  for (let d = 0; d < a.offsets.length; d++) {
    const start = Math.max(a.offsets[d]!, b.offsets[d]!);
    const end = Math.min(a.offsets[d]! + a.sizes[d]!, b.offsets[d]! + b.sizes[d]!);
    if (start >= end) return undefined;
    offsets.push(start);
    sizes.push(end - start);
  }
  return { offsets, sizes };
}

/** The box as text, `[0:4, 8:16]`, half-open. */
export function boxText(box: Box): string {
  return `[${box.offsets.map((start, d) => `${start}:${start + box.sizes[d]!}`).join(', ')}]`;
}
