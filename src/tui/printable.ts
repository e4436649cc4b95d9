/**
 * Text of untrusted files made safe to print. A name in a checkpoint may hold terminal escapes that move the
 * cursor, recolour or retitle the window, or answer back into the shell, and marks that reorder or hide what is
 * shown.
 */

/**
 * C0 and C1 controls with DEL (U+009B alone begins an escape sequence), what breaks lines, what reorders text
 * (Unicode TR 9), what has no width and no shape, and lone surrogates, which UTF-8 cannot hold.
 */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}\p{Surrogate}]/gu;

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** `text` on one line, with unsafe characters as the escapes of Python's `repr`: `\x1b`, `\u202e`. */
export function printable(text: string): string {
  // Nearly all text is ASCII: this look at it takes a tenth of the time of the other.
  if (/^[ -~]*$/.test(text)) return text;
  return text.replace(UNSAFE, character => SHORT[character] ?? escaped(character.codePointAt(0)!));
}

/** Text of several lines, each made {@link printable}. */
export function printableLines(text: string): string {
  if (/^[\n -~]*$/.test(text)) return text;
  return text.split('\n').map(printable).join('\n');
}

/** A copy of plain data with every text in it printable. Keys are ours and stay. */
export function printableDeep<T>(value: T): T {
  if (typeof value === 'string') return printable(value) as T;
  if (Array.isArray(value)) return value.map(printableDeep) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, printableDeep(item)])) as T;
}

/** JSON text in which unsafe characters are escapes too: the same document, safe on a terminal. */
export function printableJson(json: string): string {
  return json.replace(UNSAFE, character =>
    Array.from({ length: character.length }, (_, i) => `\\u${hex(character.charCodeAt(i), 4)}`).join(''),
  );
}

function escaped(codePoint: number): string {
  if (codePoint <= 0xff) return `\\x${hex(codePoint, 2)}`;
  return codePoint <= 0xffff ? `\\u${hex(codePoint, 4)}` : `\\U${hex(codePoint, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
