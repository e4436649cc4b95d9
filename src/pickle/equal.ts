import { kindOf } from './build.js';
import { childrenOf } from './depth.js';
import { type DictKey, dictKey, PyDict } from './dict.js';
import { plainInteger } from './integers.js';
import { toPythonLiteral } from './literal.js';
import {
  PyByteArray,
  PyExternal,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  PyPersistentId,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from './values.js';

export interface EqualOptions {
  /** Containers that are one object on one side must be one object on the other. Default true. */
  identity?: boolean;
  /** Dicts must have their keys in the same order. Default true. Sets have none. */
  dictOrder?: boolean;
  /**
   * Whether two leaves that are not pickle values are equal, or what is unlike. Default: if they are the same object.
   */
  external?: (a: PyExternal, b: PyExternal) => boolean | string;
  /** What to compare in the place of a value of either side: the value itself, or a leaf that stands for it. */
  replace?: (value: PyValue, side: 'a' | 'b') => PyValue;
}

/** Where two values part. */
export interface Difference {
  /** As Python would write it after the name of the value: `['optim'][0].state`. */
  path: string;
  what: string;
}

/** Two values to compare, and how they were reached. */
interface Pair {
  a: PyValue;
  b: PyValue;
  parent: Pair | undefined;
  /** The name of a part; or, behind a blank, which key or item of a set; undefined for what `key` finds. */
  name: string | undefined;
  key: PyValue;
}

/** The first difference between two values, in the order in which pickle writes them; undefined if they are equal. */
export function findDifference(a: PyValue, b: PyValue, options: EqualOptions = {}): Difference | undefined {
  const open: Pair[] = [{ a, b, parent: undefined, name: '', key: null }];
  const met = new Meetings(options.identity ?? true);
  for (let pair = open.pop(); pair !== undefined; pair = open.pop()) {
    const found = comparePair(pair, met, options);
    if (typeof found === 'string') return { path: pathOf(pair), what: found };
    for (let i = found.length - 1; i >= 0; i--) open.push(found[i]!);
  }
  return undefined;
}

/** What differs in the two values themselves, or else the parts that are left to compare. */
function comparePair(pair: Pair, met: Meetings, options: EqualOptions): string | Pair[] {
  const a = options.replace === undefined ? pair.a : options.replace(pair.a, 'a');
  const b = options.replace === undefined ? pair.b : options.replace(pair.b, 'b');
  if (a instanceof PyObject && b instanceof PyObject) {
    const meeting = met.meet(a, b);
    return meeting === 'first' ? objectParts(pair, a, b) : meeting === 'again' ? [] : meeting;
  }
  const children = childrenOf(a);
  if (children === undefined) return comparePlain(a, b, met, options);
  const others = childrenOf(b);
  if (others === undefined || a?.constructor !== b?.constructor) return unlike(a, b);
  if (children.length === 0 && others.length === 0 && a instanceof PyTuple) return [];
  if (!(a instanceof PyPersistentId)) {
    const meeting = met.meet(a, b);
    if (meeting !== 'first') return meeting === 'again' ? [] : meeting;
  }
  if (a instanceof PySet || a instanceof PyFrozenSet) {
    const [own, theirs] = [distinct(children), distinct(others)];
    return own.length === theirs.length ? matched(pair, own, theirs, 1) : sizes(own, theirs);
  }
  if (a instanceof PyDict) {
    if (children.length !== others.length) return sizes([...a.keys()], [...(b as PyDict).keys()]);
    return options.dictOrder === false
      ? matched(pair, children, others, 2)
      : entries(pair, children, others, 2);
  }
  if (a instanceof PyPersistentId) return [part(pair, 'id', children[0]!, others[0]!)];
  return children.length === others.length ? items(pair, children, others) : sizes(children, others);
}

function comparePlain(a: PyValue, b: PyValue, met: Meetings, options: EqualOptions): string | Pair[] {
  if (a instanceof PyByteArray && b instanceof PyByteArray) {
    const meeting = met.meet(a, b);
    if (meeting !== 'first' && meeting !== 'again') return meeting;
    return isSame(a.bytes, b.bytes) ? [] : unlike(a, b);
  }
  if (a instanceof PyExternal && b instanceof PyExternal) {
    const verdict = options.external?.(a, b) ?? a === b;
    if (typeof verdict === 'string') return verdict;
    return verdict ? [] : unlike(a, b);
  }
  return isSame(a, b) ? [] : unlike(a, b);
}

/** Equality of values without parts: type and content; floats by their bits. */
function isSame(a: PyValue, b: PyValue): boolean {
  if (typeof a === 'bigint' || typeof b === 'bigint') return integerOf(a) === integerOf(b);
  if (a instanceof PyFloat) return b instanceof PyFloat && a.high === b.high && a.low === b.low;
  if (a instanceof Uint8Array) {
    return b instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i]);
  }
  if (a instanceof PyGlobal) return b instanceof PyGlobal && a.module === b.module && a.name === b.name;
  if (isText(a)) return isText(b) && dictKey(a) === dictKey(b);
  return a === b;
}

function integerOf(value: PyValue): PyValue {
  return typeof value === 'bigint' ? plainInteger(value) : value;
}

function isText(value: PyValue): boolean {
  return typeof value === 'string' || value instanceof PyStr;
}

