import { decodeLatin1 } from '../bytes.js';

/** What Python's `repr` prints of floats, str and bytes. */

/** `repr` of a float: the shortest digits that give it back, with an exponent below 1e-4 and from 1e16. */
export function floatLiteral(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.0';
  const [digits, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    const sign = exponent < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
}

/** What `repr` of a str does not show as it is: controls, separators other than the space, unassigned, surrogates. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** ASCII in which nothing is escaped: as nearly all names are. */
const PLAIN = /^[ -&(-[\]-~]*$/;

/** `repr` of a str. */
export function textLiteral(text: string): string {
  return PLAIN.test(text) ? `'${text}'` : quote(text, UNPRINTABLE);
}

/** `repr` of a bytes object. */
export function bytesLiteral(bytes: Uint8Array): string {
  return `b${quote(decodeLatin1(bytes), /[^\x20-\x7e]/g)}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '\r': '\\r' };

function quote(text: string, unprintable: RegExp): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll(mark, `\\${mark}`)
    .replace(unprintable, character => ESCAPES[character] ?? escapeOf(character.codePointAt(0)!));
  return mark + escaped + mark;
}

function escapeOf(codePoint: number): string {
  const digits = codePoint.toString(16);
  if (codePoint <= 0xff) return `\\x${digits.padStart(2, '0')}`;
  return codePoint <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}
