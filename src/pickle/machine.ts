import {
  decodeLatin1,
  decodeUtf8,
  hasSurrogatePairBytes,
  readInt32BE,
  readInt32LE,
  readUint16LE,
  readUint32LE,
  readUint64LE,
} from '../bytes.js';
import { DcpError, FormatError, LimitError, UnsupportedError } from '../errors.js';
import { addItems, appendItems, buildState, kindOf, setItems, takeSetterCall } from './build.js';
import { Constructor } from './construct.js';
import type { DecodeOptions } from './decode.js';
import { checkDepth } from './depth.js';
import { PyDict } from './dict.js';
import { type Framing, MemoNumbers, readSlotLine } from './framing.js';
import { decodeTwosComplement } from './integers.js';
import { DEFAULT_LIMITS, type PickleLimits } from './limits.js';
import { Memo } from './memo.js';
import { opcodeName } from './opcodes.js';
import { PickleStack } from './stack.js';
import {
  decodeEightBitString,
  decodeFloatLine,
  decodeIntLine,
  decodeLongLine,
  decodeStringLine,
  decodeUnicodeLine,
} from './text-arguments.js';
import {
  EMPTY_TUPLE,
  PyByteArray,
  PyFloat,
  PyFrozenSet,
  PyList,
  PyObject,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from './values.js';

/**
 * Runs the opcodes that `framing` found and returns what STOP leaves. If framing found an error behind them,
 * throws that at the end.
 */
export function runOpcodes(bytes: Uint8Array, framing: Framing, options: DecodeOptions): PyValue {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const machine = new Machine(bytes, framing, limits, options);
  try {
    const value = machine.run();
    checkDepth(value, limits.depth, machine.make.shared);
    return value;
  } catch (error) {
    const context = { byteOffset: machine.opcodeOffset };
    if (error instanceof DcpError) throw error.addContext(context);
    if (error instanceof RangeError) {
      throw new LimitError('The pickle holds more than JavaScript can', { ...context, cause: error });
    }
    throw error;
  }
}

/** Framing has checked that every argument lies inside the bytes. */
class Machine {
  /** Of the opcode that is being run. */
  opcodeOffset = 0;
  /** Behind the last TUPLE2; behind the last REDUCE that followed one at once; behind the last row of POPs. */
  private pairEnd = 0;
  private callEnd = 0;
  private popsEnd = 0;
  private readonly stack: PickleStack;
  private readonly memo: Memo;
  private readonly memoNumbers = new MemoNumbers();
  readonly make: Constructor;

  private readonly bytes: Uint8Array;

  constructor(
    bytes: Uint8Array,
    private readonly framing: Framing,
    private readonly limits: PickleLimits,
    private readonly options: DecodeOptions,
  ) {
    // A Buffer would give out slices of itself, not copies.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.stack = new PickleStack(limits.stackEntries);
    this.memo = new Memo(framing.fetched);
    this.make = new Constructor(options);
  }

  run(): PyValue {
    const { bytes, stack, make } = this;
    for (let at = this.framing.start; ; ) {
      if (at === this.framing.end) throw this.framing.error;
      this.opcodeOffset = at;
      const code = bytes[at++]!;
      stack.opcode = code;
      switch (code) {
        case 0x28: // MARK
          stack.mark();
          break;
        case 0x29: // EMPTY_TUPLE
          stack.push(EMPTY_TUPLE);
          break;
        case 0x2e: // STOP
          return this.stop();
        case 0x30: // POP
          if (stack.endsInMark) stack.popMark();
          else if (this.callEnd !== at - 1 || !takeSetterCall(stack)) this.drop(stack.take(1), at);
          break;
        case 0x31: // POP_MARK
          this.drop(stack.takeToMark(), at);
          break;
        case 0x32: // DUP
          stack.top = make.sharedForm(stack.top);
          stack.push(stack.top);
          break;
        case 0x42: // BINBYTES
          at = this.bytesOf(at + 4, readUint32LE(bytes, at));
          break;
        case 0x43: // SHORT_BINBYTES
          at = this.bytesOf(at + 1, bytes[at]!);
          break;
        case 0x47: // BINFLOAT
          stack.push(new PyFloat(readInt32BE(bytes, at), readInt32BE(bytes, at + 4)));
          at += 8;
          break;
        case 0x4a: // BININT
          stack.push(readInt32LE(bytes, at));
          at += 4;
          break;
        case 0x4b: // BININT1
          stack.push(bytes[at]!);
          at += 1;
          break;
        case 0x4d: // BININT2
          stack.push(readUint16LE(bytes, at));
          at += 2;
          break;
        case 0x4e: // NONE
          stack.push(null);
          break;
        case 0x51: // BINPERSID
          stack.top = make.persistent(stack.top);
          break;
        case 0x52: {
          // REDUCE
          this.callEnd = this.pairEnd === at - 1 ? at : 0;
          const args = stack.pop();
          stack.top = make.object('reduce', stack.top, args, undefined, code);
          break;
        }
        case 0x54: // BINSTRING
          at = this.eightBitOf(at + 4, readInt32LE(bytes, at));
          break;
        case 0x55: // SHORT_BINSTRING
          at = this.eightBitOf(at + 1, bytes[at]!);
          break;
        case 0x58: // BINUNICODE
          at = this.textOf(at + 4, readUint32LE(bytes, at));
          break;
        case 0x5d: // EMPTY_LIST
          stack.push(new PyList());
          break;
        case 0x61: {
          // APPEND
          stack.need(2);
          const end = stack.height--;
          appendItems(stack.top, stack.values, end - 1, end, 'APPEND');
          break;
        }
        case 0x62: {
          // BUILD
          const state = stack.pop();
          buildState(stack.top, state);
          break;
        }
        case 0x64: {
          // DICT
          const end = stack.cutAtMark();
          const dict = new PyDict();
          setItems(dict, stack.values, stack.height, end, 'DICT', make.isNewKey);
          stack.push(dict);
          break;
        }
        case 0x65: {
          // APPENDS
          const end = stack.cutAtMark();
          appendItems(stack.top, stack.values, stack.height, end, 'APPENDS');
          break;
        }
        case 0x68: // BINGET
          stack.push(this.fetch(bytes[at]!));
          at += 1;
          break;
        case 0x6a: // LONG_BINGET
          stack.push(this.fetch(readUint32LE(bytes, at)));
          at += 4;
          break;
        case 0x6c: // LIST
          stack.push(new PyList(stack.takeToMark()));
          break;
        case 0x6f: {
          // OBJ
          const [callable, ...args] = stack.takeToMark();
          if (callable === undefined) throw new FormatError('OBJ finds no class behind its MARK');
          stack.push(make.instance(callable, args, code));
          break;
        }
        case 0x71: // BINPUT
          this.put(bytes[at]!);
          at += 1;
          break;
        case 0x72: // LONG_BINPUT
          this.put(readUint32LE(bytes, at));
          at += 4;
          break;
        case 0x73: {
          // SETITEM
          stack.need(3);
          const end = stack.height;
          stack.height -= 2;
          setItems(stack.top, stack.values, end - 2, end, 'SETITEM', make.isNewKey);
          break;
        }
        case 0x74: {
          // TUPLE
          const items = stack.takeToMark();
          stack.push(items.length === 0 ? EMPTY_TUPLE : new PyTuple(items));
          break;
        }
        case 0x75: {
          // SETITEMS
          const end = stack.cutAtMark();
          setItems(stack.top, stack.values, stack.height, end, 'SETITEMS', make.isNewKey);
          break;
        }
        case 0x7d: // EMPTY_DICT
          stack.push(new PyDict());
          break;
        case 0x80: // PROTO
          make.setProtocol(bytes[at]!);
          at += 1;
          break;
        case 0x81: {
          // NEWOBJ
          const args = stack.pop();
          stack.top = make.object('newobj', stack.top, args, undefined, code);
          break;
        }
        case 0x85: // TUPLE1
          stack.top = new PyTuple([stack.top]);
          break;
        case 0x86: // TUPLE2
          stack.push(new PyTuple(stack.take(2)));
          this.pairEnd = at;
          break;
        case 0x87: // TUPLE3
          stack.push(new PyTuple(stack.take(3)));
          break;
        case 0x88: // NEWTRUE
          stack.push(true);
          break;
        case 0x89: // NEWFALSE
          stack.push(false);
          break;
        case 0x8a: // LONG1
          at = this.integerOf(at + 1, bytes[at]!);
          break;
        case 0x8b: // LONG4
          at = this.integerOf(at + 4, readInt32LE(bytes, at));
          break;
        case 0x8c: // SHORT_BINUNICODE
          at = this.textOf(at + 1, bytes[at]!);
          break;
        case 0x8d: // BINUNICODE8
          at = this.textOf(at + 8, readUint64LE(bytes, at));
          break;
        case 0x8e: // BINBYTES8
          at = this.bytesOf(at + 8, readUint64LE(bytes, at));
          break;
        case 0x8f: // EMPTY_SET
          stack.push(new PySet());
          break;
        case 0x90: {
          // ADDITEMS
          const end = stack.cutAtMark();
          addItems(stack.top, stack.values, stack.height, end);
          break;
        }
        case 0x91: // FROZENSET
          stack.push(new PyFrozenSet(stack.takeToMark()));
          break;
        case 0x92: {
          // NEWOBJ_EX
          const kwargs = stack.pop();
          const args = stack.pop();
          stack.top = make.object('newobj', stack.top, args, kwargs, code);
          break;
        }
        case 0x93: {
          // STACK_GLOBAL
          const name = stack.pop();
          stack.top = make.globalOf(stack.top, name);
          break;
        }
        case 0x94: // MEMOIZE
          this.keep(this.memoNumbers.next());
          break;
        case 0x95: // FRAME
          at += 8;
          break;
        case 0x96: // BYTEARRAY8
          at = this.bytesOf(at + 8, readUint64LE(bytes, at));
          stack.top = new PyByteArray(stack.top as Uint8Array);
          break;
        default:
          at = this.runLine(code, at);
      }
    }
  }

  /** The opcodes whose argument is text up to a newline. Returns where the next opcode begins. */
  private runLine(code: number, at: number): number {
    const { bytes, stack, make } = this;
    const end = bytes.indexOf(0x0a, at);
    const line = bytes.subarray(at, end);
    switch (code) {
      case 0x46: // FLOAT
        stack.push(decodeFloatLine(line));
        break;
      case 0x49: // INT
        stack.push(decodeIntLine(line));
        break;
      case 0x4c: // LONG
        stack.push(decodeLongLine(line));
        break;
      case 0x50: // PERSID
        stack.push(make.persistent(decodeLatin1(line)));
        break;
      case 0x53: // STRING
        this.pushEightBit(decodeStringLine(line));
        break;
      case 0x56: // UNICODE
        stack.push(make.str(decodeUnicodeLine(line)));
        break;
      case 0x67: // GET
        stack.push(this.fetch(readSlotLine(bytes, at, end + 1)));
        break;
      case 0x70: // PUT
        this.put(readSlotLine(bytes, at, end + 1));
        break;
      case 0x63: // GLOBAL
      case 0x69: {
        // INST
        const nameEnd = bytes.indexOf(0x0a, end + 1);
        const global = make.global(decodeUtf8(line), decodeUtf8(bytes, end + 1, nameEnd));
        stack.push(code === 0x63 ? global : make.instance(global, stack.takeToMark(), code));
        return nameEnd + 1;
      }
      default:
        throw new UnsupportedError(`Cannot read opcode ${opcodeName(code)}`);
    }
    return end + 1;
  }

  private stop(): PyValue {
    const { stack } = this;
    const value = stack.pop();
    if (!stack.isEmpty) throw new FormatError('The pickle leaves values on the stack besides its result');
    return value;
  }

  /**
   * POP and POP_MARK. CPython's pickler drops values where a tuple or object that contains itself was finished
   * while its own parts were saved: the parts are dropped and it is fetched from the memo. Any other call whose
   * result is dropped may have been made for its effects, which values cannot express.
   */
  private drop(values: readonly PyValue[], at: number): void {
    const call = values.find(value => value instanceof PyObject);
    if (call === undefined) return;
    if (at > this.popsEnd) {
      this.popsEnd = at;
      while (opcodeName(this.bytes[this.popsEnd]!) === 'POP') this.popsEnd++;
    }
    if (!['GET', 'BINGET', 'LONG_BINGET'].includes(opcodeName(this.bytes[this.popsEnd]!))) {
      throw new UnsupportedError('The pickle makes a call and drops its result', { found: kindOf(call) });
    }
  }

  private put(slot: number): void {
    this.memoNumbers.put(slot);
    this.keep(slot);
  }

  private keep(slot: number): void {
    const { stack, memo } = this;
    stack.need(1);
    if (memo.keeps(slot)) memo.put(slot, (stack.top = this.make.sharedForm(stack.top)));
  }

  private fetch(slot: number): PyValue {
    const value = this.memo.get(slot);
    if (value === undefined) {
      throw new FormatError(`${opcodeName(this.stack.opcode)} fetches a memo slot that nothing was put in`, {
        found: `slot ${slot}`,
      });
    }
    return value;
  }

  private textOf(start: number, byteLength: number): number {
    const { bytes } = this;
    const end = start + byteLength;
    const text = decodeUtf8(bytes, start, end);
    const isExact = text.length === byteLength || !hasSurrogatePairBytes(bytes, start, end);
    this.stack.push(this.make.str(isExact ? text : new PyStr(text, bytes.slice(start, end))));
    return end;
  }

  private bytesOf(start: number, byteLength: number): number {
    this.stack.push(this.bytes.slice(start, start + byteLength));
    return start + byteLength;
  }

  private eightBitOf(start: number, byteLength: number): number {
    this.pushEightBit(this.bytes.slice(start, start + byteLength));
    return start + byteLength;
  }

  private pushEightBit(bytes: Uint8Array): void {
    const value = decodeEightBitString(bytes, this.options.python2Strings ?? 'utf-8');
    this.stack.push(typeof value === 'string' ? this.make.str(value) : value);
  }

  private integerOf(start: number, byteLength: number): number {
    if (byteLength > this.limits.integerByteLength) {
      throw new LimitError('An int is too large', {
        expected: `${this.limits.integerByteLength} bytes at most`,
        found: `${byteLength} bytes`,
      });
    }
    this.stack.push(decodeTwosComplement(this.bytes, start, start + byteLength));
    return start + byteLength;
  }
}