function objectParts(pair: Pair, a: PyObject, b: PyObject): string | Pair[] {
  if (a.how !== b.how) return `made by ${a.how} here, by ${b.how} there`;
  const parts: Pair[] = [];
  for (const name of [
    'callable',
    'args',
    'kwargs',
    'listItems',
    'dictItems',
    'stateSetter',
    'state',
  ] as const) {
    const [left, right] = [partOf(a, name), partOf(b, name)];
    if (left === undefined && right === undefined) continue;
    if (left === undefined || right === undefined)
      return `${name} only ${left === undefined ? 'there' : 'here'}`;
    parts.push(part(pair, name, left, right));
  }
  return parts;
}

/** A part of an object as one value. Lists of items are made for the purpose, and met once. */
function partOf(object: PyObject, name: Exclude<keyof PyObject, 'how'>): PyValue | undefined {
  if (name === 'listItems') return object.listItems && new PyList(object.listItems);
  if (name === 'dictItems') return object.dictItems && new PyList(object.dictItems.flat());
  return object[name];
}

function part(parent: Pair, name: string, a: PyValue, b: PyValue): Pair {
  return { a, b, parent, name, key: null };
}

function items(parent: Pair, a: readonly PyValue[], b: readonly PyValue[]): Pair[] {
  return a.map((item, i) => ({ a: item, b: b[i]!, parent, name: undefined, key: i }));
}

/** Keys and values of two dicts, or items of two sets (`width` 1), in order. */
function entries(parent: Pair, a: readonly PyValue[], b: readonly PyValue[], width: 1 | 2): Pair[] {
  return a.map((item, i) => {
    const key = a[i - (i % width)]!;
    const isKey = i % width === 0;
    const name = isKey ? ` ${width === 1 ? 'item' : 'key'} ${toPythonLiteral(key)}` : undefined;
    return { a: item, b: b[i]!, parent, name, key };
  });
}

/** Pickles may add an item to a set twice. Python keeps the first. */
function distinct(items: readonly PyValue[]): PyValue[] {
  const byKey = new Map<DictKey, PyValue>();
  for (const item of items) if (!byKey.has(dictKey(item))) byKey.set(dictKey(item), item);
  return [...byKey.values()];
}

/**
 * Entries of dicts or sets in any order: those whose keys Python compares by content are looked up, the others
 * are taken in order. `width` is 2 for keys and values in turn.
 */
function matched(parent: Pair, a: readonly PyValue[], b: readonly PyValue[], width: 1 | 2): string | Pair[] {
  const positions = new Map<DictKey, number>();
  for (let i = 0; i < b.length; i += width) positions.set(dictKey(b[i]!), i);
  const pairs: Pair[] = [];
  const unmatched: number[] = [];
  for (let i = 0; i < a.length; i += width) {
    const key = dictKey(a[i]!);
    const at = positions.get(key);
    if (at === undefined) unmatched.push(i);
    else pairs.push(...entry(parent, a, i, b, at, width));
    positions.delete(key);
  }
  const rest = [...positions.values()];
  for (const [n, i] of unmatched.entries()) {
    const at = rest[n]!;
    if (typeof dictKey(a[i]!) !== 'object' && childrenOf(a[i]!) === undefined) {
      return `${toPythonLiteral(a[i]!)} only here, ${toPythonLiteral(b[at]!)} only there`;
    }
    pairs.push(...entry(parent, a, i, b, at, width));
  }
  return pairs;
}

function entry(
  parent: Pair,
  a: readonly PyValue[],
  i: number,
  b: readonly PyValue[],
  j: number,
  width: 1 | 2,
): Pair[] {
  return entries(parent, a.slice(i, i + width), b.slice(j, j + width), width);
}

/** Remembers which containers of one side were compared with which of the other. */
class Meetings {
  private readonly partners = new Map<PyValue, Set<PyValue>>();
  private readonly reverse = new Map<PyValue, PyValue>();

  constructor(private readonly isOneToOne: boolean) {}

  /** `first`, `again`, or what differs: one of them was met with another partner. */
  meet(a: PyValue, b: PyValue): string {
    const partners = this.partners.get(a);
    if (partners?.has(b)) return 'again';
    if (this.isOneToOne) {
      if (partners !== undefined) return 'one object here is two there';
      if (this.reverse.has(b)) return 'two objects here are one there';
      this.reverse.set(b, a);
    }
    if (partners === undefined) this.partners.set(a, new Set([b]));
    else partners.add(b);
    return 'first';
  }
}

function sizes(a: readonly PyValue[], b: readonly PyValue[]): string {
  return `${a.length} items here, ${b.length} there`;
}

function unlike(a: PyValue, b: PyValue): string {
  const [left, right] = [toPythonLiteral(a), toPythonLiteral(b)];
  return left === right ? `${kindOf(a)} ${left} here, ${kindOf(b)} there` : `${left} here, ${right} there`;
}

function pathOf(pair: Pair): string {
  const steps: string[] = [];
  for (let at: Pair | undefined = pair; at?.parent !== undefined; at = at.parent) {
    const { name, key } = at;
    steps.push(name === undefined ? `[${toPythonLiteral(key)}]` : name.startsWith(' ') ? name : `.${name}`);
  }
  return steps.reverse().join('');
}
