import { FormatError, LimitError } from '../errors.js';

/** Values inside values that nobody asked for may be so deep. */
const MAX_DEPTH = 64;

/**
 * Reads JSON text of a known shape from front to back. `JSON.parse` will not do: of two members with one name it
 * silently keeps the last, and it does not tell `1` from `1.0`. Everything else is as strict as RFC 8259.
 *
 * All methods throw FormatError with the character's position as `byteOffset` (the same number for ASCII).
 */
export class JsonCursor {
  private at = 0;

  constructor(private readonly text: string) {}

  /** Reads an object; `onMember` must read the member's value. Two members of one name are refused. */
  object(onMember: (name: string) => void): void {
    this.expect('{', 'an object');
    const seen = new Set<string>();
    if (this.take('}')) return;
    do {
      this.skipBlanks();
      const start = this.at;
      const name = this.string();
      if (seen.has(name)) {
        throw new FormatError('Two members of a JSON object have the same name', {
          found: shorten(name),
          byteOffset: start,
        });
      }
      seen.add(name);
      this.expect(':', '":"');
      onMember(name);
    } while (this.take(','));
    this.expect('}', '"," or "}"');
  }

  /** Reads an array; `onItem` must read the item. */
  array(onItem: () => void): void {
    this.expect('[', 'an array');
    if (this.take(']')) return;
    do onItem();
    while (this.take(','));
    this.expect(']', '"," or "]"');
  }

  string(): string {
    this.skipBlanks();
    const start = this.at;
    if (this.text[start] !== '"') throw this.unexpected('a string');
    let hasEscapes = false;
    let end = start + 1;
    for (; ; end++) {
      const unit = this.text.charCodeAt(end);
      if (unit === QUOTE) break;
      if (unit === BACKSLASH) {
        hasEscapes = true;
        end++;
      } else if (!(unit >= 0x20)) {
        // NaN at the end of the text; control characters must be escaped.
        this.at = Math.min(end, this.text.length);
        throw this.unexpected('the rest of a string');
      }
    }
    this.at = end + 1;
    return hasEscapes ? this.unescape(start, this.at) : this.text.slice(start + 1, end);
  }

  private unescape(start: number, end: number): string {
    let text: string;
    try {
      text = JSON.parse(this.text.slice(start, end)) as string;
    } catch {
      throw new FormatError('A JSON string has an escape that is not known', { byteOffset: start });
    }
    if (!LONE_SURROGATE.test(text)) return text;
    throw new FormatError('A JSON string holds half of a surrogate pair', { byteOffset: start });
  }

  /** A number that is written as an integer ≥ 0. @throws LimitError for one that a double does not hold. */
  integer(): number {
    this.skipBlanks();
    const start = this.at;
    NUMBER.lastIndex = start;
    const token = NUMBER.exec(this.text)?.[0];
    if (token === undefined || !/^\d+$/.test(token)) throw this.unexpected('an integer ≥ 0');
    this.at += token.length;
    const value = Number(token);
    if (Number.isSafeInteger(value)) return value;
    throw new LimitError('A number is larger than any length can be', {
      expected: `${Number.MAX_SAFE_INTEGER} at most`,
      found: token.slice(0, 40),
      byteOffset: start,
    });
  }

  /** Reads `null` if it stands here. */
  takeNull(): boolean {
    this.skipBlanks();
    if (!this.text.startsWith('null', this.at)) return false;
    this.at += 4;
    return true;
  }

  /** Reads a value of any kind, and forgets it. */
  skipValue(depth = 0): void {
    if (depth > MAX_DEPTH) throw new LimitError('JSON values are nested too deep', { byteOffset: this.at });
    this.skipBlanks();
    const first = this.text[this.at];
    if (first === '{') this.object(() => this.skipValue(depth + 1));
    else if (first === '[') this.array(() => this.skipValue(depth + 1));
    else if (first === '"') this.string();
    else {
      SCALAR.lastIndex = this.at;
      const token = SCALAR.exec(this.text)?.[0];
      if (token === undefined) throw this.unexpected('a value');
      this.at += token.length;
    }
  }

  /** Requires that nothing but blanks is left. */
  end(): void {
    this.skipBlanks();
    if (this.at < this.text.length) throw this.unexpected('nothing more');
  }

  private take(character: string): boolean {
    this.skipBlanks();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private expect(character: string, what: string): void {
    if (!this.take(character)) throw this.unexpected(what);
  }

  private skipBlanks(): void {
    for (let unit = this.text.charCodeAt(this.at); isBlank(unit); unit = this.text.charCodeAt(++this.at));
  }

  private unexpected(expected: string): FormatError {
    const rest = this.text.slice(this.at, this.at + 20);
    return new FormatError('The JSON is not what the format asks for', {
      expected,
      found: rest === '' ? 'the end' : JSON.stringify(rest),
      byteOffset: this.at,
    });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Sticky: they match only where the cursor is. */
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const LONE_SURROGATE = /\p{Surrogate}/u;

function isBlank(unit: number): boolean {
  return unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;
}

function shorten(name: string): string {
  return JSON.stringify(name.length <= 100 ? name : `${name.slice(0, 100)}…`);
}
