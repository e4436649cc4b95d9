import type { DTypeInfo } from '../dtype.js';
import { type NumberFormat, numberFormatOf, readNumbers, valueTable } from '../numbers.js';
import type { Comparison } from './device.js';

/** How far elements may lie apart: `torch.allclose`'s |a − b| ≤ atol + rtol · |b|. */
export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

/** A {@link Comparison} of a part of a tensor. `firstIndex` counts from the tensor's first element. */
export type PartialComparison = Omit<Comparison, 'elementCount'>;

export const NO_DIFFERENCE: Readonly<PartialComparison> = {
  differingCount: 0,
  firstIndex: null,
  nonFiniteCount: 0,
  maxAbs: null,
  maxRel: null,
  beyondCount: 0,
};

/** What two parts of one tensor come to together, in whatever order they were compared. */
export function joinComparisons(a: PartialComparison, b: PartialComparison): PartialComparison {
  return {
    differingCount: a.differingCount + b.differingCount,
    firstIndex: lesser(a.firstIndex, b.firstIndex),
    nonFiniteCount: a.nonFiniteCount + b.nonFiniteCount,
    maxAbs: greater(a.maxAbs, b.maxAbs),
    maxRel: greater(a.maxRel, b.maxRel),
    beyondCount: a.beyondCount + b.beyondCount,
  };
}

function lesser(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

function greater(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b);
}

/** So much is looked at by value at a time; what is equal around it is skipped unseen. */
const STRIDE_BYTE_LENGTH = 8192;

/**
 * Compares the elements of two ranges of bytes of one type and length, in the row-major order of the tensor, the first
 * of which is element `firstElement`. Both begin at a multiple of the item size in their buffers.
 */
export function compareElements(
  dtype: DTypeInfo,
  a: Uint8Array,
  b: Uint8Array,
  firstElement: number,
  tolerance: Tolerance,
): PartialComparison {
  const found: PartialComparison = { ...NO_DIFFERENCE };
  const format = numberFormatOf(dtype);
  for (let start = 0; start < a.length; start += STRIDE_BYTE_LENGTH) {
    const end = Math.min(a.length, start + STRIDE_BYTE_LENGTH);
    const left = a.subarray(start, end);
    const right = b.subarray(start, end);
    if (Buffer.compare(left, right) === 0) continue;
    compareStride(dtype, format, left, right, firstElement + start / dtype.itemSize, tolerance, found);
  }
  return found;
}

function compareStride(
  dtype: DTypeInfo,
  format: NumberFormat,
  a: Uint8Array,
  b: Uint8Array,
  firstElement: number,
  tolerance: Tolerance,
  found: PartialComparison,
): void {
  const { itemSize } = dtype;
  const element = (index: number): void => {
    const [from, to] = [index * itemSize, (index + 1) * itemSize];
    const [left, right] = [a.subarray(from, to), b.subarray(from, to)];
    compareElement(dtype, format, left, right, firstElement + index, tolerance, found);
  };
  const differs = differingElements(itemSize, a, b);
  const elementIfDiffering = (index: number): void => {
    if (differs(index)) element(index);
  };
  const count = a.length / itemSize;
  const isPlain = format.componentCount === 1 && format.bitWidth >= 8 && format.kind !== 'bool';
  const isExact = format.bitWidth < 64 || format.kind === 'float';
  if (isPlain && isExact) {
    const [left, right] = [valuesOf(dtype, format, a, 0), valuesOf(dtype, format, b, 1)];
    compareValues(left, right, count, firstElement, tolerance, found, elementIfDiffering);
  } else for (let index = 0; index < count; index++) elementIfDiffering(index);
}

/** Tells of an element whether its bytes differ, which are compared as words. */
function differingElements(itemSize: number, a: Uint8Array, b: Uint8Array): (index: number) => boolean {
  const [left, right] = [wordsOf(itemSize, a), wordsOf(itemSize, b)];
  const wordCount = itemSize / left.BYTES_PER_ELEMENT;
  return index => {
    const end = (index + 1) * wordCount;
    for (let word = index * wordCount; word < end; word++) if (left[word] !== right[word]) return true;
    return false;
  };
}

function wordsOf(itemSize: number, { buffer, byteOffset, length }: Uint8Array) {
  if (itemSize % 4 === 0) return new Uint32Array(buffer, byteOffset, length / 4);
  return itemSize === 2
    ? new Uint16Array(buffer, byteOffset, length / 2)
    : new Uint8Array(buffer, byteOffset, length);
}

type Values = Float64Array | Float32Array | Int32Array | Uint32Array;

