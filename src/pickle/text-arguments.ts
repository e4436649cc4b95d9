import { decodeLatin1, decodeUtf8, encodeLatin1, encodeUtf8, hasSurrogatePairBytes } from '../bytes.js';
import { FormatError } from '../errors.js';
import { decodeDecimal } from './integers.js';
import { PyFloat, PyStr, type PyValue } from './values.js';

/** Arguments of the opcodes of protocol 0 that hold text: the bytes of one line, without its newline. */

/** INT: decimal; `00` and `01` are False and True. */
export function decodeIntLine(line: Uint8Array): number | bigint | boolean {
  const text = decodeLatin1(line);
  return text === '00' ? false : text === '01' ? true : decodeDecimal(text.trim());
}

/** LONG: decimal that usually ends in L. */
export function decodeLongLine(line: Uint8Array): number | bigint {
  return decodeDecimal(decodeLatin1(line).replace(/L$/, '').trim());
}

const FLOAT = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;
const FLOAT_NAME = /^([-+]?)(?:(inf|infinity)|nan)$/i;

/** FLOAT: Python's repr of a float. */
export function decodeFloatLine(line: Uint8Array): PyFloat {
  const text = decodeLatin1(line);
  if (FLOAT.test(text)) return PyFloat.of(Number(text));
  const name = FLOAT_NAME.exec(text);
  if (name === null) {
    throw new FormatError('A float is not decimal text', { found: JSON.stringify(text.slice(0, 40)) });
  }
  const value = name[2] === undefined ? Number.NaN : Number.POSITIVE_INFINITY;
  return PyFloat.of(name[1] === '-' ? -value : value);
}

/**
 * UNICODE: Python's raw-unicode-escape. Every byte is the character of that number, except that `\uXXXX` and
 * `\UXXXXXXXX` name one by its code point; a backslash before anything else stays, with what follows it.
 * Two surrogates in a row stay two code points.
 */
export function decodeUnicodeLine(line: Uint8Array): string | PyStr {
  const characters = decodeLatin1(line).match(/\\u.{0,4}|\\U.{0,8}|\\?./gs) ?? [];
  const pieces = characters.map(piece => (/^\\[uU]/.test(piece) ? unescapeUnicode(piece) : piece));
  const text = pieces.join('');
  if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return text;
  const utf8 = Uint8Array.from(pieces.flatMap(piece => [...encodeUtf8(piece)]));
  return hasSurrogatePairBytes(utf8) ? new PyStr(text, utf8) : text;
}

function unescapeUnicode(sequence: string): string {
  const digits = sequence.slice(2);
  const codePoint = /^([\da-fA-F]{4}|[\da-fA-F]{8})$/.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
  if (digits.length !== (sequence[1] === 'u' ? 4 : 8) || !(codePoint <= 0x10ffff)) {
    throw new FormatError('A str has an escape that names no character', { found: JSON.stringify(sequence) });
  }
  return String.fromCodePoint(codePoint);
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** STRING: the repr of an 8-bit str of Python 2, in quotes of either kind. */
export function decodeStringLine(line: Uint8Array): Uint8Array {
  const literal = decodeLatin1(line).replace(/[ \t\r\n\v\f]+$/, '');
  const quote = literal[0];
  if (literal.length < 2 || (quote !== "'" && quote !== '"') || literal.at(-1) !== quote) {
    throw new FormatError('The argument of STRING is not in quotes', {
      found: JSON.stringify(literal.slice(0, 40)),
    });
  }
  const text = literal
    .slice(1, -1)
    .replace(/\\(?:x(.{0,2})|([0-7]{1,3})|(.?))/gs, (whole, hex, octal, simple) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      if (hex !== undefined && /^[\da-fA-F]{2}$/.test(hex))
        return String.fromCharCode(Number.parseInt(hex, 16));
      if (hex !== undefined || simple === '') {
        throw new FormatError('An 8-bit str has a broken escape', { found: JSON.stringify(whole) });
      }
      return SIMPLE_ESCAPES[simple] ?? whole;
    });
  return encodeLatin1(text)!;
}

/**
 * How the 8-bit str of Python 2 are read: as text in this encoding, or left as bytes. `utf-8 or bytes`: as text where
 * they are UTF-8, and left as bytes where they are not, as numpy's data are.
 */
export type Python2Strings = 'utf-8' | 'latin1' | 'bytes' | 'utf-8 or bytes';

/** The value of STRING, BINSTRING, SHORT_BINSTRING. @throws FormatError where it is not UTF-8. */
export function decodeEightBitString(bytes: Uint8Array, as: Python2Strings): PyValue {
  if (as === 'bytes') return bytes;
  if (as === 'latin1') return decodeLatin1(bytes);
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    if (as === 'utf-8 or bytes') return bytes;
    throw new FormatError('A str of Python 2 is not UTF-8', {
      hint: 'The pickle was written by Python 2 and holds 8-bit data: read it with latin1.',
      cause: error,
    });
  }
}
