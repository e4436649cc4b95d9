import type { PyDict } from './dict.js';

/**
 * Python values as data. A pickle is decoded into these and encoded from them; nothing is ever called.
 *
 * | Python            | here                                                        |
 * | ----------------- | ----------------------------------------------------------- |
 * | None, True, False | null, true, false                                           |
 * | int               | number (|n| < 2^53) or bigint; a bare number is always an int |
 * | float             | {@link PyFloat}: its 8 bytes, so 1.0 stays a float and NaN keeps its payload |
 * | str               | string, or {@link PyStr} where identity or odd surrogates must survive |
 * | bytes             | Uint8Array                                                  |
 * | bytearray         | {@link PyByteArray}                                         |
 * | tuple, list       | {@link PyTuple}, {@link PyList}                             |
 * | dict              | {@link PyDict}: any key, insertion order                    |
 * | set, frozenset    | {@link PySet}, {@link PyFrozenSet}                          |
 * | class, function   | {@link PyGlobal}                                            |
 * | any other object  | {@link PyObject}: how pickle would rebuild it               |
 * | persistent id     | {@link PyPersistentId}                                      |
 *
 * Identity is meaning: a value referenced twice is one JavaScript object referenced twice, and cycles are
 * cycles. Primitives (numbers, booleans, null, bare strings) have no identity.
 */
export type PyValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PyFloat
  | PyStr
  | PyByteArray
  | PyTuple
  | PyList
  | PyDict
  | PySet
  | PyFrozenSet
  | PyGlobal
  | PyObject
  | PyPersistentId
  | PyExternal;

/**
 * A Python float, kept as the two 32-bit halves of its IEEE 754 double. The halves are signed: V8 stores signed
 * 32-bit numbers in place and others in memory of their own.
 */
export class PyFloat {
  constructor(
    readonly high: number,
    readonly low: number,
  ) {}

  static of(value: number): PyFloat {
    scratch.setFloat64(0, value);
    return new PyFloat(scratch.getInt32(0), scratch.getInt32(4));
  }

  get value(): number {
    scratch.setInt32(0, this.high);
    scratch.setInt32(4, this.low);
    return scratch.getFloat64(0);
  }
}
const scratch = new DataView(new ArrayBuffer(8));

/**
 * A str that cannot be a bare string: one that the pickle refers to more than once (CPython's memo follows
 * the identity of strings, so byte-equal output needs it), or one whose code points UTF-16 cannot tell apart
 * (a high and a low surrogate stored as two code points).
 */
export class PyStr {
  constructor(
    readonly text: string,
    /** The exact bytes of the pickle, only where encoding `text` would not give them back. */
    readonly utf8?: Uint8Array,
  ) {}
}

export class PyByteArray {
  constructor(readonly bytes: Uint8Array) {}
}

export class PyTuple {
  constructor(readonly items: readonly PyValue[]) {}
}

/** `()`: Python has only one. */
export const EMPTY_TUPLE = new PyTuple([]);

export class PyList {
  constructor(readonly items: PyValue[] = []) {}
}

export class PySet {
  constructor(readonly items: PyValue[] = []) {}
}

export class PyFrozenSet {
  constructor(readonly items: readonly PyValue[]) {}
}

/** A class or function by name, in Python 3 names (`builtins`, not `__builtin__`). */
export class PyGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  /** `module.name`, as Python prints it. */
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/**
 * An object in the terms of pickle's reduce protocol: `callable(*args, **kwargs)` (REDUCE), or
 * `cls.__new__(cls, *args, **kwargs)` (NEWOBJ, NEWOBJ_EX); then `listItems` appended, `dictItems` set,
 * `state` given to `__setstate__`.
 */
export class PyObject {
  /** From APPEND and APPENDS on something that is not a list. */
  listItems: PyValue[] | undefined;
  /** From SETITEM and SETITEMS on something that is not a dict, in order. */
  dictItems: [PyValue, PyValue][] | undefined;
  /** From BUILD, or what {@link stateSetter} is called with. */
  state: PyValue | undefined;
  /** Where the state is given by a call `stateSetter(object, state)` instead of BUILD (Python 3.8, `copyreg`). */
  stateSetter: PyValue | undefined;

  constructor(
    readonly how: 'reduce' | 'newobj',
    readonly callable: PyValue,
    readonly args: PyTuple,
    readonly kwargs?: PyDict,
  ) {}
}

/** A reference that only the file around the pickle can resolve: storages in torch files. */
export class PyPersistentId {
  constructor(readonly id: PyValue) {}
}

/**
 * A value that does not come from a pickle: what a class handler folded an object into, or a leaf that a
 * format puts into a tree (a tensor). The encoder asks its caller what to write for it.
 */
export abstract class PyExternal {
  /** Only so that TypeScript tells this class from others of the same shape. */
  protected abstract readonly external: true;
  /** Takes what BUILD gives to an object that a class handler made. The values are not kept elsewhere. */
  setState?(state: PyValue): void;
  /** Takes an item of APPEND or APPENDS, likewise. */
  appendItem?(item: PyValue): void;
  /** Takes an item of SETITEM or SETITEMS, likewise. */
  setItem?(key: PyValue, value: PyValue): void;
  /**
   * Takes the value that it is the key of, so that the dict keeps neither; false leaves both to the dict. Called
   * where SETITEM or SETITEMS would put them there.
   */
  takeValue?(dict: PyDict, value: PyValue): boolean;
}

/** The text of a str, whichever form it has; undefined for everything else. */
export function textOf(value: PyValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof PyStr ? value.text : undefined;
}

/** Whether `value` is the class or function `module.name`. */
export function isGlobal(value: PyValue | undefined, module: string, name: string): boolean {
  return value instanceof PyGlobal && value.module === module && value.name === name;
}
