import type { DTypeInfo } from '../dtype.js';
import { numberFormatOf } from '../numbers.js';
import { Float32Counter, Float64Counter } from './count-floats.js';
import { Int32Counter, Int64Counter } from './count-integers.js';
import { PatternCounter } from './count-patterns.js';
import type { PartialNumbers } from './tensor-stats.js';

/** Gathers the statistics of a run of numbers of one type, block by block. */
export interface NumberCounter {
  /** The numbers that follow have so many bytes in all. */
  begin(byteLength: number): void;
  /** Whole elements, aligned to their size. */
  add(bytes: Uint8Array): void;
  /** One a component. Afterwards the counter is as new. */
  finish(): PartialNumbers[];
}

export function counterFor(dtype: DTypeInfo, withHistogram: boolean): NumberCounter {
  const { kind, bitWidth, componentCount } = numberFormatOf(dtype);
  if (bitWidth <= 16) return new PatternCounter(dtype, withHistogram);
  if (kind === 'float') {
    return bitWidth === 32 ? new Float32Counter(componentCount) : new Float64Counter(componentCount);
  }
  const isSigned = kind === 'signed';
  return bitWidth === 32 ? new Int32Counter(isSigned) : new Int64Counter(isSigned);
}
