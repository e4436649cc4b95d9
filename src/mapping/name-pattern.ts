import { FormatError } from '../errors.js';

/** What fills the holes of a pattern. Of a hole for numbers, a number. */
export type Holes = ReadonlyMap<string, string>;

const HOLE = /\{([A-Za-z_]\w*)(?::(word|any))?\}/g;
const MATCHES = { number: '(0|[1-9]\\d*)', word: '([^.]+)', any: '(.+)' } as const;

/**
 * FQNs with named holes: `layers.{i}.wq.weight`. A hole stands for a number as Python prints it; `{name:word}` for
 * text without dots, `{name:any}` for any text.
 */
export class NamePattern {
  readonly holes: readonly string[];
  /** Holes that stand for numbers: those that can be counted over. */
  readonly numbers: ReadonlySet<string>;
  private readonly expression: RegExp;
  /** Text and holes by turns, beginning and ending with text. */
  private readonly pieces: readonly string[];

  /** @throws FormatError for braces that are no hole, and a hole that stands twice. */
  constructor(readonly text: string) {
    const holes: string[] = [];
    const numbers = new Set<string>();
    const pieces: string[] = [];
    let source = '';
    let end = 0;
    for (const match of text.matchAll(HOLE)) {
      const [all, name, kind] = match as unknown as [string, string, 'word' | 'any' | undefined];
      const before = text.slice(end, match.index);
      pieces.push(before, name);
      source += escaped(before) + MATCHES[kind ?? 'number'];
      if (holes.includes(name)) {
        throw new FormatError('A hole of the pattern stands twice', { found: `{${name}} in ${text}` });
      }
      holes.push(name);
      if (kind === undefined) numbers.add(name);
      end = match.index + all.length;
    }
    pieces.push(text.slice(end));
    source += escaped(text.slice(end));
    const braced = pieces.some((piece, k) => k % 2 === 0 && /[{}]/.test(piece));
    if (braced || text === '') {
      throw new FormatError('The pattern is not understood', {
        expected: 'a name with holes such as {i}, {name:word} or {name:any}',
        found: JSON.stringify(text),
      });
    }
    this.holes = holes;
    this.numbers = numbers;
    this.pieces = pieces;
    this.expression = new RegExp(`^${source}$`, 'su');
  }

  /** What the holes stand for in a name; undefined where it is no such name. */
  match(name: string): Holes | undefined {
    const match = this.expression.exec(name);
    return match === null ? undefined : new Map(this.holes.map((hole, k) => [hole, match[k + 1]!]));
  }

  /** The name with these holes. Holes that are not given stay as they are, for messages. */
  fill(holes: Holes): string {
    return this.pieces.map((piece, k) => (k % 2 === 0 ? piece : (holes.get(piece) ?? `{${piece}}`))).join('');
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
