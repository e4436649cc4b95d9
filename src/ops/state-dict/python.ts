import { isMapping, mappingEntries } from '../../checkpoint/flatten.js';
import { UsageError } from '../../errors.js';
import { PyDict } from '../../pickle/dict.js';
import {
  PyByteArray,
  PyExternal,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from '../../pickle/values.js';
import { isTensor } from './tensor.js';

/**
 * Values of a state dict that are no tensors: JavaScript's and Python's forms of them.
 *
 * | JavaScript                      | Python                               |
 * | ------------------------------- | ------------------------------------ |
 * | null, boolean, string           | None, bool, str                      |
 * | number: an integer below 2^53   | int (from a float too: 1.0 becomes 1) |
 * | any other number                | float                                |
 * | bigint                          | int                                  |
 * | Buffer; a Uint8Array in a value of this package | bytes                |
 * | Array                           | list (from a tuple too)              |
 * | plain object; Map               | dict                                 |
 * | Set                             | set (from a frozenset too)           |
 * | values of this package (PyFloat, PyTuple, …) | exactly what they stand for |
 */

/** Containers deeper than this are no state dict. */
const MAX_DEPTH = 1000;

/** Python's types of containers and leaves, copied; `tensorOf` gives what stands for a tensor. */
export function toPython(value: unknown, tensorOf: (tensor: unknown) => PyValue): PyValue {
  const made = new Map<unknown, PyValue>();
  const visit = (part: unknown, depth: number, isInPython: boolean): PyValue => {
    switch (typeof part) {
      case 'string':
      case 'boolean':
      case 'bigint':
        return part;
      case 'number':
        return Number.isSafeInteger(part) && !Object.is(part, -0) ? part : PyFloat.of(part);
    }
    if (part === null || part instanceof PyFloat || part instanceof PyStr || part instanceof PyGlobal)
      return part;
    const known = made.get(part);
    if (known !== undefined) return known;
    if (depth > MAX_DEPTH) throw new UsageError('A value of the state dict is nested too deeply');
    const keep = <T extends PyValue>(copy: T): T => {
      made.set(part, copy);
      return copy;
    };
    const inner = (child: unknown): PyValue => visit(child, depth + 1, isPythonContainer(part));
    if (Buffer.isBuffer(part) || (isInPython && part instanceof Uint8Array))
      return keep(Uint8Array.from(part));
    if (isTensor(part)) return keep(tensorOf(part));
    if (part instanceof PyByteArray) return keep(new PyByteArray(Uint8Array.from(part.bytes)));
    if (Array.isArray(part) || part instanceof PyList) {
      const list = keep(new PyList());
      for (const item of Array.isArray(part) ? part : part.items) list.items.push(inner(item));
      return list;
    }
    if (part instanceof Set || part instanceof PySet) {
      const set = keep(new PySet());
      for (const item of part instanceof Set ? part : part.items) set.items.push(inner(item));
      return set;
    }
    const pairs = mappingPairs(part);
    if (pairs !== undefined) {
      const dict = keep(new PyDict());
      for (const [key, item] of pairs) dict.set(inner(key), inner(item));
      return dict;
    }
    if (part instanceof PyTuple) return keep(new PyTuple(part.items.map(inner)));
    if (part instanceof PyFrozenSet) return keep(new PyFrozenSet(part.items.map(inner)));
    if (part instanceof PyObject) return objectCopy(part, inner, keep);
    throw notStorable(part);
  };
  return visit(value, 0, false);
}

function isPythonContainer(value: unknown): boolean {
  return [PyList, PyTuple, PyDict, PySet, PyFrozenSet, PyObject].some(type => value instanceof type);
}

function objectCopy(
  object: PyObject,
  inner: (value: PyValue) => PyValue,
  keep: <T extends PyValue>(copy: T) => T,
): PyObject {
  const { how, callable, args, kwargs, listItems, dictItems, state, stateSetter } = object;
  const innerArgs = inner(args) as PyTuple;
  const copy = keep(
    kwargs === undefined
      ? new PyObject(how, callable, innerArgs)
      : new PyObject(how, callable, innerArgs, inner(kwargs) as PyDict),
  );
  copy.listItems = listItems?.map(inner);
  copy.dictItems = dictItems?.map(([key, item]): [PyValue, PyValue] => [inner(key), inner(item)]);
  if (state !== undefined) copy.state = inner(state);
  copy.stateSetter = stateSetter;
  return copy;
}

/** Keys and values of what counts as a mapping of a state dict; undefined for everything else. */
export function mappingPairs(value: unknown): [unknown, unknown][] | undefined {
  if (value instanceof Map || value instanceof PyDict) return [...value.entries()];
  return isPlainObject(value) ? Object.entries(value) : undefined;
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function notStorable(value: unknown): UsageError {
  const name =
    typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'object') : typeof value;
  const isStateful = typeof (value as { stateDict?: unknown } | undefined)?.stateDict === 'function';
  return new UsageError('A checkpoint cannot hold this value', {
    expected: 'tensors, numbers, text, arrays, plain objects, or values of this package',
    found: name,
    ...(isStateful ? { hint: 'A value with stateDict() is taken at the top of the state dict only.' } : {}),
    ...(value instanceof PyExternal
      ? { hint: 'Its bytes are in the checkpoint that it was loaded from.' }
      : {}),
  });
}

/**
 * A Python value in JavaScript's form, as the table above says; `tensorOf` gives the tensors in it. Objects of other
 * classes stay values of this package.
 */
export function fromPython(value: PyValue, tensorOf: (value: PyValue) => PyValue | undefined): unknown {
  const made = new Map<PyValue, unknown>();
  const visit = (part: PyValue): unknown => {
    if (part === null || typeof part !== 'object') return part;
    if (part instanceof PyFloat) return part.value;
    if (part instanceof PyStr) return part.text;
    if (made.has(part)) return made.get(part);
    const keep = <T>(copy: T): T => {
      made.set(part, copy);
      return copy;
    };
    const tensor = tensorOf(part);
    if (tensor !== undefined) return keep(tensor);
    if (part instanceof Uint8Array) return keep(Buffer.from(part));
    if (part instanceof PyByteArray) return keep(Buffer.from(part.bytes));
    if (part instanceof PyList || part instanceof PyTuple) {
      const list: unknown[] = keep([]);
      for (const item of part.items) list.push(visit(item));
      return list;
    }
    if (part instanceof PySet || part instanceof PyFrozenSet) return keep(new Set(part.items.map(visit)));
    if (isMapping(part)) return mappingOf(mappingEntries(part), visit, keep);
    return keep(withTensors(part, tensorOf));
  };
  return visit(value);
}

/** A plain object where all keys are text, otherwise a Map. */
function mappingOf(
  pairs: readonly [PyValue, PyValue][],
  visit: (value: PyValue) => unknown,
  keep: <T>(copy: T) => T,
): unknown {
  const keys = pairs.map(([key]) => visit(key));
  if (keys.every(key => typeof key === 'string' && key !== '__proto__')) {
    const object: Record<string, unknown> = keep({});
    for (const [i, [, item]] of pairs.entries()) object[keys[i] as string] = visit(item);
    return object;
  }
  const map = keep(new Map<unknown, unknown>());
  for (const [i, [, item]] of pairs.entries()) map.set(keys[i], visit(item));
  return map;
}

/** The value with other tensors in it; bytes as a Buffer, so that they are not taken for a tensor. */
export function withTensors(value: PyValue, tensorOf: (value: PyValue) => PyValue | undefined): PyValue {
  const made = new Map<PyValue, PyValue>();
  const visit = (part: PyValue): PyValue => {
    if (part === null || typeof part !== 'object') return part;
    const known = made.get(part);
    if (known !== undefined) return known;
    const keep = <T extends PyValue>(copy: T): T => {
      made.set(part, copy);
      return copy;
    };
    const tensor = tensorOf(part);
    if (tensor !== undefined) return keep(tensor);
    if (part instanceof Uint8Array) return keep(Buffer.from(part));
    if (part instanceof PyTuple) return keep(new PyTuple(part.items.map(visit)));
    if (part instanceof PyList) {
      const list = keep(new PyList());
      for (const item of part.items) list.items.push(visit(item));
      return list;
    }
    if (part instanceof PyDict) {
      const dict = keep(new PyDict());
      for (const [key, item] of part.entries()) dict.set(visit(key), visit(item));
      return dict;
    }
    if (part instanceof PyObject) return objectCopy(part, visit, keep);
    return part;
  };
  return visit(value);
}
