import { type Moments, MomentsTree } from './moments.js';
import type { PartialNumbers } from './tensor-stats.js';

/** Numbers whose sums are taken at once, without a rounding error that matters. */
export const SUB_BLOCK = 4096;

/** What is known of numbers that are looked at one by one. */
export interface DirectNumbers extends Omit<PartialNumbers, 'min' | 'max' | 'moments' | 'histogram'> {
  min: number;
  max: number;
  /** Of sub-blocks. */
  parts: MomentsTree;
}

export function emptyNumbers(): DirectNumbers {
  return {
    count: 0,
    nanCount: 0,
    positiveInfCount: 0,
    negativeInfCount: 0,
    zeroCount: 0,
    subnormalCount: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    parts: new MomentsTree(),
  };
}

export function finishDirect({ parts, min, max, ...counted }: DirectNumbers): PartialNumbers {
  const { moments } = parts;
  const isAny = moments.count > 0;
  return { ...counted, min: isAny ? min : null, max: isAny ? max : null, moments };
}

/** Moments from the sums of deviations, and of their squares, from an origin among the numbers. */
export function momentsAround(
  count: number,
  origin: number,
  sum: number,
  squares: number,
  scale = 0,
): Moments {
  const offset = sum / count;
  return { count, mean: origin + offset, squares: Math.max(0, squares - sum * offset), scale };
}
