import { UsageError } from '../errors.js';
import { globMatcher } from './glob.js';
import { suggest } from './suggest.js';

/**
 * Whether a name is one of those that `keys` choose; all are where there are no globs.
 * @param names all that there are to choose from.
 * @throws UsageError for a glob that matches none of them: nothing was looked at, which must not pass for all good.
 */
export function wantedKeys(
  keys: readonly string[] | undefined,
  names: readonly string[],
): (name: string) => boolean {
  if (keys === undefined) return () => true;
  requireMatches('--keys', keys, names);
  return globMatcher(keys);
}

/** @throws UsageError naming the globs that match none of the names. */
export function requireMatches(option: string, globs: readonly string[], names: readonly string[]): void {
  const idle = globs.filter(glob => !names.some(globMatcher([glob])));
  if (idle.length === 0) return;
  const near = suggest(idle[0]!, names);
  throw new UsageError(`${option} ${idle.join(', ')} matches nothing`, {
    expected: 'a glob of whole names: * is any text, ? one character',
    ...(near === undefined ? {} : { hint: `There is ${near}.` }),
  });
}
