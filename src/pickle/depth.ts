import { LimitError } from '../errors.js';
import { PyDict } from './dict.js';
import {
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

/** The values directly inside a value, in the order in which pickle writes them; undefined for those without. */
export function childrenOf(value: PyValue): readonly PyValue[] | undefined {
  if (value instanceof PyTuple || value instanceof PyList) return value.items;
  if (value instanceof PyDict) return value.alternating;
  if (value instanceof PySet || value instanceof PyFrozenSet) return value.items;
  if (value instanceof PyPersistentId) return [value.id];
  if (!(value instanceof PyObject)) return undefined;
  const { callable, args, kwargs, listItems, dictItems, stateSetter, state } = value;
  const children: PyValue[] = [callable, args];
  if (kwargs !== undefined) children.push(kwargs);
  for (const item of listItems ?? []) children.push(item);
  for (const [key, item] of dictItems ?? []) children.push(key, item);
  if (stateSetter !== undefined) children.push(stateSetter);
  if (state !== undefined) children.push(state);
  return children;
}

/** Tuples of plain values are looked at again each time they are met, unless they are larger than this. */
const SMALL = 16;

/** Whether a value can lead back to itself or to much else: then it matters that it is met twice. */
export function isBranching(value: PyValue): boolean {
  if (value instanceof PyTuple) return value.items.length > SMALL || value.items.some(isContainer);
  return isContainer(value);
}

function isContainer(value: PyValue): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return !(
    value instanceof PyFloat ||
    value instanceof PyGlobal ||
    value instanceof PyStr ||
    value instanceof Uint8Array
  );
}

/**
 * Checks that no value lies more than `limit` levels inside `root`. Where values refer back to one that
 * contains them, that reference ends there. `shared` has every branching value that stands in two places.
 * @throws LimitError
 */
export function checkDepth(root: PyValue, limit: number, shared: ReadonlySet<PyValue>): void {
  /** Levels from each shared value down to its deepest, itself included; 0 while it is open. */
  const heights = new Map<PyValue, number>();
  /** The values that are being looked into, from the root down: value, its parts, next part, levels below. */
  const open: PyValue[] = [];
  const parts: (readonly PyValue[])[] = [];
  const next: number[] = [];
  const below: number[] = [];

  /** The levels of `value` where they are known at once; else 0, and it is opened. */
  const enter = (value: PyValue): number => {
    if (!isBranching(value)) return value instanceof PyTuple ? 1 : 0;
    if (shared.has(value)) {
      const known = heights.get(value);
      if (known !== undefined) return known;
      heights.set(value, 0);
    }
    const children = childrenOf(value);
    if (children === undefined) return 0;
    open.push(value);
    parts.push(children);
    next.push(0);
    below.push(0);
    return 0;
  };

  enter(root);
  while (open.length > 0) {
    const level = open.length - 1;
    const children = parts[level]!;
    let height = below[level]!;
    let i = next[level]!;
    while (i < children.length && open.length === level + 1) height = Math.max(height, enter(children[i++]!));
    next[level] = i;
    below[level] = height;
    if (level + 1 + height > limit) {
      throw new LimitError('The pickle is nested too deeply', { expected: `${limit} levels at most` });
    }
    if (open.length > level + 1) continue;
    const value = open.pop()!;
    parts.pop();
    next.pop();
    below.pop();
    if (shared.has(value)) heights.set(value, height + 1);
    if (level > 0) below[level - 1] = Math.max(below[level - 1]!, height + 1);
  }
}
