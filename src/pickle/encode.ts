import { LimitError, UsageError } from '../errors.js';
import { PyDict } from './dict.js';
import {
  attributeOf,
  BatchTask,
  type EncodeTarget,
  type EncodeTask,
  ObjectTask,
  PersistentIdTask,
  SetTask,
  TupleTask,
} from './encode-tasks.js';
import { DEFAULT_LIMITS } from './limits.js';
import { toPython2Name } from './python2.js';
import { characterOfByte, isSingletonText, LATIN1_NAME } from './strings.js';
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
import { codeOf, PickleWriter } from './writer.js';

export interface EncodeOptions {
  /**
   * What to write for a leaf that is not a pickle value; it may be another leaf. Asked each time that the leaf is
   * met: the same answer makes it one object, a new answer makes a new object, as persistent ids are.
   */
  external?: (value: PyExternal) => PyValue;
  /** Write the Python 2 names of classes and functions, as CPython does by default. Default true. */
  pythonTwoNames?: boolean;
  /** Levels of nesting, as in PickleLimits. */
  depth?: number;
}

/**
 * Encodes a value as pickle protocol 2, opcode for opcode as CPython's C pickler writes it (the one that
 * torch.save uses; `Modules/_pickle.c`).
 *
 * Memo: every container, str, bytes, class and object that is met again is written as a reference. Bare strings
 * have no identity: each is written in full, except those that CPython has one object of (see `strings.ts`).
 * Real programs share more: names of attributes are interned when an object is unpickled, so a torch.save after
 * a torch.load writes the equal keys of two objects' states once, which no reader of the pickle alone can know.
 * A {@link PyStr} says so explicitly.
 *
 * @throws UsageError for values that a pickle cannot have, and leaves without `external`. UnsupportedError for
 * class names that protocol 2 cannot hold. LimitError for nesting beyond `depth`.
 */
export function encodePickle(value: PyValue, options: EncodeOptions = {}): Uint8Array {
  return new Encoder(options).encode(value);
}

const EMPTY_DICT = codeOf('EMPTY_DICT');
const EMPTY_LIST = codeOf('EMPTY_LIST');
const EMPTY_TUPLE_CODE = codeOf('EMPTY_TUPLE');
const NEWFALSE = codeOf('NEWFALSE');
const NEWTRUE = codeOf('NEWTRUE');
const NONE = codeOf('NONE');
const PROTO = codeOf('PROTO');
const REDUCE = codeOf('REDUCE');
const STOP = codeOf('STOP');
const TUPLE1 = codeOf('TUPLE1');
const TUPLE2 = codeOf('TUPLE2');

const CODECS_ENCODE = new PyGlobal('_codecs', 'encode');
const BYTES = new PyGlobal('builtins', 'bytes');
const BYTEARRAY = new PyGlobal('builtins', 'bytearray');

class Encoder implements EncodeTarget {
  readonly writer = new PickleWriter();
  private readonly tasks: EncodeTask[] = [];
  private slotCount = 0;
  /** Slots of values that have an identity. */
  private readonly slots = new Map<PyValue, number>();
  private readonly singletonSlots = new Map<string, number>();
  /** By module and name: two PyGlobal of the same name are one class. */
  private readonly globalSlots = new Map<string, number>();
  private readonly maxTasks: number;

  constructor(private readonly options: EncodeOptions) {
    // An object or a set takes a task for itself and one for its items.
    this.maxTasks = 2 * (options.depth ?? DEFAULT_LIMITS.depth);
  }

  encode(value: PyValue): Uint8Array {
    const { writer, tasks } = this;
    writer.opcode(PROTO);
    writer.opcode(2);
    this.save(value);
    for (let task = tasks.at(-1); task !== undefined; task = tasks.at(-1)) {
      if (task.run(this)) tasks.pop();
    }
    writer.opcode(STOP);
    return writer.finish();
  }

  push(task: EncodeTask): void {
    if (this.tasks.length >= this.maxTasks) {
      throw new LimitError('The value is nested too deeply for a pickle', {
        expected: `${this.maxTasks / 2} levels at most`,
      });
    }
    this.tasks.push(task);
  }

  slotOf(value: PyValue): number | undefined {
    return this.slots.get(value);
  }

  memoize(value: PyValue): void {
    this.slots.set(value, this.slotCount);
    this.memoizeTemporary();
  }

  memoizeTemporary(): void {
    this.writer.put(this.slotCount++);
  }

