import { FormatError, LimitError } from '../errors.js';
import { PyDict } from '../pickle/dict.js';
import { toPythonLiteral } from '../pickle/literal.js';
import { PyGlobal, PyList, PyObject, type PyValue, textOf } from '../pickle/values.js';
import { type EntryPath, ObjectEntry, TensorEntry } from './checkpoint.js';

/**
 * How torch takes a nested state dict apart (`torch/distributed/checkpoint/_traverse.py`, since 2.4): mappings
 * are always entered, lists only if they hold a tensor, a mapping or such a list; everything else is a leaf.
 * Mapping keys become text, so that `1` and `'1'` meet: flattening itself allows that, a DCP writer does not.
 */
export interface Leaf {
  path: EntryPath;
  value: PyValue;
  /** Puts another value in the leaf's place in its container. */
  replace(value: PyValue): void;
}

/** Mapping types that torch's own savers write. Any object that a pickle sets items on counts too: it is a dict subclass. */
const MAPPING_CLASSES = new Set([
  'collections.OrderedDict',
  'collections.defaultdict',
  'collections.Counter',
]);

/** Whether Python would call this a mapping. */
export function isMapping(value: PyValue): value is PyDict | PyObject {
  if (value instanceof PyDict) return true;
  if (!(value instanceof PyObject)) return false;
  if (value.dictItems !== undefined) return true;
  return value.callable instanceof PyGlobal && MAPPING_CLASSES.has(value.callable.path);
}

/** The dict that holds a mapping's items: itself, or the argument of a Counter. */
export function mappingEntries(mapping: PyDict | PyObject): [PyValue, PyValue][] {
  if (mapping instanceof PyDict) return [...mapping.entries()];
  const inArguments = mapping.args.items.find(item => item instanceof PyDict);
  return [...(inArguments instanceof PyDict ? inArguments.entries() : []), ...(mapping.dictItems ?? [])];
}

function setItem(mapping: PyDict | PyObject, key: PyValue, value: PyValue): void {
  if (mapping instanceof PyDict) {
    mapping.set(key, value);
    return;
  }
  const pair = mapping.dictItems?.find(([known]) => known === key);
  if (pair !== undefined) pair[1] = value;
  else (mapping.args.items.find(item => item instanceof PyDict) as PyDict).set(key, value);
}

/** Python's `str()` of a mapping key, which is what flattening names it by. */
export function keyText(key: PyValue): string {
  return textOf(key) ?? toPythonLiteral(key, { maxLength: Number.POSITIVE_INFINITY });
}

/** So many values may stand below containers that were met before: thirty lists can stand for a billion. */
const MAX_REPEATED_VALUES = 250_000;

/**
 * The leaves of a tree in torch's order. `isTensor` says which values are tensors, of any kind.
 * @throws FormatError for a container inside itself, which torch cannot save either. LimitError where a few
 * containers stand in too many places.
 */
