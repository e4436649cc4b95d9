import { FormatError, UnsupportedError } from '../errors.js';
import { kindOf } from './build.js';
import type { ClassHandler, DecodeOptions } from './decode.js';
import { isBranching } from './depth.js';
import { PyDict } from './dict.js';
import { FOLDS } from './fold.js';
import { opcodeName } from './opcodes.js';
import { toPython3Name } from './python2.js';
import { isSingletonText, LATIN1_NAME } from './strings.js';
import {
  PyExternal,
  PyGlobal,
  PyObject,
  PyPersistentId,
  PyStr,
  PyTuple,
  type PyValue,
  textOf,
} from './values.js';

/** Makes the values of one pickle that depend on more than their own opcode. */
export class Constructor {
  /** Below 3, globals are in Python 2 names. */
  private protocol = 0;
  private readonly globals = new Map<string, PyGlobal>();
  private readonly handlers = new Map<PyGlobal, ClassHandler | null>();
  /** Values that an opcode refers to again, if they are containers of more than a few plain values. */
  readonly shared = new Set<PyValue>();
  private readonly singletonsSeen = new Set<string>();
  /** Objects are keys by identity: one that the pickle mentions once cannot be a key twice. */
  readonly isNewKey = (key: PyValue): boolean =>
    (key instanceof PyExternal || key instanceof PyObject) && !this.shared.has(key);

  constructor(private readonly options: DecodeOptions) {}

  /** PROTO. */
  setProtocol(protocol: number): void {
    if (protocol > 5) {
      throw new UnsupportedError('Unknown pickle protocol', { expected: '5 at most', found: protocol });
    }
    this.protocol = protocol;
  }

  /** A str as its opcode makes it. */
  str(value: string | PyStr): PyValue {
    if (
      this.options.keepStringIdentity !== 'written' ||
      typeof value !== 'string' ||
      !isSingletonText(value)
    ) {
      return value;
    }
    if (this.singletonsSeen.has(value)) return new PyStr(value);
    this.singletonsSeen.add(value);
    return value;
  }

  /** The form of a value that will be referred to again. */
  sharedForm(value: PyValue): PyValue {
    if (typeof value === 'string') {
      if (this.options.keepStringIdentity === undefined || isSingletonText(value)) return value;
      return value === LATIN1_NAME.text ? LATIN1_NAME : new PyStr(value);
    }
    if (isBranching(value)) this.shared.add(value);
    return value;
  }

  global(module: string, name: string): PyGlobal {
    const [module3, name3] = this.protocol < 3 ? toPython3Name(module, name) : [module, name];
    const key = `${module3}\n${name3}`;
    let global = this.globals.get(key);
    if (global === undefined) this.globals.set(key, (global = new PyGlobal(module3, name3)));
    this.options.onGlobal?.(global);
    return global;
  }

  /** STACK_GLOBAL: the names are values. */
  globalOf(module: PyValue, name: PyValue): PyGlobal {
    const moduleText = textOf(module);
    const nameText = textOf(name);
    if (moduleText === undefined || nameText === undefined) {
      throw new UnsupportedError('STACK_GLOBAL with a name that the pickle computes', {
        expected: 'two str',
        found: `${kindOf(module)} and ${kindOf(name)}`,
      });
    }
    return this.global(moduleText, nameText);
  }

  persistent(id: PyValue): PyValue {
    const persistentId = new PyPersistentId(id);
    const { persistentLoad } = this.options;
    return persistentLoad === undefined ? persistentId : persistentLoad(persistentId);
  }

  /** REDUCE, NEWOBJ and NEWOBJ_EX. */
  object(
    how: 'reduce' | 'newobj',
    callable: PyValue,
    args: PyValue,
    kwargs: PyValue | undefined,
    opcode: number,
  ): PyValue {
    if (!(args instanceof PyTuple)) throw wrongOperand(opcode, 'a tuple of arguments', args);
    if (kwargs !== undefined && !(kwargs instanceof PyDict)) {
      throw wrongOperand(opcode, 'a dict of keyword arguments', kwargs);
    }
    if (callable instanceof PyGlobal) {
      const folded = this.handlerOf(callable)?.create(args, how, kwargs);
      if (folded !== undefined) return folded;
    } else if (
      !(callable instanceof PyObject || callable instanceof PyPersistentId || callable instanceof PyExternal)
    ) {
      throw wrongOperand(opcode, 'a class or function', callable);
    }
    return new PyObject(how, callable, args, kwargs);
  }

  /** INST and OBJ: without arguments Python 3 makes the object by `__new__`, with arguments by a call. */
  instance(callable: PyValue, args: readonly PyValue[], opcode: number): PyValue {
    return this.object(
      args.length === 0 ? 'newobj' : 'reduce',
      callable,
      new PyTuple(args),
      undefined,
      opcode,
    );
  }

  private handlerOf(global: PyGlobal): ClassHandler | undefined {
    const known = this.handlers.get(global);
    if (known !== undefined) return known ?? undefined;
    const fold = FOLDS.get(global.path);
    const isShared = (value: PyValue): boolean => this.shared.has(value);
    const handler =
      this.options.classHandlers?.get(global.path) ??
      (fold && {
        create: (args: PyTuple, how: 'reduce' | 'newobj') =>
          how === 'reduce' ? fold(args, isShared) : undefined,
      });
    this.handlers.set(global, handler ?? null);
    return handler;
  }
}

function wrongOperand(opcode: number, expected: string, found: PyValue): FormatError {
  return new FormatError(`${opcodeName(opcode)} finds another kind of value`, {
    expected,
    found: kindOf(found),
  });
}
