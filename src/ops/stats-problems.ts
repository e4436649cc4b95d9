import type { NumberStats } from '../device/device.js';
import type { StatsProblemKind } from './stats.js';

/** Numbers of a tensor that make a problem of that kind. */
export function problemCount(stats: NumberStats, kind: StatsProblemKind): number {
  switch (kind) {
    case 'nan':
      return stats.nanCount;
    case 'inf':
      return stats.positiveInfCount + stats.negativeInfCount;
    case 'all_zero':
      return stats.count > 1 && stats.zeroCount === stats.count ? stats.count : 0;
  }
}
