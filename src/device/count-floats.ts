import {
  type DirectNumbers,
  emptyNumbers,
  finishDirect,
  momentsAround,
  SUB_BLOCK,
} from './direct-numbers.js';
import { SCALE_STEP } from './moments.js';
import type { NumberCounter } from './number-counter.js';
import type { PartialNumbers } from './tensor-stats.js';

const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;
/** Of a float32. */
const EXPONENT_BITS = 0x7f800000;
const SMALLEST_NORMAL_FLOAT64 = 2 ** -1022;

/** Squares of numbers beyond these leave the range of a float64, or lose digits at its lower end. */
const LARGE = 2 ** 480;
const SMALL = 2 ** -400;

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

/**
 * Adds a sub-block of finite numbers, and returns true; or finds that some are not finite, and adds nothing.
 *
 * One pass, two numbers at a time: deviations are taken from the first number, which makes their sums exact enough
 * without knowing the mean (the loss is at most a factor of the sub-block's length). No branch depends on a number
 * being 0, subnormal, NaN or Inf: NaN and Inf show in the sum, the others are counted by their exponent bits.
 */
function addFiniteFloat32(
  numbers: DirectNumbers,
  values: Float32Array,
  words: Int32Array,
  from: number,
  to: number,
  step: number,
): boolean {
  const origin = values[from]!;
  const count = Math.ceil((to - from) / step);
  const last = from + (count - 1) * step;
  let { min, max } = numbers;
  let tinyCount = 0;
  let [sum, otherSum, squares, otherSquares] = [0, 0, 0, 0];
  for (let i = from; i < last; i += 2 * step) {
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
  if (count % 2 === 1) {
    const value = values[last]!;
    sum += value - origin;
    squares += (value - origin) ** 2;
    if (value < min) min = value;
    if (value > max) max = value;
    tinyCount += ((words[last]! & EXPONENT_BITS) - 1) >>> 31;
  }
  squares += otherSquares;
  if (!Number.isFinite(squares)) return false;
  numbers.count += count;
  numbers.min = min;
  numbers.max = max;
  if (tinyCount > 0) {
    let zeroCount = 0;
    for (let i = from; i < to; i += step) if (values[i] === 0) zeroCount++;
    numbers.zeroCount += zeroCount;
    numbers.subnormalCount += tinyCount - zeroCount;
  }
  numbers.parts.push(momentsAround(count, origin, sum + otherSum, squares));
  return true;
}

/** Adds a sub-block in which some numbers are NaN or Inf. */
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
  if (origin !== undefined) numbers.parts.push(momentsAround(finiteCount, origin, sum, squares));
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
  let origin: number | undefined;
  let finiteCount = 0;
  for (let i = from; i < to; i += step) {
    const value = values[i]!;
    numbers.count++;
    if (value - value !== 0) {
      countNonFinite(numbers, value);
      continue;
    }
    finiteCount++;
    origin ??= value;
    const magnitude = Math.abs(value);
    if (magnitude > largest) largest = magnitude;
    if (magnitude < SMALLEST_NORMAL_FLOAT64) {
      if (magnitude === 0) numbers.zeroCount++;
      else numbers.subnormalCount++;
    }
    if (value < min) min = value;
    if (value > max) max = value;
  }
  numbers.min = min;
  numbers.max = max;
  if (origin === undefined) return;

  const scale = largest > LARGE ? SCALE_STEP : largest < SMALL && largest > 0 ? -SCALE_STEP : 0;
  const factor = 2 ** -scale;
  const scaledOrigin = origin * factor;
  let sum = 0;
  let squares = 0;
  for (let i = from; i < to; i += step) {
    const deviation = values[i]! * factor - scaledOrigin;
    if (deviation - deviation !== 0) continue;
    sum += deviation;
    squares += deviation * deviation;
  }
  numbers.parts.push(momentsAround(finiteCount, scaledOrigin, sum, squares, scale));
}
