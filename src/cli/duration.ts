import { UsageError } from '../errors.js';
import type { GivenArguments } from './command.js';

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
const MAX_DAYS = 30;

/**
 * A time such as `90s`, `10m`, `1h30m`, in milliseconds; undefined where the option is not given.
 * @throws UsageError for anything else: a bare number says nothing of its unit.
 */
export function millisecondsOf(given: GivenArguments, name: string): number | undefined {
  const text = given.value(name);
  if (text === undefined) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === text;
  const seconds = parts.reduce((sum, [, count, unit]) => sum + Number(count) * SECONDS[unit!]!, 0);
  if (isWhole && seconds <= MAX_DAYS * SECONDS.d!) return seconds * 1000;
  throw new UsageError(`--${name} is no time`, {
    expected: `a number with a unit, such as 90s, 10m, 1h30m; ${MAX_DAYS} days at most`,
    found: text,
  });
}
