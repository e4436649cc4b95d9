/**
 * A test for FQNs: true where one of the globs matches the whole text. `*` stands for any text, dots included,
 * `?` for one character; all else is literal. FQNs have brackets and braces of their own, so there are no sets.
 */
export function globMatcher(globs: readonly string[]): (text: string) => boolean {
  const patterns = globs.map(
    glob =>
      new RegExp(
        `^${glob
          .replace(/[.+^${}()|[\]\\]/g, '\\$&')
          .replace(/\*+/g, '.*')
          .replace(/\?/g, '.')}$`,
        'su',
      ),
  );
  return text => patterns.some(pattern => pattern.test(text));
}
