import {
  type DirectNumbers,
  emptyNumbers,
  finishDirect,
  momentsAround,
  SUB_BLOCK,
} from './direct-numbers.js';
import { scaleOf } from './moments.js';
import type { NumberCounter } from './number-counter.js';
import type { PartialNumbers } from './tensor-stats.js';

const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;
/** Of a float32. */
const EXPONENT_BITS = 0x7f800000;
const SMALLEST_NORMAL_FLOAT64 = 2 ** -1022;

/** Counts float32 numbers, and the components of complex64. */
export class Float32Counter implements NumberCounter {
  private numbers: DirectNumbers[];

  constructor(private readonly componentCount: 1 | 2) {
    this.numbers = Array.from({ length: componentCount }, emptyNumbers);
  }

  begin(): void {}

  add(bytes: Uint8Array): void {
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const step = this.componentCount;
    for (let from = 0; from < values.length; from += SUB_BLOCK * step) {
      const to = Math.min(values.length, from + SUB_BLOCK * step);
      for (let component = 0; component < step; component++) {
        const numbers = this.numbers[component]!;
        if (addFiniteFloat32(numbers, values, words, from + component, to, step)) continue;
        addFloat32(numbers, values, from + component, to, step);
      }
    }
  }

  finish(): PartialNumbers[] {
    const results = this.numbers.map(finishDirect);
    this.numbers = this.numbers.map(emptyNumbers);
    return results;
  }
}

/** What {@link scanFloat32} finds, in its `found`. */
const SUM = 0;
const SQUARES = 1;
const MIN = 2;
const MAX = 3;
const TINY = 4;

/**
 * Sums of deviations from `origin` and of their squares, minimum, maximum, and how many exponents are 0: of two numbers
 * at a time, an even count of them. No branch depends on a number being 0, subnormal, NaN or Inf, and nothing else is
 * done here: the compiler makes good code of it once, and keeps it.
 */
function scanFloat32(
  values: Float32Array,
  words: Int32Array,
  from: number,
  to: number,
  step: number,
  origin: number,
  found: Float64Array,
): void {
  let min = found[MIN]!;
  let max = found[MAX]!;
  let sum = 0;
  let otherSum = 0;
  let squares = 0;
  let otherSquares = 0;
  let tinyCount = 0;
  for (let i = from; i < to; i += 2 * step) {
    const value = values[i]!;
    const other = values[i + step]!;
    const deviation = value - origin;
    const otherDeviation = other - origin;
    sum += deviation;
    squares += deviation * deviation;
    otherSum += otherDeviation;
    otherSquares += otherDeviation * otherDeviation;
    if (value < min) min = value;
    if (value > max) max = value;
    if (other < min) min = other;
    if (other > max) max = other;
    // 1 where the exponent bits are 0.
    tinyCount +=
      (((words[i]! & EXPONENT_BITS) - 1) >>> 31) + (((words[i + step]! & EXPONENT_BITS) - 1) >>> 31);
  }
  found[SUM] = sum + otherSum;
  found[SQUARES] = squares + otherSquares;
  found[MIN] = min;
  found[MAX] = max;
  found[TINY] = tinyCount;
}

const found = new Float64Array(5);

/**
 * Adds a sub-block of finite numbers, and returns true; or finds that some are not finite, and adds nothing. Deviations
 * are taken from the first number, which makes their sums exact enough without knowing the mean (the loss is at most
 * a factor of the sub-block's length).
 */
function addFiniteFloat32(
  numbers: DirectNumbers,
  values: Float32Array,
  words: Int32Array,
  from: number,
  to: number,
  step: number,
): boolean {
  const count = Math.ceil((to - from) / step);
  if (count % 2 === 1) return false;
  const origin = values[from]!;
  found[MIN] = numbers.min;
  found[MAX] = numbers.max;
  scanFloat32(values, words, from, to, step, origin, found);
  // A NaN or an Inf among the numbers is one of the sum too.
  if (!Number.isFinite(found[SQUARES]!)) return false;
  numbers.count += count;
  numbers.min = found[MIN]!;
  numbers.max = found[MAX]!;
  if (found[TINY]! > 0) {
    const zeroCount = countZeros(values, from, to, step);
    numbers.zeroCount += zeroCount;
    numbers.subnormalCount += found[TINY]! - zeroCount;
  }
  numbers.parts.add(momentsAround(count, origin, found[SUM]!, found[SQUARES]!));
  return true;
}

