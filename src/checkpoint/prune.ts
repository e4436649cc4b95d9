import { PyDict } from '../pickle/dict.js';
import { PyList, PyObject, PyTuple, type PyValue } from '../pickle/values.js';
import { type Entry, type EntryPath, ObjectEntry, TensorEntry } from './checkpoint.js';
import { isMapping, keyText, mappingEntries } from './flatten.js';

/**
 * What becomes of containers that lose all they had. Where they stay, an empty dict stands in a list where a leaf
 * was: so torch and we enter the list when it is read again. Where they vanish, it is None, as torch fills lists up.
 */
export type Emptied = 'vanish' | 'stay';

/**
 * A tree without some of its leaves; {@link mapLeaves} otherwise.
 *
 * @param isWanted told the path of every leaf.
 */
export function pruneTree(
  tree: PyValue,
  isWanted: (path: EntryPath) => boolean,
  emptied: Emptied,
): PyValue | undefined {
  return mapLeaves(tree, (leaf, path) => (isWanted(path) ? leaf : undefined), emptied);
}

/**
 * A tree with other leaves. Lists keep their positions. What nothing was changed in is shared with the given tree; the
 * rest is new, of the same types.
 *
 * @param leafOf told every leaf, its path, and the keys that the path is the text of; undefined takes the leaf out.
 * @returns undefined where nothing is left of the tree.
 */
export function mapLeaves(
  tree: PyValue,
  leafOf: (leaf: Entry, path: EntryPath, keys: readonly PyValue[]) => PyValue | undefined,
  emptied: Emptied,
): PyValue | undefined {
  const visit = (value: PyValue, path: EntryPath, keys: readonly PyValue[]): PyValue | undefined => {
    if (value instanceof TensorEntry || value instanceof ObjectEntry) {
      return leafOf(value, path, keys);
    }
    if (value instanceof PyList) return prunedList(value, path, keys);
    return isMapping(value) ? prunedMapping(value, path, keys) : value;
  };
  const prunedList = (list: PyList, path: EntryPath, keys: readonly PyValue[]): PyValue | undefined => {
    let hasChanged = false;
    const items = list.items.map((item, position): PyValue => {
      const kept = visit(item, [...path, position], [...keys, position]);
      hasChanged ||= kept !== item;
      return kept === undefined ? (emptied === 'stay' ? new PyDict() : null) : kept;
    });
    if (!hasChanged) return list;
    return emptied === 'vanish' && items.every(item => item === null) ? undefined : new PyList(items);
  };
  const prunedMapping = (
    mapping: PyDict | PyObject,
    path: EntryPath,
    keys: readonly PyValue[],
  ): PyValue | undefined => {
    const replaced = new Map<PyValue, PyValue | undefined>();
    let keptCount = 0;
    for (const [key, item] of mappingEntries(mapping)) {
      const kept = visit(item, [...path, keyText(key)], [...keys, key]);
      if (kept !== undefined) keptCount++;
      if (kept !== item) replaced.set(key, kept);
    }
    if (replaced.size === 0) return mapping;
    return emptied === 'vanish' && keptCount === 0 ? undefined : withItems(mapping, replaced);
  };
  return visit(tree, [], []);
}

/** The mapping with other items, or without them, by its own key objects. */
function withItems(
  mapping: PyDict | PyObject,
  replaced: ReadonlyMap<PyValue, PyValue | undefined>,
): PyDict | PyObject {
  const change = (pairs: Iterable<readonly [PyValue, PyValue]>): [PyValue, PyValue][] =>
    [...pairs].flatMap(([key, item]): [PyValue, PyValue][] => {
      if (!replaced.has(key)) return [[key, item]];
      const kept = replaced.get(key);
      return kept === undefined ? [] : [[key, kept]];
    });
  if (mapping instanceof PyDict) return PyDict.of(change(mapping.entries()));
  const { how, callable, args, kwargs } = mapping;
  const items = args.items.map(item => (item instanceof PyDict ? PyDict.of(change(item.entries())) : item));
  const copy = new PyObject(how, callable, new PyTuple(items), kwargs);
  copy.listItems = mapping.listItems;
  copy.dictItems = mapping.dictItems && change(mapping.dictItems);
  copy.state = mapping.state;
  copy.stateSetter = mapping.stateSetter;
  return copy;
}
