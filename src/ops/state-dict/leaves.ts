import type { EntryPath } from '../../checkpoint/checkpoint.js';
import { leavesOf } from '../../checkpoint/flatten.js';
import { UsageError, withContext } from '../../errors.js';
import { PyDict } from '../../pickle/dict.js';
import { PyExternal, PyList, type PyValue } from '../../pickle/values.js';
import { isPlainObject, mappingPairs, toPython } from './python.js';
import { isTensor } from './tensor.js';

/** A mapping of names to values: a plain object, a Map, or a PyDict. */
export type StateDict = object;

/** A value of a state dict that torch's flattening does not take apart. */
export interface StateDictLeaf {
  path: EntryPath;
  /** The path as text: the key of the flattened state dict. */
  fqn: string;
  value: unknown;
  /** Puts another value in its place. */
  replace(value: unknown): void;
}

/** What stands for a value of the state dict in the tree that is flattened. */
class Place extends PyExternal {
  protected readonly external = true;

  constructor(readonly isTensor: boolean) {
    super();
  }
}

/** Containers deeper than this are no state dict. */
const MAX_DEPTH = 1000;

/**
 * The leaves of a state dict of JavaScript values, by the rules by which torch flattens one. `rules` of 2.3: mappings
 * without a tensor in them are leaves.
 * @throws UsageError for a container inside itself, and keys that are no keys.
 */
export function stateDictLeaves(stateDict: StateDict, rules: '2.4' | '2.3' = '2.4'): StateDictLeaf[] {
  const places = new Map<PyValue, { value: unknown; replace(value: unknown): void }>();
  const open = new Set<unknown>();

  const enter = (value: unknown, path: string, make: (depth: number) => PyValue): PyValue => {
    if (open.has(value) || open.size > MAX_DEPTH) {
      throw new UsageError(
        open.has(value)
          ? 'A container of the state dict holds itself'
          : 'The state dict is nested too deeply',
        { fqn: path },
      );
    }
    open.add(value);
    const made = make(open.size);
    open.delete(value);
    return made;
  };

  const place = (value: unknown, path: string, replace: (value: unknown) => void): PyValue => {
    const made = placeOf(value, path);
    places.set(made, { value, replace });
    return made;
  };

  const placeOf = (value: unknown, path: string): PyValue => {
    if (isTensor(value)) return new Place(true);
    const items = Array.isArray(value) ? value : value instanceof PyList ? value.items : undefined;
    if (items !== undefined) {
      return enter(
        value,
        path,
        () =>
          new PyList(
            items.map((item: unknown, i) =>
              place(item, join(path, String(i)), next => {
                (items as unknown[])[i] = next;
              }),
            ),
          ),
      );
    }
    const pairs = mappingPairs(value);
    if (pairs === undefined) return new Place(false);
    return enter(value, path, () => {
      const dict = new PyDict();
      for (const [key, item] of pairs) {
        const pyKey = withContext({ fqn: path }, () => toPython(key, noTensor));
        const step = typeof key === 'string' ? key : String(key);
        dict.set(
          pyKey,
          place(item, join(path, step), next => setItem(value, key, next)),
        );
      }
      return dict;
    });
  };

  const tree = placeOf(stateDict, '');
  if (!(tree instanceof PyDict)) {
    throw new UsageError('A state dict is a mapping', { expected: 'a plain object, a Map or a PyDict' });
  }
  const isTensorPlace = (value: PyValue): boolean => value instanceof Place && value.isTensor;
  return [...leavesOf(tree, isTensorPlace, { entersWithTensorsOnly: rules === '2.3' })].map(leaf => {
    const { value, replace } = places.get(leaf.value)!;
    return { path: leaf.path, fqn: leaf.path.join('.'), value, replace };
  });
}

function noTensor(): never {
  throw new UsageError('A tensor cannot be a key of a state dict');
}

function setItem(container: unknown, key: unknown, value: unknown): void {
  if (container instanceof Map) container.set(key, value);
  else if (container instanceof PyDict) container.set(key as PyValue, value as PyValue);
  else if (isPlainObject(container)) container[key as string] = value;
}

function join(path: string, step: string): string {
  return path === '' ? step : `${path}.${step}`;
}
