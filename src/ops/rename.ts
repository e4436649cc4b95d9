import { UsageError } from '../errors.js';

/**
 * A renaming of FQNs out of substitutions in sed's notation, applied in order: `s/pattern/replacement/flags`. The
 * pattern is a JavaScript regular expression; any character may stand for `/`. In the replacement `\1` … `\9` are the
 * pattern's groups and `&` is all of the match. Flags: `g` for every match, `i` for either case.
 * @throws UsageError for what is not of this form.
 */
export function parseRenames(texts: readonly string[]): (fqn: string) => string {
  const substitutions = texts.map(parseSubstitution);
  return fqn => substitutions.reduce((name, substitute) => substitute(name), fqn);
}

function parseSubstitution(text: string): (name: string) => string {
  const delimiter = text[1];
  const parts = text.startsWith('s') && delimiter !== undefined ? split(text.slice(2), delimiter) : [];
  const [pattern, replacement, flags] = parts;
  if (parts.length !== 3 || pattern === '' || !/^[gi]*$/.test(flags!)) {
    throw new UsageError('This is no substitution', {
      expected: "s/pattern/replacement/, with g or i behind it if wanted: 's/^module\\.//'",
      found: text,
    });
  }
  let expression: RegExp;
  try {
    expression = new RegExp(pattern!, `u${[...new Set(flags)].join('')}`);
  } catch (error) {
    throw new UsageError('The pattern of a substitution is no regular expression', {
      found: pattern!,
      hint: (error as Error).message,
    });
  }
  // Behind the match and its groups come the position, the text, and groups by name.
  return name =>
    name.replace(expression, (...match) => {
      const end = match.findIndex(part => typeof part === 'number');
      return expand(replacement!, match.slice(0, end));
    });
}

/** Parts between delimiters. One behind a backslash is the character itself. */
function split(text: string, delimiter: string): string[] {
  const parts = [''];
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === delimiter) parts.push('');
    else if (character === '\\' && text[i + 1] === delimiter) {
      parts.push(parts.pop()! + delimiter);
      i++;
    } else if (character === '\\' && i + 1 < text.length) {
      parts.push(parts.pop()! + character + text[++i]!);
    } else parts.push(parts.pop()! + character);
  }
  return parts;
}

function expand(replacement: string, match: readonly (string | undefined)[]): string {
  return replacement.replace(/\\(.)|&/gsu, (all, escaped: string | undefined) => {
    if (escaped === undefined) return match[0]!;
    return /\d/.test(escaped) ? (match[Number(escaped)] ?? '') : all.slice(1);
  });
}
