import { ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { isMapping, mappingEntries } from '../checkpoint/flatten.js';
import { PyDict } from '../pickle/dict.js';
import { PyFloat, PyGlobal, PyList, PyObject, type PyValue, textOf } from '../pickle/values.js';

/**
 * A way in which two state dicts hold the same values differently, and that DCP does not keep. `key_kind`: a key is an
 * int on one side and text on the other; `container_kind`: an `OrderedDict` here, a `dict` there; `attributes`: a
 * container has attributes of its own on one side only (`_metadata`); `nesting`: one side has the entry deeper;
 * `empty_container`: one side has a container with nothing in it; `requires_grad`.
 */
export interface TreeNote {
  kind: 'key_kind' | 'container_kind' | 'attributes' | 'nesting' | 'empty_container' | 'requires_grad';
  /** What the first checkpoint has, and the second. */
  a: string;
  b: string;
  /** Entries, or containers. */
  count: number;
  /** FQN of the first. */
  first: string;
}

/** One container on the way from the root to an entry, and the kind of the key that leads on. */
interface Step {
  container: string;
  hasAttributes: boolean;
  key: string;
}

/** How a tree holds its entries. */
export interface TreeForm {
  steps: ReadonlyMap<TensorEntry | ObjectEntry, readonly Step[]>;
  /** Path and kind of containers that hold nothing. */
  empty: ReadonlyMap<string, string>;
}

export function treeFormOf(tree: PyValue): TreeForm {
  const steps = new Map<TensorEntry | ObjectEntry, readonly Step[]>();
  const empty = new Map<string, string>();
  const open = new Set<PyValue>();
  const visit = (value: PyValue, path: readonly string[], above: readonly Step[]): void => {
    if (value instanceof TensorEntry || value instanceof ObjectEntry) {
      steps.set(value, above);
      return;
    }
    if (!(isMapping(value) || value instanceof PyList) || open.has(value)) return;
    open.add(value);
    const container = kindOfContainer(value);
    const hasAttributes = value instanceof PyObject && value.state !== undefined;
    const items: [string, string, PyValue][] =
      value instanceof PyList
        ? value.items.map((item, i) => [String(i), 'position', item])
        : mappingEntries(value).map(([key, item]) => [textOf(key) ?? String(key), kindOfKey(key), item]);
    if (items.length === 0) empty.set(path.join('.'), container);
    for (const [step, key, item] of items)
      visit(item, [...path, step], [...above, { container, hasAttributes, key }]);
    open.delete(value);
  };
  visit(tree, [], []);
  return { steps, empty };
}

/**
 * In what the trees of two checkpoints differ, in the places of these entries and in empty containers.
 * @param rename the name that a path of `a` has in `b`.
 * @param isWanted whether a name of `b` is looked at.
 */
export function treeNotes(
  a: TreeForm,
  b: TreeForm,
  pairs: readonly { fqn: string; a: TensorEntry | ObjectEntry; b: TensorEntry | ObjectEntry }[],
  rename: (path: string) => string,
  isWanted: (path: string) => boolean,
): TreeNote[] {
  const notes = new Map<string, TreeNote>();
  const note = (kind: TreeNote['kind'], left: string, right: string, first: string): void => {
    const key = `${kind}:${left}:${right}`;
    const known = notes.get(key);
    if (known === undefined) notes.set(key, { kind, a: left, b: right, count: 1, first });
    else known.count++;
  };
  for (const { fqn, a: entryA, b: entryB } of pairs) {
    const [stepsA, stepsB] = [a.steps.get(entryA), b.steps.get(entryB)];
    // Of a mapping that was stored as one object.
    if (stepsA === undefined || stepsB === undefined) continue;
    if (stepsA.length !== stepsB.length) {
      note('nesting', `${stepsA.length} levels`, `${stepsB.length} levels`, fqn);
      continue;
    }
    const seen = new Set<string>();
    const once = (kind: TreeNote['kind'], left: string, right: string): void => {
      const key = `${kind}:${left}:${right}`;
      if (left === right || seen.has(key)) return;
      seen.add(key);
      note(kind, left, right, fqn);
    };
    for (const [i, step] of stepsA.entries()) {
      const other = stepsB[i]!;
      once('container_kind', step.container, other.container);
      once('key_kind', step.key, other.key);
      once('attributes', step.hasAttributes ? 'has some' : 'none', other.hasAttributes ? 'has some' : 'none');
    }
    if (entryA.kind === 'tensor' && entryB.kind === 'tensor') {
      once('requires_grad', String(entryA.requiresGrad), String(entryB.requiresGrad));
    }
  }
  const emptyA = new Map([...a.empty].map(([path, kind]) => [path === '' ? path : rename(path), kind]));
  for (const [path, kind] of emptyA) {
    if (!b.empty.has(path) && isWanted(path)) note('empty_container', kind, 'nothing', path);
  }
  for (const [path, kind] of b.empty) {
    if (!emptyA.has(path) && isWanted(path)) note('empty_container', 'nothing', kind, path);
  }
  return [...notes.values()];
}

function kindOfContainer(value: PyDict | PyObject | PyList): string {
  if (value instanceof PyDict) return 'dict';
  if (value instanceof PyList) return 'list';
  return value.callable instanceof PyGlobal ? value.callable.name : 'object';
}

function kindOfKey(key: PyValue): string {
  if (textOf(key) !== undefined) return 'str';
  if (key === null) return 'None';
  if (typeof key === 'number' || typeof key === 'bigint') return 'int';
  if (typeof key === 'boolean') return 'bool';
  return key instanceof PyFloat ? 'float' : 'object';
}
