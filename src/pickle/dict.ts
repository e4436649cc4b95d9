import { decodeLatin1 } from '../bytes.js';
import { FormatError, LimitError } from '../errors.js';
import {
  PyByteArray,
  PyExternal,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from './values.js';

/** Up to so many entries a key is looked for one by one; beyond, through a Map. */
const LINEAR_ENTRIES = 8;

/** What new dicts begin with, so that none makes an array which it soon replaces. Never changed. */
const NO_ENTRIES: PyValue[] = [];

/**
 * A Python dict: any hashable key, in insertion order. Keys compare as {@link dictKey} says; a key that is set
 * again keeps its place and its first object, as in Python. Small dicts are one array and nothing else, because
 * the index of a large checkpoint has millions of two or three entries.
 */
export class PyDict {
  /** Keys and values in turn. */
  private flat: PyValue[] = NO_ENTRIES;
  /** Position in `flat` of each key; made when a key of a dict that is not small is looked for. */
  private index: Map<DictKey, number> | undefined;

  static of(pairs: Iterable<readonly [PyValue, PyValue]>): PyDict {
    const dict = new PyDict();
    for (const [key, value] of pairs) dict.set(key, value);
    return dict;
  }

  get size(): number {
    return this.flat.length / 2;
  }

  /** Keys and values in turn: for loops that must not make an array for each entry. */
  get alternating(): readonly PyValue[] {
    return this.flat;
  }

  /** @throws FormatError, as every method that takes a key, where Python cannot hash it. */
  get(key: PyValue): PyValue | undefined {
    const position = this.find(key);
    return position < 0 ? undefined : this.flat[position + 1];
  }

  has(key: PyValue): boolean {
    return this.find(key) >= 0;
  }

  /** The value under a str key. */
  getText(name: string): PyValue | undefined {
    const { flat } = this;
    if (flat.length > 2 * LINEAR_ENTRIES) return this.get(name);
    for (let i = 0; i < flat.length; i += 2) if (plainText(flat[i]!) === name) return flat[i + 1];
    return undefined;
  }

  set(key: PyValue, value: PyValue): void {
    const position = this.find(key);
    if (position >= 0) {
      this.flat[position + 1] = value;
      return;
    }
    this.index?.set(dictKey(key), this.flat.length);
    this.append(key, value);
  }

  /**
   * Sets the keys and values that lie in turn in `values[start, end)`, as a pickle does: keys may take their values
   * themselves. Keys for which `isNew` is true are known not to be there yet.
   */
  setAlternating(
    values: readonly PyValue[],
    start: number,
    end: number,
    isNew?: (key: PyValue) => boolean,
  ): void {
    if (this.flat.length === 0 && end - start <= 2 * LINEAR_ENTRIES && areDistinctTexts(values, start, end)) {
      this.flat = values.slice(start, end);
      return;
    }
    for (let i = start; i < end; i += 2) {
      const key = values[i]!;
      if (key instanceof PyExternal && key.takeValue?.(this, values[i + 1]!) === true) continue;
      if (this.index === undefined && isNew?.(key)) this.append(key, values[i + 1]!);
      else this.set(key, values[i + 1]!);
    }
  }

  delete(key: PyValue): boolean {
    const position = this.find(key);
    if (position < 0) return false;
    this.flat.splice(position, 2);
    this.index = undefined;
    return true;
  }

  *entries(): IterableIterator<[PyValue, PyValue]> {
    for (let i = 0; i < this.flat.length; i += 2) yield [this.flat[i]!, this.flat[i + 1]!];
  }

  *keys(): IterableIterator<PyValue> {
    for (let i = 0; i < this.flat.length; i += 2) yield this.flat[i]!;
  }

  *values(): IterableIterator<PyValue> {
    for (let i = 0; i < this.flat.length; i += 2) yield this.flat[i + 1]!;
  }

  private append(key: PyValue, value: PyValue): void {
    if (this.flat === NO_ENTRIES) this.flat = [key, value];
    else this.flat.push(key, value);
  }

  /** Position of a key in `flat`, or −1. */
  private find(key: PyValue): number {
    const { flat } = this;
    if (flat.length > 2 * LINEAR_ENTRIES) return (this.index ??= this.makeIndex()).get(dictKey(key)) ?? -1;
    const text = plainText(key);
    if (text !== undefined) {
      for (let i = 0; i < flat.length; i += 2) if (plainText(flat[i]!) === text) return i;
      return -1;
    }
    const wanted = dictKey(key);
    for (let i = 0; i < flat.length; i += 2) if (dictKey(flat[i]!) === wanted) return i;
    return -1;
  }

  private makeIndex(): Map<DictKey, number> {
    const index = new Map<DictKey, number>();
    for (let i = 0; i < this.flat.length; i += 2) index.set(dictKey(this.flat[i]!), i);
    return index;
  }
}

/** Whether the keys are str, no two alike: the usual case, for which no key need be looked up. */
function areDistinctTexts(values: readonly PyValue[], start: number, end: number): boolean {
  for (let i = start; i < end; i += 2) {
    const key = values[i]!;
    const text = plainText(key);
    if (text === undefined) return false;
    for (let j = start; j < i; j += 2) if (values[j] === key || plainText(values[j]!) === text) return false;
  }
  return true;
}

function plainText(value: PyValue): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof PyStr && value.utf8 === undefined ? value.text : undefined;
}

