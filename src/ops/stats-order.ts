import type { StatsEntry } from './stats.js';

/** By what tensors can be sorted. */
export type StatsOrder =
  | 'name'
  | 'size'
  | 'nan'
  | 'inf'
  | 'zero'
  | 'subnormal'
  | 'min'
  | 'max'
  | 'mean'
  | 'std'
  | 'norm';

type Value = number | bigint | null;

const VALUES: Record<Exclude<StatsOrder, 'name'>, (entry: StatsEntry) => Value> = {
  size: ({ byteLength }) => byteLength,
  nan: ({ nanCount }) => nanCount,
  inf: ({ positiveInfCount, negativeInfCount }) => positiveInfCount + negativeInfCount,
  zero: ({ zeroCount }) => zeroCount,
  subnormal: ({ subnormalCount }) => subnormalCount,
  min: ({ min }) => min,
  max: ({ max }) => max,
  mean: ({ mean }) => mean,
  std: ({ std }) => std,
  norm: ({ norm }) => norm,
};

/**
 * Tensors sorted: by name from A to Z (code units), by minimum the least first, by all else the largest first. Those
 * without finite numbers come last; equal ones stay in order.
 */
export function sortStats(entries: readonly StatsEntry[], order: StatsOrder): StatsEntry[] {
  const sorted = [...entries];
  if (order === 'name') return sorted.sort((a, b) => (a.fqn < b.fqn ? -1 : a.fqn > b.fqn ? 1 : 0));
  const numberOf = VALUES[order];
  const sign = order === 'min' ? 1 : -1;
  return sorted.sort((a, b) => {
    const [x, y] = [numberOf(a), numberOf(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    return x < y ? -sign : x > y ? sign : 0;
  });
}
