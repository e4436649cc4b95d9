import { bytesLiteral, floatLiteral, textLiteral } from './leaf-literal.js';
import { type DictItems, literalShapeOf } from './literal-shape.js';
import { PyByteArray, PyExternal, PyFloat, PyGlobal, PyStr, type PyValue } from './values.js';

export interface LeafOptions {
  /** How to show leaves that are not pickle values. Default: the name of their class in angle brackets. */
  external?: (value: PyExternal) => string;
  /** A text to show in place of a value and of all that it holds; undefined for what is to be shown as it is. */
  replace?: (value: PyValue) => string | undefined;
}

export interface LiteralOptions extends LeafOptions {
  /** Longer texts are cut and end in `...`. Default 200 characters. */
  maxLength?: number;
}

/** Containers deeper than this are shown as `...`. */
export const MAX_LITERAL_DEPTH = 100;

/**
 * A value as Python's `repr` would show it: `{'lr': 0.001, 'betas': (0.9, 0.999)}`. Objects are shown as calls
 * with what they were made from: `collections.OrderedDict({'a': 1})`, `argparse.Namespace(lr=0.1)`.
 */
export function toPythonLiteral(value: PyValue, options: LiteralOptions = {}): string {
  const maxLength = options.maxLength ?? 200;
  return literalWithin(value, maxLength, options) ?? cutLiteral(value, maxLength, options);
}

/** The literal on one line if it has at most `maxLength` characters. Longer ones are given up soon. */
export function literalWithin(
  value: PyValue | DictItems,
  maxLength: number,
  options: LeafOptions = {},
): string | undefined {
  const printer = new Printer(maxLength, options);
  printer.value(value);
  return printer.text.length <= maxLength ? printer.text : undefined;
}

function cutLiteral(value: PyValue, maxLength: number, options: LeafOptions): string {
  const printer = new Printer(maxLength, options);
  printer.value(value);
  // No half of a surrogate pair is left behind.
  return `${printer.text.slice(0, Math.max(0, maxLength - 3)).replace(/[\ud800-\udbff]$/, '')}...`;
}

/** The text of a value that holds no others; of long data the first `maxLength` characters or bytes. */
export function leafLiteral(
  value: PyValue | DictItems,
  maxLength: number,
  options: LeafOptions = {},
): string | undefined {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return textLiteral(value.slice(0, maxLength));
  if (value instanceof PyStr) return textLiteral(value.text.slice(0, maxLength));
  if (value instanceof PyFloat) return floatLiteral(value.value);
  if (value instanceof Uint8Array) return bytesLiteral(value.subarray(0, maxLength));
  if (value instanceof PyByteArray) return `bytearray(${bytesLiteral(value.bytes.subarray(0, maxLength))})`;
  if (value instanceof PyGlobal) return value.module === 'builtins' ? value.name : value.path;
  if (value instanceof PyExternal) return options.external?.(value) ?? `<${value.constructor.name}>`;
  return undefined;
}

class Printer {
  text = '';
  private readonly open = new Set<PyValue | DictItems>();

  constructor(
    private readonly maxLength: number,
    private readonly options: LeafOptions,
  ) {}

  value(value: PyValue | DictItems): void {
    const leaf = leafLiteral(value, this.maxLength, this.options);
    if (leaf !== undefined) this.text += leaf;
    else this.container(value);
  }

  private container(value: PyValue | DictItems): void {
    const { head, open, close, parts, isTuple } = literalShapeOf(value)!;
    const replaced = this.options.replace?.(value as PyValue);
    if (replaced !== undefined) {
      this.text += replaced;
      return;
    }
    if (this.open.has(value) || this.open.size >= MAX_LITERAL_DEPTH) {
      this.text += head === undefined ? `${open}...${close}` : '...';
      return;
    }
    this.open.add(value);
    if (head !== undefined) this.value(head);
    this.text += open;
    let count = 0;
    for (const { key, name, value: part } of parts) {
      // There is no use in going on where the text is too long already.
      if (this.text.length > this.maxLength) break;
      if (count++ > 0) this.text += ', ';
      if (name !== undefined) this.text += `${name}=`;
      if (key !== undefined) {
        this.value(key);
        this.text += ': ';
      }
      this.value(part);
    }
    this.text += (isTuple && count === 1 ? ',' : '') + close;
    this.open.delete(value);
  }
}