export function* leavesOf(
  tree: PyValue,
  isTensor: (value: PyValue) => boolean,
  options: {
    /** The rules before torch 2.4: a container is entered only if a tensor is somewhere in it. */
    entersWithTensorsOnly?: boolean;
  } = {},
): Generator<Leaf> {
  const open = new Set<PyValue>();
  const entered = new Set<PyValue>();
  let repeatedValues = 0;

  const isLeafTensor = (value: PyValue): boolean => value instanceof TensorEntry || isTensor(value);
  const terminal = new Map<PyList, boolean>();
  const isTerminal = (list: PyList): boolean => {
    const known = terminal.get(list);
    if (known !== undefined) return known;
    // True while its items are looked at, so that a list inside itself ends there.
    terminal.set(list, true);
    const result = list.items.every(item => {
      if (item instanceof ObjectEntry) return true;
      if (isLeafTensor(item) || isMapping(item)) return false;
      return !(item instanceof PyList) || isTerminal(item);
    });
    terminal.set(list, result);
    return result;
  };

  const holding = new Map<PyValue, boolean>();
  const holdsTensor = (value: PyValue): boolean => {
    if (isLeafTensor(value)) return true;
    const known = holding.get(value);
    if (known !== undefined) return known;
    // False while its items are looked at, so that a container inside itself ends there.
    holding.set(value, false);
    let items: readonly PyValue[] = [];
    if (isMapping(value)) items = mappingEntries(value).map(([, item]) => item);
    else if (value instanceof PyList) items = value.items;
    const result = items.some(holdsTensor);
    holding.set(value, result);
    return result;
  };
  const isEntered = (value: PyValue): boolean => {
    if (!isMapping(value) && !(value instanceof PyList)) return false;
    if (options.entersWithTensorsOnly === true && open.size > 0) return holdsTensor(value);
    return !(value instanceof PyList) || !isTerminal(value);
  };

  function* visit(
    value: PyValue,
    path: EntryPath,
    isRepeated: boolean,
    replace: (value: PyValue) => void,
  ): Generator<Leaf> {
    if (isRepeated && ++repeatedValues > MAX_REPEATED_VALUES) {
      throw new LimitError('The same containers stand in too many places of the state dict', {
        expected: `${MAX_REPEATED_VALUES} values below them at most`,
        fqn: path.join('.'),
      });
    }
    if (!isEntered(value) || isLeafTensor(value)) {
      yield { path, value, replace };
      return;
    }
    if (open.has(value)) {
      throw new FormatError('A container of the state dict holds itself', { fqn: path.join('.') });
    }
    open.add(value);
    const isMetAgain = isRepeated || entered.has(value);
    entered.add(value);
    if (value instanceof PyList) {
      for (const [index, item] of value.items.entries()) {
        yield* visit(item, [...path, index], isMetAgain, next => {
          value.items[index] = next;
        });
      }
    } else if (isMapping(value)) {
      for (const [key, item] of mappingEntries(value)) {
        yield* visit(item, [...path, keyText(key)], isMetAgain, next => setItem(value, key, next));
      }
    }
    open.delete(value);
  }

  yield* visit(tree, [], false, () => {
    throw new Error('the root of a tree has no place to replace');
  });
}

/** No list of a state dict has so many entries; a position beyond it would fill memory with None. */
const MAX_LIST_LENGTH = 10_000_000;

/**
 * Puts a value at a path, making containers on the way: a dict where the next step is text, a list where it is
 * a number ≥ 0; lists are filled up with None (torch `set_element`). `keyOf` gives the value to use as a mapping
 * key for a position of the path, so that keys which were one str object stay one.
 * @throws FormatError where a step meets something that is not the container it needs, and where the place is
 * taken: torch overwrites what is there. LimitError for a list that is absurdly long.
 */
export function setElement(
  root: PyDict,
  path: EntryPath,
  value: PyValue,
  keyOf: (position: number) => PyValue = position => path[position] as PyValue,
): void {
  let container: PyDict | PyList = root;
  for (const [position, step] of path.entries()) {
    const next = path[position + 1];
    const known = childAt(container, path, position);
    if (next === undefined) {
      if (known !== undefined) throw clash(path, position + 1, 'nothing');
      putChild(container, step, value, keyOf(position));
    } else if (known === undefined) {
      const made: PyDict | PyList = typeof next === 'number' ? new PyList() : new PyDict();
      putChild(container, step, made, keyOf(position));
      container = made;
    } else {
      if (!(known instanceof PyDict) && !(known instanceof PyList))
        throw clash(path, position + 1, 'a container');
      container = known;
    }
  }
}

/** What a container holds at a step; undefined where nothing is, and where a list was filled up. */
function childAt(container: PyDict | PyList, path: EntryPath, position: number): PyValue | undefined {
  const step = path[position]!;
  if (typeof step === 'string') {
    if (container instanceof PyDict) return container.getText(step);
    throw clash(path, position, 'a mapping');
  }
  if (!(container instanceof PyList)) throw clash(path, position, 'a list');
  if (step >= MAX_LIST_LENGTH) {
    throw new LimitError('A list of the checkpoint is too long', {
      expected: `${MAX_LIST_LENGTH} entries at most`,
      found: `position ${step}`,
      fqn: path.join('.'),
    });
  }
  return container.items[step] ?? undefined;
}

function putChild(container: PyDict | PyList, step: string | number, child: PyValue, key: PyValue): void {
  if (container instanceof PyDict) {
    container.set(key, child);
    return;
  }
  const { items } = container;
  while (items.length < (step as number)) items.push(null);
  items[step as number] = child;
}

function clash(path: EntryPath, position: number, expected: string): FormatError {
  return new FormatError('Two keys of the checkpoint contradict each other', {
    expected: `${expected} at ${path.slice(0, position).join('.') || 'the top'}`,
    found: 'another value there',
    fqn: path.join('.'),
  });
}
