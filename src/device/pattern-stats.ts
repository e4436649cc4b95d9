import type { DTypeInfo } from '../dtype.js';
import { isSubnormal, type NumberFormat, numberFormatOf, valueTable } from '../numbers.js';
import { type Moments, NO_MOMENTS } from './moments.js';
import { type PartialNumbers, patternsOf } from './tensor-stats.js';

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
  const { layout, kind } = format;
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
  let sum = 0;
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
    sum += value * count;
  }
  if (withHistogram && kind === 'float') {
    result.histogram = {
      bits: Uint16Array.from(patterns),
      counts: Float64Array.from(patterns, p => counts[p]!),
    };
  }
  if (finiteCount === 0) return result;
  result.min = min;
  result.max = max;
  result.moments = momentsOf(table, patterns, counts, finiteCount, sum / finiteCount);
  return result;
}

/** Deviations from the mean, and from what the mean is off by rounding. */
function momentsOf(
  table: Float64Array,
  patterns: Uint16Array,
  counts: Uint32Array,
  count: number,
  mean: number,
): Moments {
  let offset = 0;
  let squares = 0;
  for (const pattern of patterns) {
    const deviation = table[pattern]! - mean;
    if (deviation - deviation !== 0) continue;
    offset += deviation * counts[pattern]!;
    squares += deviation * deviation * counts[pattern]!;
  }
  return {
    count,
    mean: mean + offset / count,
    squares: Math.max(0, squares - (offset * offset) / count),
    scale: 0,
  };
}
