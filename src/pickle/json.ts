import { PyDict } from './dict.js';
import { PyFloat, PyList, type PyValue, textOf } from './values.js';

/**
 * A value as JSON, indented by 2, if Python's `json` reads exactly this value from it: dicts with text keys, lists,
 * text, ints, finite floats, True, False and None. Undefined for anything else: tuples, other objects, NaN, and
 * containers that stand in two places, which would become two.
 *
 * @param leafOf the value of a leaf that is no pickle value.
 */
export function toExactJson(
  tree: PyValue,
  leafOf: (value: PyValue) => PyValue | undefined = value => value,
): string | undefined {
  const seen = new Set<PyValue>();
  const enter = (container: PyValue): void => {
    if (seen.has(container)) throw NOT_EXACT;
    seen.add(container);
  };
  const print = (given: PyValue, indent: string): string => {
    const value = leafOf(given);
    if (value === null || typeof value === 'boolean') return String(value);
    if (typeof value === 'number' || typeof value === 'bigint') return String(value);
    if (value instanceof PyFloat) return floatJson(value.value);
    const text = textOf(value);
    if (text !== undefined) return textJson(text);
    const inner = `${indent}  `;
    if (value instanceof PyList) {
      enter(value);
      return block(
        '[',
        value.items.map(item => print(item, inner)),
        ']',
        indent,
      );
    }
    if (!(value instanceof PyDict)) throw NOT_EXACT;
    enter(value);
    const members = [...value.entries()].map(([key, item]) => {
      const name = textOf(key);
      if (name === undefined) throw NOT_EXACT;
      return `${textJson(name)}: ${print(item, inner)}`;
    });
    return block('{', members, '}', indent);
  };
  try {
    return `${print(tree, '')}\n`;
  } catch (error) {
    if (error === NOT_EXACT) return undefined;
    throw error;
  }
}

const NOT_EXACT = new Error('not exact in JSON');

function block(open: string, rows: readonly string[], close: string, indent: string): string {
  if (rows.length === 0) return open + close;
  return `${open}\n${rows.map(row => `${indent}  ${row}`).join(',\n')}\n${indent}${close}`;
}

/** The shortest digits that give the float back, with a point or an exponent: without them it would be an int. */
function floatJson(value: number): string {
  if (!Number.isFinite(value)) throw NOT_EXACT;
  if (Object.is(value, -0)) return '-0.0';
  const digits = String(value);
  return /[.e]/.test(digits) ? digits : `${digits}.0`;
}

function textJson(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw NOT_EXACT;
  return JSON.stringify(text);
}
