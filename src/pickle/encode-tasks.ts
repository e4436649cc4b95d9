import { UnsupportedError } from '../errors.js';
import {
  EMPTY_TUPLE,
  type PyFrozenSet,
  PyGlobal,
  PyObject,
  type PyPersistentId,
  PySet,
  PyTuple,
  type PyValue,
} from './values.js';
import { codeOf, type PickleWriter } from './writer.js';

/**
 * How each kind of container is written. A task writes until it meets a part that has parts of its own; the
 * encoder finishes that first and then runs the task again. So no nesting can exhaust the call stack.
 */
export interface EncodeTask {
  /** True when everything is written; false when `save` returned false or `push` was called. */
  run(target: EncodeTarget): boolean;
}

/** What tasks need of the encoder. */
export interface EncodeTarget {
  readonly writer: PickleWriter;
  /** Writes a value. False if a task was pushed that must finish first. */
  save(value: PyValue): boolean;
  push(task: EncodeTask): void;
  /** The memo slot of a value that is already written in full. */
  slotOf(value: PyValue): number | undefined;
  /** Puts the value on top of the stack into the next memo slot. */
  memoize(value: PyValue): void;
  /** The same for a temporary object of the pickler, which nothing can refer to again. */
  memoizeTemporary(): void;
}

const APPEND = codeOf('APPEND');
const APPENDS = codeOf('APPENDS');
const BINPERSID = codeOf('BINPERSID');
const BUILD = codeOf('BUILD');
const EMPTY_LIST = codeOf('EMPTY_LIST');
const MARK = codeOf('MARK');
const NEWOBJ = codeOf('NEWOBJ');
const POP = codeOf('POP');
const POP_MARK = codeOf('POP_MARK');
const REDUCE = codeOf('REDUCE');
const SETITEM = codeOf('SETITEM');
const SETITEMS = codeOf('SETITEMS');
const TUPLE = codeOf('TUPLE');
const SHORT_TUPLES = [codeOf('EMPTY_TUPLE'), codeOf('TUPLE1'), codeOf('TUPLE2'), codeOf('TUPLE3')];

/** A tuple of at least one item. It is put into the memo when it is complete: see {@link fetchInstead}. */
export class TupleTask implements EncodeTask {
  private next = 0;

  constructor(private readonly tuple: PyTuple) {}

  run(target: EncodeTarget): boolean {
    const { writer } = target;
    const { items } = this.tuple;
    const short = SHORT_TUPLES[items.length];
    if (this.next === 0 && short === undefined) writer.opcode(MARK);
    while (this.next < items.length) if (!target.save(items[this.next++]!)) return false;
    if (fetchInstead(target, this.tuple, short === undefined ? [POP_MARK] : items.map(() => POP)))
      return true;
    writer.opcode(short ?? TUPLE);
    target.memoize(this.tuple);
    return true;
  }
}

/**
 * Values that are made from their parts can be met again while the parts are saved, if they contain themselves:
 * then they are in the memo by now, and what was written on the way here is dropped.
 */
function fetchInstead(target: EncodeTarget, value: PyValue, drop: readonly number[]): boolean {
  const slot = target.slotOf(value);
  if (slot === undefined) return false;
  for (const code of drop) target.writer.opcode(code);
  target.writer.get(slot);
  return true;
}

/** Items of one APPENDS, or pairs of one SETITEMS. */
const BATCH = 1000;

/**
 * Items for the object on top of the stack, in batches. CPython has two loops, one for exact lists and dicts,
 * and one for the iterators of other objects; they differ in how they write what remains:
 *
 * | remaining           | exact                              | iterator         |
 * | ------------------- | ---------------------------------- | ---------------- |
 * | 1 of 1              | APPEND or SETITEM                  | the same         |
 * | 1 after full batches | MARK … APPENDS or SETITEMS        | APPEND, SETITEM  |
 * | 0 after full batches | nothing; for a dict MARK SETITEMS | nothing          |
 */
export class BatchTask implements EncodeTask {
  private next = 0;
  private batchEnd = 0;
  private closing: number | undefined;

  /** `parts` holds items, or keys and values in turn. */
  constructor(
    private readonly parts: readonly PyValue[],
    private readonly of: 'items' | 'pairs',
    private readonly isExact: boolean,
  ) {}

  run(target: EncodeTarget): boolean {
    const { parts } = this;
    for (;;) {
      while (this.next < this.batchEnd) if (!target.save(parts[this.next++]!)) return false;
      if (!this.turn(target.writer)) return true;
    }
  }

  /** Ends the batch and begins the next; false if there is none. */
  private turn(writer: PickleWriter): boolean {
    const width = this.of === 'items' ? 1 : 2;
    if (this.closing !== undefined) writer.opcode(this.closing);
    const left = (this.parts.length - this.next) / width;
    const many = this.of === 'items' ? APPENDS : SETITEMS;
    if (left === 0) {
      const hasFullBatch = this.next > 0 && (this.next / width) % BATCH === 0;
      if (this.isExact && this.of === 'pairs' && hasFullBatch) {
        writer.opcode(MARK);
        writer.opcode(many);
      }
      return false;
    }
    const isSingle = left === 1 && !(this.isExact && this.next > 0);
    if (!isSingle) writer.opcode(MARK);
    this.closing = !isSingle ? many : this.of === 'items' ? APPEND : SETITEM;
    this.batchEnd = this.next + Math.min(left, BATCH) * width;
    return true;
  }
}

