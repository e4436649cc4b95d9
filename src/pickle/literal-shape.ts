import { PyDict } from './dict.js';
import {
  PyFrozenSet,
  PyList,
  PyObject,
  PyPersistentId,
  PySet,
  PyTuple,
  type PyValue,
  textOf,
} from './values.js';

/** A value that holds others, as it is written: parts, separated by commas, between an opening and a closing text. */
export interface LiteralShape {
  /** What stands in front of `open`: the class or function of a call. */
  head?: PyValue;
  open: string;
  close: string;
  parts: Iterable<LiteralPart>;
  /** Whether Python writes a comma behind a part that is the only one: `(1,)`. */
  isTuple: boolean;
}

export interface LiteralPart {
  /** `key: ` in front of the value. */
  key?: PyValue;
  /** `name=` in front of the value. */
  name?: string;
  value: PyValue | DictItems;
}

/** What an object that is no dict got by `object[key] = value`: shown as a dict. */
export class DictItems {
  constructor(readonly pairs: readonly [PyValue, PyValue][]) {}
}

/** How a value is written that holds others; undefined for all else. */
export function literalShapeOf(value: PyValue | DictItems): LiteralShape | undefined {
  if (value instanceof PyTuple) return brackets('(', ')', partsOf(value.items), true);
  if (value instanceof PyList) return brackets('[', ']', partsOf(value.items));
  if (value instanceof PyDict) return brackets('{', '}', pairsOf(value.entries()));
  if (value instanceof DictItems) return brackets('{', '}', pairsOf(value.pairs));
  if (value instanceof PySet) {
    return value.items.length === 0 ? brackets('set(', ')', []) : brackets('{', '}', partsOf(value.items));
  }
  if (value instanceof PyFrozenSet) {
    return value.items.length === 0
      ? brackets('frozenset(', ')', [])
      : brackets('frozenset({', '})', partsOf(value.items));
  }
  if (value instanceof PyPersistentId) return brackets('<persistent id ', '>', partsOf([value.id]));
  if (value instanceof PyObject) {
    return { ...brackets('(', ')', partsOfObject(value)), head: value.callable };
  }
  return undefined;
}

function brackets(open: string, close: string, parts: Iterable<LiteralPart>, isTuple = false): LiteralShape {
  return { open, close, parts, isTuple };
}

function* partsOf(items: readonly PyValue[]): Generator<LiteralPart> {
  for (const value of items) yield { value };
}

function* pairsOf(pairs: Iterable<readonly [PyValue, PyValue]>): Generator<LiteralPart> {
  for (const [key, value] of pairs) yield { key, value };
}

/** A call: arguments, then items as a list or dict, then the state as keyword arguments. */
function* partsOfObject({ args, kwargs, listItems, dictItems, state }: PyObject): Generator<LiteralPart> {
  yield* partsOf(args.items);
  yield* keywords(kwargs);
  if (listItems !== undefined) yield { value: new PyList(listItems) };
  if (dictItems !== undefined) yield { value: new DictItems(dictItems) };
  yield* stateKeywords(state);
}

const NAME = /^[A-Za-z_]\w*$/;

/** More attributes than this are shown as a dict. */
const MAX_KEYWORDS = 100;

/** A dict whose keys are all names, as keyword arguments; none for any other. */
function keywords(dict: PyDict | undefined): LiteralPart[] {
  if (dict !== undefined && dict.size > MAX_KEYWORDS) return [];
  const parts: (LiteralPart & { name: string })[] = [];
  for (const [key, value] of dict?.entries() ?? []) parts.push({ name: textOf(key) ?? '', value });
  return parts.every(({ name }) => NAME.test(name)) ? parts : [];
}

/** State as keyword arguments: a dict of attributes, or (attributes or None, slots); any other as `state=`. */
function stateKeywords(state: PyValue | undefined): LiteralPart[] {
  if (state === undefined) return [];
  const halves = state instanceof PyTuple && state.items.length === 2 ? state.items.filter(Boolean) : [state];
  const parts: LiteralPart[] = [];
  for (const half of halves) {
    if (!(half instanceof PyDict)) return [{ name: 'state', value: state }];
    const named = keywords(half);
    if (named.length !== half.size) return [{ name: 'state', value: state }];
    parts.push(...named);
  }
  return parts;
}
