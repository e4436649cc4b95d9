import { LimitError } from '../errors.js';
import { PyDict } from './dict.js';
import { PyFrozenSet, PyList, PyObject, PyPersistentId, PySet, PyTuple, type PyValue } from './values.js';

/** The values directly inside a value, in the order in which pickle writes them; undefined for those without. */
export function childrenOf(value: PyValue): readonly PyValue[] | undefined {
  if (value instanceof PyTuple || value instanceof PyList) return value.items;
  if (value instanceof PyDict) return value.alternating;
  if (value instanceof PySet || value instanceof PyFrozenSet) return value.items;
  if (value instanceof PyPersistentId) return [value.id];
  if (!(value instanceof PyObject)) return undefined;
  const children: PyValue[] = [value.callable, value.args];
  if (value.kwargs !== undefined) children.push(value.kwargs);
  if (value.listItems !== undefined) children.push(...value.listItems);
  if (value.dictItems !== undefined) for (const pair of value.dictItems) children.push(pair[0], pair[1]);
  if (value.stateSetter !== undefined) children.push(value.stateSetter);
  if (value.state !== undefined) children.push(value.state);
  return children;
}

/**
 * Checks that no value lies more than `limit` levels inside `root`. Where values refer back to one that
 * contains them, that reference ends there.
 * @throws LimitError
 */
export function checkDepth(root: PyValue, limit: number): void {
  /** Levels from each finished value down to its deepest; 0 while it is open. */
  const heights = new Map<PyValue, number>();
  const open: { value: PyValue; children: readonly PyValue[]; next: number; height: number }[] = [];

  const enter = (value: PyValue): number => {
    if (typeof value !== 'object' || value === null) return 0;
    const known = heights.get(value);
    if (known !== undefined) return known;
    const children = childrenOf(value);
    if (children === undefined || children.length === 0) return 0;
    heights.set(value, 0);
    open.push({ value, children, next: 0, height: 0 });
    return 0;
  };

  enter(root);
  while (open.length > 0) {
    const frame = open[open.length - 1]!;
    const levels = open.length;
    while (frame.next < frame.children.length && open.length === levels) {
      frame.height = Math.max(frame.height, enter(frame.children[frame.next++]!));
    }
    if (levels + frame.height > limit) {
      throw new LimitError('The pickle is nested too deeply', { expected: `${limit} levels at most` });
    }
    if (open.length > levels) continue;
    open.pop();
    heights.set(frame.value, frame.height + 1);
    const parent = open[open.length - 1];
    if (parent !== undefined) parent.height = Math.max(parent.height, frame.height + 1);
  }
}
