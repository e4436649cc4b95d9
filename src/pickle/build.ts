import { FormatError, UnsupportedError } from '../errors.js';
import { PyDict } from './dict.js';
import type { PickleStack } from './stack.js';
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

/** What the opcodes that change a value do. `stack[start, end)` holds the operands. */

/** APPEND, APPENDS. */
export function appendItems(
  target: PyValue,
  stack: readonly PyValue[],
  start: number,
  end: number,
  opcode: string,
): void {
  if (target instanceof PyList) {
    for (let i = start; i < end; i++) target.items.push(stack[i]!);
  } else if (target instanceof PyObject) {
    if (target.dictItems !== undefined || target.state !== undefined) throw outOfOrder(opcode);
    target.listItems ??= [];
    for (let i = start; i < end; i++) target.listItems.push(stack[i]!);
  } else if (target instanceof PyExternal && target.appendItem !== undefined) {
    for (let i = start; i < end; i++) target.appendItem(stack[i]!);
  } else {
    throw cannot(opcode, target);
  }
}

/** SETITEM, SETITEMS: keys and values in turn. `isNewKey` as {@link PyDict.setAlternating} takes it. */
export function setItems(
  target: PyValue,
  stack: readonly PyValue[],
  start: number,
  end: number,
  opcode: string,
  isNewKey: (key: PyValue) => boolean,
): void {
  if ((end - start) % 2 !== 0) throw new FormatError(`${opcode} has a key without a value`);
  if (target instanceof PyDict) {
    target.setAlternating(stack, start, end, isNewKey);
  } else if (target instanceof PyObject) {
    if (target.state !== undefined) throw outOfOrder(opcode);
    target.dictItems ??= [];
    for (let i = start; i < end; i += 2) target.dictItems.push([stack[i]!, stack[i + 1]!]);
  } else if (target instanceof PyExternal && target.setItem !== undefined) {
    for (let i = start; i < end; i += 2) target.setItem(stack[i]!, stack[i + 1]!);
  } else {
    throw cannot(opcode, target);
  }
}

/** ADDITEMS. */
export function addItems(target: PyValue, stack: readonly PyValue[], start: number, end: number): void {
  if (!(target instanceof PySet)) throw cannot('ADDITEMS', target);
  for (let i = start; i < end; i++) target.items.push(stack[i]!);
}

/** BUILD. */
export function buildState(target: PyValue, state: PyValue): void {
  if (target instanceof PyObject) {
    if (target.state !== undefined) throw new UnsupportedError('BUILD gives an object a second state');
    target.state = state;
  } else if (target instanceof PyExternal && target.setState !== undefined) {
    target.setState(state);
  } else {
    throw cannot('BUILD', target);
  }
}

/**
 * TUPLE2 REDUCE POP: how the pickler gives an object its state by a call `setter(object, state)`, with the object
 * below on the stack (Python 3.8; its own tuples it would put into the memo). Records that and takes the call's
 * result away; false where it is something else.
 */
export function takeSetterCall(stack: PickleStack): boolean {
  const call = stack.top;
  const target = stack.height > 1 ? stack.values[stack.height - 2] : undefined;
  if (!(call instanceof PyObject) || target === undefined || call.args.items[0] !== target) return false;
  if (target instanceof PyObject) {
    if (target.state !== undefined) return false;
    target.stateSetter = call.callable;
  } else if (!(target instanceof PyExternal)) {
    return false;
  }
  buildState(target, call.args.items[1]!);
  stack.pop();
  return true;
}

/** Items after the state, or list items after dict items: no pickler does that, and PyObject keeps no order. */
function outOfOrder(opcode: string): UnsupportedError {
  return new UnsupportedError(`${opcode} on an object that is already complete`);
}

function cannot(opcode: string, target: PyValue): FormatError {
  return new FormatError(`${opcode} on a value that cannot take it`, { found: kindOf(target) });
}

/** How messages call a value. */
export function kindOf(value: PyValue): string {
  switch (typeof value) {
    case 'string':
      return 'a str';
    case 'number':
    case 'bigint':
      return 'an int';
    case 'boolean':
      return 'a bool';
  }
  if (value === null) return 'None';
  if (value instanceof PyObject) {
    return `an object made by ${value.callable instanceof PyGlobal ? value.callable.path : 'a computed class'}`;
  }
  if (value instanceof PyGlobal) return `the global ${value.path}`;
  for (const [type, name] of KINDS) if (value instanceof type) return name;
  return value.constructor.name;
}

const KINDS = [
  [PyFloat, 'a float'],
  [PyStr, 'a str'],
  [Uint8Array, 'bytes'],
  [PyByteArray, 'a bytearray'],
  [PyTuple, 'a tuple'],
  [PyList, 'a list'],
  [PyDict, 'a dict'],
  [PySet, 'a set'],
  [PyFrozenSet, 'a frozenset'],
  [PyPersistentId, 'a persistent id'],
] as const;