  save(value: PyValue): boolean {
    const { writer } = this;
    switch (typeof value) {
      case 'number':
      case 'bigint':
        writer.integer(value);
        return true;
      case 'boolean':
        writer.opcode(value ? NEWTRUE : NEWFALSE);
        return true;
      case 'string':
        this.saveText(value);
        return true;
    }
    if (value === null) {
      writer.opcode(NONE);
      return true;
    }
    if (value instanceof PyFloat) {
      writer.float(value);
      return true;
    }
    const slot = this.slots.get(value);
    if (slot !== undefined) {
      writer.get(slot);
      return true;
    }
    return this.saveNew(value);
  }

  /** A value with identity that is met for the first time. */
  private saveNew(value: Exclude<PyValue, string | number | bigint | boolean | null | PyFloat>): boolean {
    const { writer } = this;
    if (value instanceof PyTuple) {
      if (value.items.length > 0) return this.begin(new TupleTask(value));
      writer.opcode(EMPTY_TUPLE_CODE);
    } else if (value instanceof PyObject) {
      return this.begin(new ObjectTask(value, value));
    } else if (value instanceof PyGlobal) {
      return this.saveGlobal(value);
    } else if (value instanceof PyStr) {
      writer.text(value.text, value.utf8);
      this.memoize(value);
    } else if (value instanceof PyPersistentId) {
      return this.begin(new PersistentIdTask(value));
    } else if (value instanceof PyDict) {
      writer.opcode(EMPTY_DICT);
      this.memoize(value);
      if (value.size > 0) return this.begin(new BatchTask(value.alternating, 'pairs', true));
    } else if (value instanceof PyList) {
      writer.opcode(EMPTY_LIST);
      this.memoize(value);
      if (value.items.length > 0) return this.begin(new BatchTask(value.items, 'items', true));
    } else if (value instanceof PySet || value instanceof PyFrozenSet) {
      return this.begin(new SetTask(value));
    } else if (value instanceof Uint8Array) {
      this.saveBytes(value);
    } else if (value instanceof PyByteArray) {
      this.saveByteArray(value);
    } else if (value instanceof PyExternal) {
      return this.saveExternal(value);
    } else {
      throw new UsageError('A pickle cannot have this value', { found: String(value) });
    }
    return true;
  }

  private begin(task: EncodeTask): false {
    this.push(task);
    return false;
  }

  private saveText(text: string): void {
    const isSingleton = isSingletonText(text);
    const slot = isSingleton ? this.singletonSlots.get(text) : undefined;
    if (slot !== undefined) {
      this.writer.get(slot);
      return;
    }
    if (isSingleton) this.singletonSlots.set(text, this.slotCount);
    this.writer.text(text);
    this.memoizeTemporary();
  }

  private saveGlobal(global: PyGlobal): boolean {
    const { module, name } = global;
    const key = `${module}\n${name}`;
    const slot = this.globalSlots.get(key);
    if (slot !== undefined) {
      this.slots.set(global, slot);
      this.writer.get(slot);
      return true;
    }
    if (name.includes('.')) return this.begin(new ObjectTask(attributeOf(module, name), global));
    const names = this.options.pythonTwoNames === false ? [module, name] : toPython2Name(module, name);
    this.writer.global(names[0]!, names[1]!);
    this.globalSlots.set(key, this.slotCount);
    this.memoize(global);
    return true;
  }

  /** See `fold.ts` for the calls that stand for bytes and bytearray. */
  private saveBytes(bytes: Uint8Array): void {
    const { writer } = this;
    if (bytes.length === 0) {
      this.saveGlobal(BYTES);
      writer.opcode(EMPTY_TUPLE_CODE);
    } else {
      this.saveGlobal(CODECS_ENCODE);
      if (bytes.length === 1) {
        this.save(characterOfByte(bytes));
      } else {
        writer.latin1(bytes);
        this.memoizeTemporary();
      }
      this.save(LATIN1_NAME);
      writer.opcode(TUPLE2);
      this.memoizeTemporary();
    }
    writer.opcode(REDUCE);
    this.memoize(bytes);
  }

  private saveByteArray(array: PyByteArray): void {
    const { writer } = this;
    this.saveGlobal(BYTEARRAY);
    if (array.bytes.length === 0) {
      writer.opcode(EMPTY_TUPLE_CODE);
    } else {
      this.save(array.bytes);
      writer.opcode(TUPLE1);
      this.memoizeTemporary();
    }
    writer.opcode(REDUCE);
    this.memoize(array);
  }

  private saveExternal(value: PyExternal): boolean {
    const { external } = this.options;
    if (external === undefined) {
      throw new UsageError('A leaf of the value has no form in a pickle', { found: value.constructor.name });
    }
    return this.save(external(value));
  }
}
