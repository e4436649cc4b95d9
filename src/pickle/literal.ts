import { decodeLatin1 } from '../bytes.js';
import { PyDict } from './dict.js';
import {
  PyByteArray,
  PyExternal,
  PyFloat,
  type PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  PyPersistentId,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
  textOf,
} from './values.js';

export interface LiteralOptions {
  /** Longer texts are cut and end in `...`. Default 200 characters. */
  maxLength?: number;
  /** How to show leaves that are not pickle values. Default: the name of their class in angle brackets. */
  external?: (value: PyExternal) => string;
}

/** Containers deeper than this are shown as `...`. */
const MAX_DEPTH = 100;

/**
 * A value as Python's `repr` would show it: `{'lr': 0.001, 'betas': (0.9, 0.999)}`. Objects are shown as calls
 * with what they were made from: `collections.OrderedDict({'a': 1})`, `argparse.Namespace(lr=0.1)`.
 */
export function toPythonLiteral(value: PyValue, options: LiteralOptions = {}): string {
  const maxLength = options.maxLength ?? 200;
  const printer = new Printer(maxLength, options);
  printer.value(value);
  if (printer.text.length <= maxLength) return printer.text;
  // No half of a surrogate pair is left behind.
  return `${printer.text.slice(0, Math.max(0, maxLength - 3)).replace(/[\ud800-\udbff]$/, '')}...`;
}

class Printer {
  text = '';
  private readonly open = new Set<PyValue>();

  constructor(
    private readonly maxLength: number,
    private readonly options: LiteralOptions,
  ) {}

  value(value: PyValue): void {
    if (value === null) this.text += 'None';
    else if (typeof value === 'boolean') this.text += value ? 'True' : 'False';
    else if (typeof value === 'number' || typeof value === 'bigint') this.text += String(value);
    else if (typeof value === 'string') this.text += textLiteral(this.part(value));
    else if (value instanceof PyStr) this.text += textLiteral(this.part(value.text));
    else if (value instanceof PyFloat) this.text += floatLiteral(value.value);
    else if (value instanceof Uint8Array) this.text += this.bytes(value);
    else if (value instanceof PyByteArray) this.text += `bytearray(${this.bytes(value.bytes)})`;
    else if (value instanceof PyGlobal) this.text += globalName(value);
    else if (value instanceof PyExternal)
      this.text += this.options.external?.(value) ?? `<${value.constructor.name}>`;
    else this.container(value);
  }

  private container(
    value: PyTuple | PyList | PyDict | PySet | PyFrozenSet | PyObject | PyPersistentId,
  ): void {
    const isAgain = this.open.has(value) || this.open.size >= MAX_DEPTH;
    this.open.add(value);
    const inside = (body: () => void): void => {
      if (isAgain) this.text += '...';
      else body();
    };
    if (value instanceof PyTuple) {
      this.text += '(';
      inside(() => this.items(value.items));
      this.text += value.items.length === 1 && !isAgain ? ',)' : ')';
    } else if (value instanceof PyList) {
      this.text += '[';
      inside(() => this.items(value.items));
      this.text += ']';
    } else if (value instanceof PyDict) {
      this.text += '{';
      inside(() => this.pairs(value.entries()));
      this.text += '}';
    } else if (value instanceof PyPersistentId) {
      this.text += '<persistent id ';
      inside(() => this.value(value.id));
      this.text += '>';
    } else if (value instanceof PyObject) {
      inside(() => this.object(value));
    } else {
      const [start, end] = value instanceof PySet ? ['{', '}'] : ['frozenset({', '})'];
      if (value.items.length === 0) {
        this.text += value instanceof PySet ? 'set()' : 'frozenset()';
      } else {
        this.text += start;
        inside(() => this.items(value.items));
        this.text += end;
      }
    }
    if (!isAgain) this.open.delete(value);
  }

  /** Whether there is no use in going on. */
  private get isFull(): boolean {
    return this.text.length > this.maxLength;
  }

  private items(items: readonly PyValue[]): void {
    this.separated(items, item => this.value(item));
  }

  private pairs(pairs: Iterable<readonly [PyValue, PyValue]>): void {
    this.separated(pairs, ([key, value]) => {
      this.value(key);
      this.text += ': ';
      this.value(value);
    });
  }

  private separated<T>(parts: Iterable<T>, print: (part: T) => void): void {
    let isFirst = true;
    for (const part of parts) {
      if (this.isFull) return;
      if (!isFirst) this.text += ', ';
      isFirst = false;
      print(part);
    }
  }

  /** A call: arguments, then items as a list or dict, then the state as keyword arguments. */
  private object(object: PyObject): void {
    const { callable, args, kwargs, listItems, dictItems, state } = object;
    this.value(callable);
    const shown = args.items.slice(0, this.maxLength);
    const parts: (() => void)[] = shown.map(item => () => this.value(item));
    parts.push(...keywords(kwargs).map(keyword => () => this.keyword(keyword)));
    if (listItems !== undefined) parts.push(() => this.value(new PyList(listItems)));
    if (dictItems !== undefined) parts.push(() => this.dictItems(dictItems));
    for (const keyword of stateKeywords(state)) parts.push(() => this.keyword(keyword));
    this.text += '(';
    this.separated(parts, print => print());
    this.text += ')';
  }

  private dictItems(pairs: readonly [PyValue, PyValue][]): void {
    this.text += '{';
    this.pairs(pairs);
    this.text += '}';
  }

  private keyword([name, value]: readonly [string, PyValue]): void {
    this.text += `${name}=`;
    this.value(value);
  }

  /** As much of a long text as can be shown. */
  private part(text: string): string {
    return text.length > this.maxLength ? text.slice(0, this.maxLength) : text;
  }

  private bytes(bytes: Uint8Array): string {
    const shown = bytes.subarray(0, Math.min(bytes.length, this.maxLength));
    return `b${quote(decodeLatin1(shown), /[^\x20-\x7e]/g)}`;
  }
}

const NAME = /^[A-Za-z_]\w*$/;

/** More attributes than this are shown as a dict. */
const MAX_KEYWORDS = 100;

/** A dict whose keys are all names, as keyword arguments; none for any other. */
function keywords(dict: PyDict | undefined): [string, PyValue][] {
  if (dict !== undefined && dict.size > MAX_KEYWORDS) return [];
  const pairs: [string, PyValue][] = [];
  for (const [key, value] of dict?.entries() ?? []) pairs.push([textOf(key) ?? '', value]);
  return pairs.every(([name]) => NAME.test(name)) ? pairs : [];
}

/** State as keyword arguments: a dict of attributes, or (attributes or None, slots); any other as `state=`. */
function stateKeywords(state: PyValue | undefined): [string, PyValue][] {
  if (state === undefined) return [];
  const parts = state instanceof PyTuple && state.items.length === 2 ? state.items.filter(Boolean) : [state];
  const pairs: [string, PyValue][] = [];
  for (const part of parts) {
    if (!(part instanceof PyDict)) return [['state', state]];
    const named = keywords(part);
    if (named.length !== part.size) return [['state', state]];
    pairs.push(...named);
  }
  return pairs;
}

function globalName(global: PyGlobal): string {
  return global.module === 'builtins' ? global.name : global.path;
}

/** `repr` of a float: the shortest digits that give it back, with an exponent below 1e-4 and from 1e16. */
/** Python's `repr` of a float. */
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

function textLiteral(text: string): string {
  return quote(text, UNPRINTABLE);
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
