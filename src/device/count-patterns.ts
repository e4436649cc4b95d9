import type { DTypeInfo } from '../dtype.js';
import { isSubnormal, type NumberFormat, numberFormatOf, valueTable } from '../numbers.js';
import { NO_MOMENTS } from './moments.js';
import type { NumberCounter } from './number-counter.js';
import { type PartialNumbers, sparseHistogram } from './tensor-stats.js';

/**
 * Below this many numbers the patterns that occur are listed, rather than all of them looked through: a checkpoint
 * may hold a hundred thousand small tensors.
 */
const FEW_NUMBERS = 1 << 15;

/**
 * Counts numbers of up to 16 bits by their pattern. Counting is one addition a number, whatever it is; all else is
 * computed from at most 65,536 counts, once for many megabytes.
 */
export class PatternCounter implements NumberCounter {
  private readonly format: NumberFormat;
  private readonly table: Float64Array;
  /** One set of counts a component; a second one for every other number, so that equal neighbours do not wait. */
  private readonly counts: Uint32Array[];
  /** Patterns met, per component, where they are listed. */
  private readonly listed: Uint16Array[];
  private readonly listedCount: number[];
  private isListing = false;

  constructor(
    dtype: DTypeInfo,
    private readonly withHistogram: boolean,
  ) {
    this.format = numberFormatOf(dtype);
    this.table = valueTable(dtype);
    const { componentCount } = this.format;
    const patternCount = this.format.bitWidth === 16 ? 1 << 16 : 1 << 8;
    this.counts = Array.from({ length: 2 }, () => new Uint32Array(patternCount));
    this.listed = Array.from({ length: componentCount }, () => new Uint16Array(FEW_NUMBERS));
    this.listedCount = this.listed.map(() => 0);
  }

  begin(byteLength: number): void {
    this.isListing = (byteLength * 8) / this.format.bitWidth <= FEW_NUMBERS;
  }

  add(bytes: Uint8Array): void {
    const patterns =
      this.format.bitWidth === 16 ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2) : bytes;
    if (!this.isListing) {
      // Two components go to a set each, and so do the halves of one.
      countPairs(patterns, this.counts[0]!, this.counts[1]!);
      return;
    }
    const step = this.format.componentCount;
    for (let component = 0; component < step; component++) {
      this.listedCount[component] = countListing(
        patterns,
        component,
        step,
        this.counts[component]!,
        this.listed[component]!,
        this.listedCount[component]!,
      );
    }
  }

  finish(): PartialNumbers[] {
    const [first, second] = this.counts as [Uint32Array, Uint32Array];
    const isComplex = this.format.componentCount === 2;
    if (!this.isListing && !isComplex) {
      for (let pattern = 0; pattern < first.length; pattern++) first[pattern]! += second[pattern]!;
      second.fill(0);
    }
    const results = (isComplex ? [first, second] : [first]).map((counts, component) => {
      const patterns = this.isListing
        ? this.listed[component]!.subarray(0, this.listedCount[component]!).sort()
        : occurring(counts);
      const result = this.numbersOf(patterns, counts);
      counts.fill(0);
      this.listedCount[component] = 0;
      return result;
    });
    return results;
  }

  private numbersOf(patterns: Uint16Array, counts: Uint32Array): PartialNumbers {
    if (this.format.bitWidth !== 4) return this.statsOf(patterns, counts);
    // Two numbers in a byte.
    const halves = new Uint32Array(16);
    for (const pattern of patterns) {
      halves[pattern & 15]! += counts[pattern]!;
      halves[pattern >> 4]! += counts[pattern]!;
    }
    return this.statsOf(occurring(halves), halves);
  }

  private statsOf(patterns: Uint16Array, counts: Uint32Array): PartialNumbers {
    const { table, format } = this;
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
    if (this.withHistogram && format.kind === 'float') {
      result.histogram = {
        bits: Uint16Array.from(patterns),
        counts: Float64Array.from(patterns, p => counts[p]!),
      };
    }
    if (finiteCount === 0) return result;
    result.min = min;
    result.max = max;
    result.moments = this.momentsOf(patterns, counts, finiteCount, sum / finiteCount);
    return result;
  }

  /** Deviations from the mean, and from what the mean is off by rounding. */
  private momentsOf(patterns: Uint16Array, counts: Uint32Array, count: number, mean: number) {
    let offset = 0;
    let squares = 0;
    for (const pattern of patterns) {
      const deviation = this.table[pattern]! - mean;
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
}

function occurring(counts: Uint32Array): Uint16Array {
  return sparseHistogram(counts).bits;
}

/** Counts numbers at even places in one set and those at odd places in another. */
function countPairs(patterns: Uint8Array | Uint16Array, even: Uint32Array, odd: Uint32Array): void {
  const end = patterns.length & ~1;
  for (let i = 0; i < end; i += 2) {
    even[patterns[i]!]!++;
    odd[patterns[i + 1]!]!++;
  }
  if (end < patterns.length) even[patterns[end]!]!++;
}

/** Counts every `step`-th number, and lists patterns as they are first met. Returns how many are listed. */
function countListing(
  patterns: Uint8Array | Uint16Array,
  start: number,
  step: number,
  counts: Uint32Array,
  listed: Uint16Array,
  listedCount: number,
): number {
  let end = listedCount;
  for (let i = start; i < patterns.length; i += step) {
    const pattern = patterns[i]!;
    if (counts[pattern]!++ === 0) listed[end++] = pattern;
  }
  return end;
}
