import { FormatError, UnsupportedError } from '../errors.js';
import type { Entry } from './checkpoint.js';

/**
 * Requires what formats need that name each value by its path as text: names, and each once.
 * @throws UnsupportedError for a root that is no mapping, FormatError for two paths of one text.
 */
export function requireDistinctNames(entries: readonly Entry[], format: string): void {
  const hint = 'Save {"model": value} instead.';
  const seen = new Set<string>();
  for (const entry of entries) {
    if (entry.path.length === 0) {
      throw new UnsupportedError(
        `A ${format} checkpoint needs names: the file holds one value that is not a mapping`,
        { expected: 'a dict at the top', found: entry.kind === 'tensor' ? 'a tensor' : 'an object', hint },
      );
    }
    if (typeof entry.path[0] === 'number') {
      throw new UnsupportedError(`A ${format} checkpoint needs names: the file holds a list`, {
        expected: 'a dict at the top',
        hint,
      });
    }
    const name = entry.path.join('.');
    if (seen.has(name)) {
      throw new FormatError(
        'Two values of the state dict have the same key once their path is written with dots',
        { fqn: name, hint: `${format} names a value by its flattened key; rename one of them.` },
      );
    }
    seen.add(name);
  }
}
