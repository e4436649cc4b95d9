import type { DTypeInfo } from '../dtype.js';
import { type NumberFormat, numberFormatOf, readNumbers } from '../numbers.js';
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
  { atol, rtol }: Tolerance,
  found: PartialComparison,
): void {
  const numbersA = readNumbers(dtype, a);
  const numbersB = readNumbers(dtype, b);
  const { itemSize } = dtype;
  const count = a.length / itemSize;
  const width = numbersA.length / count;
  const isComplex = dtype.kind === 'complex';
  const isWideInteger = format.bitWidth === 64 && format.kind !== 'float';
  for (let element = 0; element < count; element++) {
    if (!differs(a, b, element * itemSize, itemSize)) continue;
    found.differingCount++;
    found.firstIndex ??= firstElement + element;
    const at = element * width;
    let nanA = false;
    let nanB = false;
    let allFinite = true;
    for (let i = at; i < at + width; i++) {
      const x = numbersA[i]!;
      const y = numbersB[i]!;
      nanA ||= Number.isNaN(x);
      nanB ||= Number.isNaN(y);
      allFinite &&= Number.isFinite(x) && Number.isFinite(y);
    }
    if (!allFinite) {
      found.nonFiniteCount++;
      if (!(nanA && nanB)) found.beyondCount++;
      continue;
    }
    let isBeyond = false;
    const note = (distance: number, magnitude: number): void => {
      if (found.maxAbs === null || distance > found.maxAbs) found.maxAbs = distance;
      if (magnitude > 0) {
        const relative = distance / magnitude;
        if (found.maxRel === null || relative > found.maxRel) found.maxRel = relative;
      }
      isBeyond ||= !(distance <= atol + rtol * magnitude);
    };
    if (isComplex) {
      const distance = Math.hypot(numbersA[at]! - numbersB[at]!, numbersA[at + 1]! - numbersB[at + 1]!);
      note(distance, Math.hypot(numbersB[at]!, numbersB[at + 1]!));
    } else if (isWideInteger) {
      note(integerDistance(format, a, b, element * itemSize), Math.abs(numbersB[at]!));
    } else {
      for (let i = at; i < at + width; i++)
        note(Math.abs(numbersA[i]! - numbersB[i]!), Math.abs(numbersB[i]!));
    }
    if (isBeyond) found.beyondCount++;
  }
}

function differs(a: Uint8Array, b: Uint8Array, start: number, byteLength: number): boolean {
  for (let i = start; i < start + byteLength; i++) if (a[i] !== b[i]) return true;
  return false;
}

/** Of 64-bit integers: neighbours beyond 2^53 are one float64. */
function integerDistance({ kind }: NumberFormat, a: Uint8Array, b: Uint8Array, byteOffset: number): number {
  const read = (bytes: Uint8Array): bigint => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return kind === 'signed' ? view.getBigInt64(byteOffset, true) : view.getBigUint64(byteOffset, true);
  };
  const distance = Number(read(a) - read(b));
  return Math.abs(distance);
}