function countZeros(values: Float32Array, from: number, to: number, step: number): number {
  let count = 0;
  for (let i = from; i < to; i += step) if (values[i] === 0) count++;
  return count;
}

/** Adds any sub-block, number by number. */
function addFloat32(
  numbers: DirectNumbers,
  values: Float32Array,
  from: number,
  to: number,
  step: number,
): void {
  let origin: number | undefined;
  let finiteCount = 0;
  let sum = 0;
  let squares = 0;
  for (let i = from; i < to; i += step) {
    const value = values[i]!;
    numbers.count++;
    if (value - value !== 0) {
      countNonFinite(numbers, value);
      continue;
    }
    origin ??= value;
    finiteCount++;
    if (Math.abs(value) < SMALLEST_NORMAL_FLOAT32) {
      if (value === 0) numbers.zeroCount++;
      else numbers.subnormalCount++;
    }
    if (value < numbers.min) numbers.min = value;
    if (value > numbers.max) numbers.max = value;
    sum += value - origin;
    squares += (value - origin) ** 2;
  }
  if (origin !== undefined) numbers.parts.add(momentsAround(finiteCount, origin, sum, squares));
}

function countNonFinite(numbers: DirectNumbers, value: number): void {
  if (Number.isNaN(value)) numbers.nanCount++;
  else if (value > 0) numbers.positiveInfCount++;
  else numbers.negativeInfCount++;
}

/** Counts float64 numbers, and the components of complex128. */
export class Float64Counter implements NumberCounter {
  private numbers: DirectNumbers[];

  constructor(private readonly componentCount: 1 | 2) {
    this.numbers = Array.from({ length: componentCount }, emptyNumbers);
  }

  begin(): void {}

  add(bytes: Uint8Array): void {
    const values = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
    const step = this.componentCount;
    for (let from = 0; from < values.length; from += SUB_BLOCK * step) {
      const to = Math.min(values.length, from + SUB_BLOCK * step);
      for (let component = 0; component < step; component++) {
        addFloat64(this.numbers[component]!, values, from + component, to, step);
      }
    }
  }

  finish(): PartialNumbers[] {
    const results = this.numbers.map(finishDirect);
    this.numbers = this.numbers.map(emptyNumbers);
    return results;
  }
}

/** Sums of deviations from an origin, and of their squares, of the finite numbers times a factor. */
function sumFloat64(
  values: Float64Array,
  from: number,
  to: number,
  step: number,
  factor: number,
  origin: number,
): { sum: number; squares: number } {
  let sum = 0;
  let squares = 0;
  for (let i = from; i < to; i += step) {
    const deviation = values[i]! * factor - origin;
    if (deviation - deviation !== 0) continue;
    sum += deviation;
    squares += deviation * deviation;
  }
  return { sum, squares };
}

/** Two passes over a sub-block: the first finds how large its numbers are, so that squares stay in range. */
function addFloat64(
  numbers: DirectNumbers,
  values: Float64Array,
  from: number,
  to: number,
  step: number,
): void {
  let { min, max } = numbers;
  let largest = 0;
  let originAt = -1;
  let count = 0;
  let finiteCount = 0;
  let zeroCount = 0;
  let subnormalCount = 0;
  for (let i = from; i < to; i += step) {
    const value = values[i]!;
    count++;
    if (value - value !== 0) {
      countNonFinite(numbers, value);
      continue;
    }
    finiteCount++;
    if (originAt < 0) originAt = i;
    const magnitude = Math.abs(value);
    if (magnitude > largest) largest = magnitude;
    if (magnitude < SMALLEST_NORMAL_FLOAT64) {
      if (magnitude === 0) zeroCount++;
      else subnormalCount++;
    }
    if (value < min) min = value;
    if (value > max) max = value;
  }
  numbers.count += count;
  numbers.zeroCount += zeroCount;
  numbers.subnormalCount += subnormalCount;
  numbers.min = min;
  numbers.max = max;
  if (originAt < 0) return;
  const scale = scaleOf(largest);
  const factor = 2 ** -scale;
  const origin = values[originAt]! * factor;
  const { sum, squares } = sumFloat64(values, from, to, step, factor, origin);
  numbers.parts.add(momentsAround(finiteCount, origin, sum, squares, scale));
}
