import { type DTypeInfo, dtypeOf } from '../dtype.js';
import { type NumberFormat, numberFormatOf } from '../numbers.js';
import type { Histogram, NumberStats, TensorStats } from './device.js';
import { finishMoments, type Moments, mergeAllMoments, momentsFrom } from './moments.js';
import type { RecordTensor } from './records.js';

/** Statistics of some numbers of a tensor, or of one component of them: what a tile gives. Plain data. */
export interface PartialNumbers {
  count: number;
  nanCount: number;
  positiveInfCount: number;
  negativeInfCount: number;
  zeroCount: number;
  subnormalCount: number;
  /** Over the finite numbers; null where there are none. */
  min: number | bigint | null;
  max: number | bigint | null;
  moments: Moments;
  histogram?: Histogram;
}

/** Statistics of a byte range of a record. `components`: one, or real and imaginary part. */
export interface PartialStats {
  record: number;
  startByte: number;
  byteLength: number;
  components: readonly PartialNumbers[];
}

/**
 * Puts the parts of each record together. Parts may come in any order; they are merged in the order of their bytes,
 * as soon as a record is whole, so that the result does not depend on it.
 */
export class StatsLedger {
  private readonly parts = new Map<number, { byteLength: number; parts: PartialStats[] }>();
  private readonly done: TensorStats[];

  constructor(
    private readonly tensors: readonly RecordTensor[],
    private readonly byteLengths: ArrayLike<number>,
    private readonly withHistogram: boolean,
  ) {
    this.done = new Array(tensors.length);
  }

  add(part: PartialStats): void {
    let known = this.parts.get(part.record);
    if (known === undefined) this.parts.set(part.record, (known = { byteLength: 0, parts: [] }));
    known.parts.push(part);
    known.byteLength += part.byteLength;
    if (known.byteLength < this.byteLengths[part.record]!) return;
    this.parts.delete(part.record);
    this.done[part.record] = finishStats(this.tensors[part.record]!, known.parts);
  }

  /** One a record. To be called when all parts are there; records without bytes have none. */
  finish(): TensorStats[] {
    if (this.parts.size > 0) throw new Error(`${this.parts.size} records are not whole`);
    return Array.from({ length: this.tensors.length }, (_, record) => {
      const done = this.done[record];
      if (done !== undefined) return done;
      if (this.byteLengths[record] !== 0) throw new Error(`record ${record} was not counted`);
      const tensor = this.tensors[record]!;
      return finishStats(tensor, [nothingOf(record, dtypeOf(tensor.dtype), this.withHistogram)]);
    });
  }
}

/** The statistics of a tensor from those of its parts, which are sorted here by their place. */
function finishStats(tensor: RecordTensor, parts: PartialStats[]): TensorStats {
  const dtype = dtypeOf(tensor.dtype);
  const { componentCount } = numberFormatOf(dtype);
  const elementCount = tensor.shape.reduce((product, size) => product * size, 1);
  parts.sort((a, b) => a.startByte - b.startByte);
  const all = mergeNumbers(parts.flatMap(part => part.components));
  if (componentCount === 1) return { elementCount, ...finishNumbers(all) };
  delete all.histogram;
  const component = (index: number): NumberStats =>
    finishNumbers(mergeNumbers(parts.map(part => part.components[index]!)));
  return { elementCount, ...finishNumbers(all), real: component(0), imaginary: component(1) };
}

/** Whether a type's histogram is given where it is asked for: of floats of up to 16 bits. */
export function hasHistogram({ kind, bitWidth }: NumberFormat): boolean {
  return kind === 'float' && bitWidth <= 16;
}

/** The part that a tensor without elements is. */
function nothingOf(record: number, dtype: DTypeInfo, withHistogram: boolean): PartialStats {
  const format = numberFormatOf(dtype);
  const nothing = mergeNumbers([]);
  if (withHistogram && hasHistogram(format)) {
    nothing.histogram = { bits: new Uint16Array(0), counts: new Float64Array(0) };
  }
  const components = Array.from({ length: format.componentCount }, () => nothing);
  return { record, startByte: 0, byteLength: 0, components };
}

/** Statistics of all parts together. */
function mergeNumbers(parts: readonly PartialNumbers[]): PartialNumbers {
  const merged: PartialNumbers = {
    count: 0,
    nanCount: 0,
    positiveInfCount: 0,
    negativeInfCount: 0,
    zeroCount: 0,
    subnormalCount: 0,
    min: null,
    max: null,
    moments: mergeAllMoments(parts.map(part => part.moments)),
  };
  for (const part of parts) {
    merged.count += part.count;
    merged.nanCount += part.nanCount;
    merged.positiveInfCount += part.positiveInfCount;
    merged.negativeInfCount += part.negativeInfCount;
    merged.zeroCount += part.zeroCount;
    merged.subnormalCount += part.subnormalCount;
    if (part.min !== null && (merged.min === null || part.min < merged.min)) merged.min = part.min;
    if (part.max !== null && (merged.max === null || part.max > merged.max)) merged.max = part.max;
  }
  const histograms = parts.flatMap(part => part.histogram ?? []);
  if (histograms.length > 0) merged.histogram = mergeHistograms(histograms);
  return merged;
}

/** Statistics of several tensors together. Histograms are left out. */
export function sumOfStats(stats: readonly NumberStats[]): NumberStats {
  return finishNumbers(
    mergeNumbers(
      stats.map(
        ({ count, nanCount, positiveInfCount, negativeInfCount, zeroCount, subnormalCount, ...rest }) => {
          const counts = { count, nanCount, positiveInfCount, negativeInfCount, zeroCount, subnormalCount };
          const finiteCount = count - nanCount - positiveInfCount - negativeInfCount;
          const moments = momentsFrom(finiteCount, rest.mean ?? 0, rest.std ?? 0);
          return { ...counts, min: rest.min, max: rest.max, moments };
        },
      ),
    ),
  );
}

function finishNumbers({ moments, ...counted }: PartialNumbers): NumberStats {
  return { ...counted, ...finishMoments(moments) };
}

function mergeHistograms(parts: readonly Histogram[]): Histogram {
  if (parts.length === 1) return parts[0]!;
  const dense = new Float64Array(1 << 16);
  for (const { bits, counts } of parts) {
    for (let i = 0; i < bits.length; i++) dense[bits[i]!]! += counts[i]!;
  }
  return sparseHistogram(dense);
}

/** The patterns that there are, from counts by pattern. */
export function sparseHistogram(dense: Uint32Array | Float64Array): Histogram {
  const bits = patternsOf(dense);
  return { bits, counts: Float64Array.from(bits, pattern => dense[pattern]!) };
}

/** Positions of the counts that are not 0. */
export function patternsOf(dense: Uint32Array | Float64Array): Uint16Array {
  const patterns = new Uint16Array(dense.length);
  let count = 0;
  for (let pattern = 0; pattern < dense.length; pattern++) {
    if (dense[pattern] !== 0) patterns[count++] = pattern;
  }
  return patterns.subarray(0, count);
}
