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
    const step = this.componentCount;
    for (let from = 0; from < values.length; from += SUB_BLOCK * step) {
      const to = Math.min(values.length, from + SUB_BLOCK * step);
      for (let component = 0; component < step; component++) {
        addFloat32(this.numbers[component]!, values, from + component, to, step);
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
 * One pass: deviations are taken from the first finite number of the sub-block, which makes their sums exact enough
 * without knowing the mean (the loss is at most a factor of the sub-block's length).
 */
function addFloat32(
  numbers: DirectNumbers,
  values: Float32Array,
  from: number,
  to: number,
  step: number,
): void {
  let start = from;
  while (start < to && values[start]! - values[start]! !== 0) start += step;
  const origin = start < to ? values[start]! : 0;
  let { min, max } = numbers;
  let finiteCount = 0;
  let zeroCount = 0;
  let subnormalCount = 0;
  let nanCount = 0;
  let positiveInfCount = 0;
  let sum = 0;
  let squares = 0;
  for (let i = from; i < to; i += step) {
    const value = values[i]!;
    const deviation = value - origin;
    if (deviation - deviation !== 0) {
      if (Number.isNaN(value)) nanCount++;
      else if (value > 0) positiveInfCount++;
      continue;
    }
    finiteCount++;
    if (Math.abs(value) < SMALLEST_NORMAL_FLOAT32) {
      if (value === 0) zeroCount++;
      else subnormalCount++;
    }
    if (value < min) min = value;
    if (value > max) max = value;
    sum += deviation;
    squares += deviation * deviation;
  }
  const count = Math.ceil((to - from) / step);
  numbers.count += count;
  numbers.nanCount += nanCount;
  numbers.positiveInfCount += positiveInfCount;
  numbers.negativeInfCount += count - finiteCount - nanCount - positiveInfCount;
  numbers.zeroCount += zeroCount;
  numbers.subnormalCount += subnormalCount;
  numbers.min = min;
  numbers.max = max;
  if (finiteCount > 0) numbers.parts.push(momentsAround(finiteCount, origin, sum, squares));
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
      if (Number.isNaN(value)) numbers.nanCount++;
      else if (value > 0) numbers.positiveInfCount++;
      else numbers.negativeInfCount++;
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