/** Room for the values of a stride of each side. */
const decoded = [new Float64Array(STRIDE_BYTE_LENGTH), new Float64Array(STRIDE_BYTE_LENGTH)] as const;

/** The numbers of a stride: where they lie, or decoded into room that the next stride takes again. */
function valuesOf(
  dtype: DTypeInfo,
  { kind, bitWidth }: NumberFormat,
  bytes: Uint8Array,
  side: 0 | 1,
): Values {
  const { buffer, byteOffset, length } = bytes;
  if (bitWidth === 64) return new Float64Array(buffer, byteOffset, length / 8);
  if (bitWidth === 32) {
    if (kind === 'float') return new Float32Array(buffer, byteOffset, length / 4);
    return kind === 'signed'
      ? new Int32Array(buffer, byteOffset, length / 4)
      : new Uint32Array(buffer, byteOffset, length / 4);
  }
  const table = valueTable(dtype);
  const values = decoded[side];
  const codes = bitWidth === 16 ? new Uint16Array(buffer, byteOffset, length / 2) : bytes;
  for (let i = 0; i < codes.length; i++) values[i] = table[codes[i]!]!;
  return values;
}

/**
 * The usual case, and a fast one: finite numbers, equal or not. What else there may be (NaN, infinities, zeros of
 * different signs, distances beyond float64) goes to `rest`, where its bytes differ.
 */
function compareValues(
  a: Values,
  b: Values,
  count: number,
  firstElement: number,
  { atol, rtol }: Tolerance,
  found: PartialComparison,
  rest: (index: number) => void,
): void {
  let first = -1;
  let differing = 0;
  let beyond = 0;
  let maxAbs = -1;
  let maxRel = -1;
  for (let i = 0; i < count; i++) {
    const x = a[i]!;
    const y = b[i]!;
    if (x === y && (x !== 0 || Object.is(x, y))) continue;
    const distance = Math.abs(x - y);
    if (!(distance > 0 && distance < Number.POSITIVE_INFINITY)) {
      rest(i);
      continue;
    }
    if (first < 0) first = i;
    differing++;
    const magnitude = Math.abs(y);
    if (distance > maxAbs) maxAbs = distance;
    if (magnitude > 0 && distance > maxRel * magnitude) maxRel = Math.max(maxRel, distance / magnitude);
    if (!(distance <= atol + rtol * magnitude)) beyond++;
  }
  if (differing === 0) return;
  const part: PartialComparison = {
    differingCount: differing,
    firstIndex: firstElement + first,
    nonFiniteCount: 0,
    maxAbs,
    maxRel: maxRel < 0 ? null : maxRel,
    beyondCount: beyond,
  };
  Object.assign(found, joinComparisons(found, part));
}

/** Any element, its bytes known to differ. */
function compareElement(
  dtype: DTypeInfo,
  format: NumberFormat,
  a: Uint8Array,
  b: Uint8Array,
  index: number,
  { atol, rtol }: Tolerance,
  found: PartialComparison,
): void {
  const numbersA = readNumbers(dtype, a);
  const numbersB = readNumbers(dtype, b);
  found.differingCount++;
  found.firstIndex = lesser(found.firstIndex, index);
  if (!(numbersA.every(Number.isFinite) && numbersB.every(Number.isFinite))) {
    found.nonFiniteCount++;
    if (!(numbersA.some(Number.isNaN) && numbersB.some(Number.isNaN))) found.beyondCount++;
    return;
  }
  let isBeyond = false;
  const note = (distance: number, magnitude: number): void => {
    found.maxAbs = greater(found.maxAbs, distance);
    if (magnitude > 0) found.maxRel = greater(found.maxRel, distance / magnitude);
    isBeyond ||= !(distance <= atol + rtol * magnitude);
  };
  if (dtype.kind === 'complex') {
    const distance = Math.hypot(numbersA[0]! - numbersB[0]!, numbersA[1]! - numbersB[1]!);
    note(distance, Math.hypot(numbersB[0]!, numbersB[1]!));
  } else if (format.bitWidth === 64 && format.kind !== 'float') {
    note(integerDistance(format, a, b), Math.abs(numbersB[0]!));
  } else {
    for (const [i, x] of numbersA.entries()) note(Math.abs(x - numbersB[i]!), Math.abs(numbersB[i]!));
  }
  if (isBeyond) found.beyondCount++;
}

/** Of 64-bit integers: neighbours beyond 2^53 are one float64. */
function integerDistance({ kind }: NumberFormat, a: Uint8Array, b: Uint8Array): number {
  const read = (bytes: Uint8Array): bigint => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return kind === 'signed' ? view.getBigInt64(0, true) : view.getBigUint64(0, true);
  };
  return Math.abs(Number(read(a) - read(b)));
}
