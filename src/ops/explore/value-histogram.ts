import type { Histogram } from '../../device/device.js';
import { type DTypeInfo, dtypeOf } from '../../dtype.js';
import { valueTable } from '../../numbers.js';

/** How many finite numbers lie in each of equal steps from `min` to `max`, both included. */
export interface ValueHistogram {
  min: number;
  max: number;
  counts: number[];
  /** Numbers counted. */
  total: number;
}

/** Of exact counts of bit patterns. Undefined where no number is finite. */
export function histogramOfPatterns(
  dtype: DTypeInfo | string,
  histograms: readonly Histogram[],
  binCount: number,
): ValueHistogram | undefined {
  const values = valueTable(typeof dtype === 'string' ? dtypeOf(dtype) : dtype);
  return binned(
    histograms.reduce((sum, { bits }) => sum + bits.length, 0),
    add => {
      for (const { bits, counts } of histograms) {
        for (let i = 0; i < bits.length; i++) add(values[bits[i]!]!, counts[i]!);
      }
    },
    binCount,
  );
}

/** Of numbers one by one. Undefined where none is finite. */
export function histogramOfNumbers(numbers: Float64Array, binCount: number): ValueHistogram | undefined {
  return binned(
    numbers.length,
    add => {
      for (const number of numbers) add(number, 1);
    },
    binCount,
  );
}

function binned(
  length: number,
  each: (add: (value: number, count: number) => void) => void,
  binCount: number,
): ValueHistogram | undefined {
  if (length === 0) return undefined;
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  each(value => {
    if (!Number.isFinite(value)) return;
    if (value < min) min = value;
    if (value > max) max = value;
  });
  if (min > max) return undefined;
  const counts = new Array<number>(min === max ? 1 : binCount).fill(0);
  let total = 0;
  // The span of float64 numbers may be beyond float64: then halves are compared.
  const scale = Number.isFinite(max - min) ? 1 : 0.5;
  const span = max * scale - min * scale;
  each((value, count) => {
    if (!Number.isFinite(value)) return;
    const share = span === 0 ? 0 : (value * scale - min * scale) / span;
    const bin = Math.min(counts.length - 1, Math.floor(share * counts.length));
    counts[bin] = counts[bin]! + count;
    total += count;
  });
  return { min, max, counts, total };
}
