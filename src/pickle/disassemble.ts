import { decodeLatin1, decodeUtf8, readInt32LE, readUint16LE, readUint32LE, readUint64LE } from '../bytes.js';
import { DcpError, FormatError } from '../errors.js';
import { argumentEnd, endsInside, noOpcode, PREFIX_BYTE_LENGTH } from './argument-extent.js';
import { decodeTwosComplement } from './integers.js';
import { bytesLiteral, floatLiteral, textLiteral } from './leaf-literal.js';
import { toPythonLiteral } from './literal.js';
import { OPCODE_BY_CODE, type Opcode } from './opcodes.js';
import {
  decodeFloatLine,
  decodeIntLine,
  decodeLongLine,
  decodeStringLine,
  decodeUnicodeLine,
} from './text-arguments.js';

export interface DisassembleOptions {
  /** Where in `bytes` the pickle begins; default 0. Positions are those in `bytes`. */
  start?: number;
  /** Of longer texts and data the rest is shown as `...`. Default: nothing is. */
  maxTextLength?: number;
}

export interface Disassembly {
  /** Behind STOP; with an error, where the opcode at fault begins. */
  end: number;
  /** Why it could not be followed to a STOP. */
  error: DcpError | undefined;
}

/**
 * The opcodes of a pickle, a line each, as CPython's `pickletools.dis` prints them: position, code, name (indented by
 * the marks that are open), argument, and where the mark is that it goes back to. Opcodes are told and not carried out,
 * so that damaged and hostile pickles can be looked at too.
 */
export function* disassemble(
  bytes: Uint8Array,
  { start = 0, maxTextLength = Number.POSITIVE_INFINITY }: DisassembleOptions = {},
): Generator<string, Disassembly> {
  const marks = new MarkStack();
  let memoized = 0;
  let protocol = 0;
  for (let at = start; ; ) {
    const position = at;
    try {
      if (at >= bytes.length) throw new FormatError('The pickle ends without STOP');
      const opcode = OPCODE_BY_CODE[bytes[at]!];
      if (opcode === undefined) throw noOpcode(bytes[at]!);
      const end = argumentEnd(bytes, opcode.argument, at + 1);
      if (end > bytes.length) throw endsInside(bytes, opcode.code, at + 1, end);
      const depth = marks.depth;
      const argument = argumentText(bytes, opcode, at + 1, end, maxTextLength);
      const mark = marks.step(opcode, position);
      const notes = [
        ...(argument === undefined ? [] : [argument]),
        ...(mark === undefined ? [] : [`(MARK at ${mark})`]),
        ...(opcode.name === 'MEMOIZE' ? [`(as ${memoized})`] : []),
      ];
      if (STORES.has(opcode.name)) memoized++;
      protocol = Math.max(protocol, opcode.protocol);
      yield line(position, opcode, depth, notes);
      at = end;
      if (opcode.name !== 'STOP') continue;
      yield `highest protocol among opcodes = ${protocol}`;
      return { end, error: undefined };
    } catch (error) {
      if (!(error instanceof DcpError)) throw error;
      return { end: position, error: error.addContext({ byteOffset: position }) };
    }
  }
}

const INDENT = '    ';
const NAME_WIDTH = 10;
/** Each opcode as the character that it is. */
const CHARACTERS = OPCODE_BY_CODE.map((_, code) =>
  textLiteral(String.fromCharCode(code)).slice(1, -1).padEnd(4),
);

function line(position: number, { code, name }: Opcode, depth: number, notes: readonly string[]): string {
  const head = `${String(position).padStart(5)}: ${CHARACTERS[code]} ${INDENT.repeat(depth)}`;
  return head + (notes.length === 0 ? name : `${name.padEnd(NAME_WIDTH)} ${notes.join(' ')}`);
}

const STORES = new Set(['PUT', 'BINPUT', 'LONG_BINPUT', 'MEMOIZE']);

/** How many values more are on the stack after an opcode without marks; one where it is not here. */
const EFFECTS: Readonly<Record<string, number>> = {
  ...{ STOP: -1, POP: -1, BINPERSID: 0, REDUCE: -1, BUILD: -1, APPEND: -1, SETITEM: -2 },
  ...{ TUPLE1: 0, TUPLE2: -1, TUPLE3: -2, NEWOBJ: -1, NEWOBJ_EX: -2, STACK_GLOBAL: -1 },
  ...{ PUT: 0, BINPUT: 0, LONG_BINPUT: 0, MEMOIZE: 0, PROTO: 0, FRAME: 0, READONLY_BUFFER: 0 },
};