/**
 * What stands for a dict key in a JavaScript Map: two keys are equal in Python exactly if these are the same.
 * Text stands for itself. Values that Python compares by content and JavaScript by identity become text that
 * begins with NUL (and text that begins with NUL gets a prefix of its own).
 */
export type DictKey = string | number | null | object;

/** Parts of one key: a tuple of tuples can name itself many times over and be exponentially large as text. */
const MAX_PARTS = 100_000;
/** Tuples inside tuples. */
const MAX_DEPTH = 500;
/** Keys longer than this are remembered, so that a large key that is used often is written out once. */
const REMEMBERED_LENGTH = 64;

const remembered = new WeakMap<object, string>();

/**
 * Python's rules: numbers of all types compare by value (1 == 1.0 == True, −0.0 == 0), str, bytes, tuple,
 * frozenset by content, NaN and everything else by identity. Classes and functions are compared by name,
 * since Python has one object for each. Objects with a comparison of their own cannot be known: identity.
 * @throws FormatError for values that Python cannot hash. LimitError for keys that are absurdly large.
 */
export function dictKey(value: PyValue): DictKey {
  switch (typeof value) {
    case 'string':
      return value.charCodeAt(0) === 0 ? `\0s${value}` : value;
    case 'number':
      return value;
    case 'boolean':
      return value ? 1 : 0;
    case 'bigint':
      return integerKey(value);
  }
  if (value === null) return null;
  if (value instanceof PyFloat) return floatKey(value);
  if (value instanceof PyStr && value.utf8 === undefined) return dictKey(value.text);
  if (!isCompared(value)) {
    refuseUnhashable(value);
    return value;
  }
  const known = remembered.get(value);
  if (known !== undefined) return known;
  const key = `\0${partOf(value, { parts: 0 }, 0)}`;
  if (key.length > REMEMBERED_LENGTH) remembered.set(value, key);
  return key;
}

/** Values with content that JavaScript does not compare. */
function isCompared(value: PyValue): value is PyTuple | PyFrozenSet | PyGlobal | PyStr | Uint8Array {
  return (
    value instanceof PyTuple ||
    value instanceof PyFrozenSet ||
    value instanceof PyGlobal ||
    value instanceof PyStr ||
    value instanceof Uint8Array
  );
}

function integerKey(value: bigint): number | string {
  const isSafe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return isSafe ? Number(value) : `\0i${value.toString(16)}`;
}

function floatKey(float: PyFloat): number | string | PyFloat {
  const { value } = float;
  if (Number.isNaN(value)) return float;
  if (value === 0) return 0;
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? integerKey(BigInt(value)) : value;
}

function refuseUnhashable(value: PyValue): void {
  const type =
    value instanceof PyList
      ? 'list'
      : value instanceof PyDict
        ? 'dict'
        : value instanceof PySet
          ? 'set'
          : value instanceof PyByteArray
            ? 'bytearray'
            : undefined;
  if (type !== undefined) throw new FormatError(`A ${type} cannot be a dict key: Python cannot hash it`);
}

/** One part of a composite key: its kind, and its content so delimited that no two contents read alike. */
function partOf(value: PyValue, budget: { parts: number }, depth: number): string {
  if (++budget.parts > MAX_PARTS || depth > MAX_DEPTH) {
    throw new LimitError('A tuple used as dict key is too large', {
      expected: `${MAX_PARTS} parts and ${MAX_DEPTH} levels at most`,
    });
  }
  if (value instanceof PyTuple) {
    return `(${value.items.map(item => partOf(item, budget, depth + 1)).join('')})`;
  }
  if (value instanceof PyFrozenSet) {
    const parts = value.items.map(item => partOf(item, budget, depth + 1));
    return `{${parts.sort().join('')}}`;
  }
  if (value instanceof PyGlobal) return `g${value.path.length}:${value.module}\0${value.name}`;
  if (value instanceof Uint8Array) return `b${value.length}:${decodeLatin1(value)}`;
  if (value instanceof PyStr && value.utf8 !== undefined) {
    return `x${value.utf8.length}:${decodeLatin1(value.utf8)}`;
  }
  const key = dictKey(value);
  if (key === null) return 'N';
  if (typeof key === 'string') return `s${key.length}:${key}`;
  if (typeof key === 'number') return `n${key};`;
  return `o${identityOf(key)};`;
}

const identities = new WeakMap<object, number>();
let identityCount = 0;

function identityOf(value: object): number {
  let identity = identities.get(value);
  if (identity === undefined) identities.set(value, (identity = ++identityCount));
  return identity;
}