const SET = new PyGlobal('builtins', 'set');
const FROZENSET = new PyGlobal('builtins', 'frozenset');

/** A set or frozenset: a call with a list of the items. */
export class SetTask implements EncodeTask {
  private areItemsWritten = false;

  constructor(private readonly set: PySet | PyFrozenSet) {}

  run(target: EncodeTarget): boolean {
    const { writer } = target;
    if (!this.areItemsWritten) {
      this.areItemsWritten = true;
      target.save(this.set instanceof PySet ? SET : FROZENSET);
      writer.opcode(EMPTY_LIST);
      target.memoizeTemporary();
      target.push(new BatchTask(this.set.items, 'items', true));
      return false;
    }
    writer.opcode(SHORT_TUPLES[1]!);
    target.memoizeTemporary();
    writer.opcode(REDUCE);
    if (!fetchInstead(target, this.set, [POP])) target.memoize(this.set);
    return true;
  }
}

export class PersistentIdTask implements EncodeTask {
  private isIdWritten = false;

  constructor(private readonly persistentId: PyPersistentId) {}

  run(target: EncodeTarget): boolean {
    if (!this.isIdWritten) {
      this.isIdWritten = true;
      if (!target.save(this.persistentId.id)) return false;
    }
    target.writer.opcode(BINPERSID);
    return true;
  }
}

/** An object by the reduce protocol. `memoizeAs` is what stands in the memo for it. */
export class ObjectTask implements EncodeTask {
  private step = 0;
  private readonly callable: PyValue;
  private readonly args: PyTuple;
  private readonly code: number;

  constructor(
    private readonly object: PyObject,
    private readonly memoizeAs: PyValue,
  ) {
    const hasKeywords = object.kwargs !== undefined;
    if (hasKeywords && object.how === 'reduce') {
      throw new UnsupportedError('Pickle has no call with keyword arguments');
    }
    this.callable = hasKeywords ? newWithKeywords(object) : object.callable;
    this.args = hasKeywords ? EMPTY_TUPLE : object.args;
    this.code = hasKeywords || object.how === 'reduce' ? REDUCE : NEWOBJ;
  }

  run(target: EncodeTarget): boolean {
    const { writer } = target;
    const { listItems, dictItems, state, stateSetter } = this.object;
    for (;;) {
      switch (this.step++) {
        case 0:
          if (!target.save(this.callable)) return false;
          break;
        case 1:
          if (!target.save(this.args)) return false;
          break;
        case 2:
          writer.opcode(this.code);
          if (fetchInstead(target, this.memoizeAs, [POP])) return true;
          target.memoize(this.memoizeAs);
          break;
        case 3:
          if (listItems === undefined) break;
          target.push(new BatchTask(listItems, 'items', false));
          return false;
        case 4:
          if (dictItems === undefined) break;
          target.push(new BatchTask(dictItems.flat(), 'pairs', false));
          return false;
        case 5:
          if (state === undefined) return true;
          if (stateSetter === undefined) break;
          if (!target.save(stateSetter)) return false;
          break;
        case 6:
          if (stateSetter !== undefined) target.save(this.memoizeAs);
          if (!target.save(state!)) return false;
          break;
        default:
          if (stateSetter === undefined) {
            writer.opcode(BUILD);
          } else {
            // The pickler writes this tuple itself and does not put it into the memo.
            writer.opcode(SHORT_TUPLES[2]!);
            writer.opcode(REDUCE);
            writer.opcode(POP);
          }
          return true;
      }
    }
  }
}

/**
 * `cls.__new__(cls, *args, **kwargs)` below protocol 4: a call of `functools.partial(cls.__new__, cls, *args,
 * **kwargs)` without arguments. Pickle writes a partial object as `partial(function)` with the state
 * (function, args, kwargs, attributes). CPython names the class that defines `__new__`; that is not known here,
 * and the class itself gives the same function.
 */
function newWithKeywords({ callable, args, kwargs }: PyObject): PyObject {
  const construct = new PyObject('reduce', GETATTR, new PyTuple([callable, '__new__']));
  const partial = new PyObject('reduce', PARTIAL, new PyTuple([construct]));
  partial.state = new PyTuple([construct, new PyTuple([callable, ...args.items]), kwargs!, null]);
  return partial;
}

const GETATTR = new PyGlobal('builtins', 'getattr');
const PARTIAL = new PyGlobal('functools', 'partial');

/** A name with dots below protocol 4, for example a class inside a class: `getattr(outer, 'Inner')`. */
export function attributeOf(module: string, name: string): PyObject {
  const dot = name.lastIndexOf('.');
  const outer = new PyGlobal(module, name.slice(0, dot));
  return new PyObject('reduce', GETATTR, new PyTuple([outer, name.slice(dot + 1)]));
}
