import type { DTypeInfo } from '../dtype.js';
import { isSubnormal, type NumberFormat, numberFormatOf, valueTable } from '../numbers.js';
import { type Moments, NO_MOMENTS } from './moments.js';
import { hasHistogram, type PartialNumbers, patternsOf } from './tensor-stats.js';

/**
 * Statistics of numbers of up to 16 bits, from how often each pattern occurs.
 *
 * @param counts one array a component, by pattern; of packed types by byte.
 * @param listed the patterns that occur, in rising order, one array a component, where they are known.
 */
export function statsOfCounts(
  dtype: DTypeInfo,
  counts: readonly Uint32Array[],
  withHistogram: boolean,
  listed?: readonly Uint16Array[],
): PartialNumbers[] {
  const format = numberFormatOf(dtype);
  const table = valueTable(dtype);
  return counts.map((byPattern, component) => {
    const own = format.bitWidth === 4 ? countsOfNibbles(byPattern) : byPattern;
    return statsOf(format, table, listed?.[component] ?? patternsOf(own), own, withHistogram);
  });
}

/** Two numbers in a byte. */
function countsOfNibbles(byByte: Uint32Array): Uint32Array {
  const counts = new Uint32Array(16);
  for (let byte = 0; byte < 256; byte++) {
    counts[byte & 15]! += byByte[byte]!;
    counts[byte >> 4]! += byByte[byte]!;
  }
  return counts;
}

function statsOf(
  format: NumberFormat,
  table: Float64Array,
  patterns: Uint16Array,
  counts: Uint32Array,
  withHistogram: boolean,
): PartialNumbers {
  const { layout } = format;
  const result: PartialNumbers = {
    count: 0,
    nanCount: 0,
    positiveInfCount: 0,
    negativeInfCount: 0,
    zeroCount: 0,
    subnormalCount: 0,
    min: null,
    max: null,
    moments: NO_MOMENTS,
  };
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let finiteCount = 0;
  const sum = new ExactSum();
  for (const pattern of patterns) {
    const count = counts[pattern]!;
    const value = table[pattern]!;
    result.count += count;
    if (value - value !== 0) {
      if (value === Number.POSITIVE_INFINITY) result.positiveInfCount += count;
      else if (value === Number.NEGATIVE_INFINITY) result.negativeInfCount += count;
      else result.nanCount += count;
      continue;
    }
    finiteCount += count;
    if (value === 0) result.zeroCount += count;
    else if (layout !== undefined && isSubnormal(layout, pattern)) result.subnormalCount += count;
    if (value < min) min = value;
    if (value > max) max = value;
    sum.add(value * count);
  }
  if (withHistogram && hasHistogram(format)) {
    result.histogram = {
      bits: Uint16Array.from(patterns),
      counts: Float64Array.from(patterns, p => counts[p]!),
    };
  }
  if (finiteCount === 0) return result;
  result.min = min;
  result.max = max;
  result.moments = momentsOf(table, patterns, counts, finiteCount, sum.value / finiteCount);
  return result;
}

/** The sum of squares is corrected by what the mean is off through rounding. */
function momentsOf(
  table: Float64Array,
  patterns: Uint16Array,
  counts: Uint32Array,
  count: number,
  mean: number,
): Moments {
  const sum = new ExactSum();
  let squares = 0;
  for (const pattern of patterns) {
    const deviation = table[pattern]! - mean;
    if (deviation - deviation !== 0) continue;
    sum.add(deviation * counts[pattern]!);
    squares += deviation * deviation * counts[pattern]!;
  }
  const offset = sum.value / count;
  return { count, mean, squares: Math.max(0, squares - sum.value * offset), scale: 0 };
}

/**
 * A sum that carries along what rounding drops (Neumaier, 1974): patterns come with all positive numbers first, so
 * that a plain sum grows large before the negative ones take it back.
 */
class ExactSum {
  private sum = 0;
  private dropped = 0;

  get value(): number {
    return this.sum + this.dropped;
  }

  add(term: number): void {
    const next = this.sum + term;
    this.dropped += Math.abs(this.sum) >= Math.abs(term) ? this.sum - next + term : term - next + this.sum;
    this.sum = next;
  }
}