/** The same of opcodes that take all down to a mark: what they leave in place of that. */
const LEFT_BY_MARKED: Readonly<Record<string, number>> = {
  ...{ POP_MARK: 0, TUPLE: 1, LIST: 1, DICT: 1, FROZENSET: 1, INST: 1, OBJ: 1 },
  ...{ APPENDS: 0, SETITEMS: 0, ADDITEMS: 0 },
};

/** Which marks are open, and how many values lie on each: POP takes a mark where there are none. */
class MarkStack {
  private readonly marks: { position: number; values: number }[] = [];
  /** Below all marks. */
  private values = 0;

  get depth(): number {
    return this.marks.length;
  }

  /** Follows an opcode, and returns the position of the mark that it takes away, if it does. */
  step({ name }: Opcode, position: number): number | undefined {
    if (name === 'MARK') {
      this.marks.push({ position, values: 0 });
      return undefined;
    }
    const left = LEFT_BY_MARKED[name];
    if (left !== undefined || (name === 'POP' && this.marks.at(-1)?.values === 0)) {
      const mark = this.marks.pop();
      if (mark === undefined) throw new FormatError(`There is no mark for ${name}`);
      this.add(left ?? 0);
      return mark.position;
    }
    this.add(EFFECTS[name] ?? 1);
    return undefined;
  }

  private add(count: number): void {
    const top = this.marks.at(-1);
    if (top === undefined) this.values += count;
    else top.values = Math.max(0, top.values + count);
  }
}

/** The argument as Python's `repr` shows it; undefined where the opcode has none. */
function argumentText(
  bytes: Uint8Array,
  { name, argument }: Opcode,
  start: number,
  end: number,
  maxTextLength: number,
): string | undefined {
  const cut = <T extends { length: number; slice(start: number, end: number): T }>(
    value: T,
    literal: (value: T) => string,
  ): string =>
    value.length <= maxTextLength ? literal(value) : `${literal(value.slice(0, maxTextLength))}...`;
  const text = (value: string): string => cut(value, textLiteral);
  switch (argument) {
    case 'none':
      return undefined;
    case 'uint8':
      return String(bytes[start]);
    case 'uint16':
      return String(readUint16LE(bytes, start));
    case 'int32':
      return String(readInt32LE(bytes, start));
    case 'uint32':
      return String(readUint32LE(bytes, start));
    case 'length64':
      return String(readUint64LE(bytes, start));
    case 'float64':
      return floatLiteral(new DataView(bytes.buffer, bytes.byteOffset + start, 8).getFloat64(0));
    case 'line':
      return lineText(name, bytes.subarray(start, end - 1), text);
    case 'lines':
      return text(decodeLatin1(bytes, start, end - 1).replace('\n', ' '));
    default: {
      const from = start + PREFIX_BYTE_LENGTH[argument]!;
      if (name.startsWith('LONG')) return String(decodeTwosComplement(bytes, from, end));
      if (name.endsWith('BINSTRING')) return text(decodeLatin1(bytes, from, end));
      if (name.includes('UNICODE')) return text(decodeUtf8(bytes, from, end));
      const data = cut(bytes.subarray(from, end), bytesLiteral);
      return name === 'BYTEARRAY8' ? `bytearray(${data})` : data;
    }
  }
}

function lineText(name: string, data: Uint8Array, text: (value: string) => string): string {
  switch (name) {
    case 'INT':
      return toPythonLiteral(decodeIntLine(data));
    case 'LONG':
      return toPythonLiteral(decodeLongLine(data));
    case 'FLOAT':
      return toPythonLiteral(decodeFloatLine(data));
    case 'STRING':
      return text(decodeLatin1(decodeStringLine(data)));
    case 'UNICODE': {
      const value = decodeUnicodeLine(data);
      return text(typeof value === 'string' ? value : value.text);
    }
    case 'PERSID':
      return text(decodeLatin1(data));
    default:
      // GET and PUT: a decimal number.
      return decodeLatin1(data);
  }
}
