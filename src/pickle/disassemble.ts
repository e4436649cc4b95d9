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
      const code = bytes[at]!;
      const form = FORMS[code];
      if (form === undefined) throw noOpcode(code);
      const { opcode } = form;
      const end = argumentEnd(bytes, opcode.argument, at + 1);
      if (end > bytes.length) throw endsInside(bytes, code, at + 1, end);
      const argument = argumentText(bytes, opcode, at + 1, end, maxTextLength);
      const indent = marks.indent;
      const mark = form.usesMarks ? marks.step(form, position) : marks.add(form.effect);
      const head = `${String(position).padStart(5)}: ${form.character} ${indent}`;
      if (mark !== undefined) {
        yield `${head}${form.padded}${argument === undefined ? '' : `${argument} `}(MARK at ${mark})`;
      } else if (argument !== undefined) yield head + form.padded + argument;
      else if (opcode.name === 'MEMOIZE') yield `${head}${form.padded}(as ${memoized})`;
      else yield head + opcode.name;
      if (form.stores) memoized++;
      if (opcode.protocol > protocol) protocol = opcode.protocol;
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
/** Deeper marks do not indent further: a pickle of nothing but marks would become the square of its size. */
const MAX_INDENT_LENGTH = 100 * INDENT.length;
const NAME_WIDTH = 10;

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

/** What is the same of each line of an opcode: an index of a large checkpoint has fifty million. */
interface OpcodeForm {
  opcode: Opcode;
  /** The opcode as the character that it is. */
  character: string;
  /** Its name, and blanks up to what follows. */
  padded: string;
  effect: number;
  leftByMarked: number | undefined;
  usesMarks: boolean;
  stores: boolean;
}

const FORMS = OPCODE_BY_CODE.map((opcode, code): OpcodeForm | undefined => {
  if (opcode === undefined) return undefined;
  const { name } = opcode;
  return {
    opcode,
    character: textLiteral(String.fromCharCode(code)).slice(1, -1).padEnd(4),
    padded: `${name.padEnd(NAME_WIDTH)} `,
    effect: EFFECTS[name] ?? 1,
    leftByMarked: LEFT_BY_MARKED[name],
    usesMarks: name === 'MARK' || name === 'POP' || LEFT_BY_MARKED[name] !== undefined,
    stores: STORES.has(name),
  };
});

/** Which marks are open, and how many values lie on each: POP takes a mark where there are none. */
class MarkStack {
  private readonly marks: { position: number; values: number; indent: string }[] = [];
  indent = '';

  /** Follows an opcode, and returns the position of the mark that it takes away, if it does. */
  step({ opcode, effect, leftByMarked }: OpcodeForm, position: number): number | undefined {
    const { marks } = this;
    if (opcode.name === 'MARK') {
      marks.push({ position, values: 0, indent: this.indent });
      if (this.indent.length < MAX_INDENT_LENGTH) this.indent += INDENT;
      return undefined;
    }
    if (leftByMarked === undefined && marks.at(-1)?.values !== 0) return this.add(effect);
    const mark = marks.pop();
    if (mark === undefined) throw new FormatError(`There is no mark for ${opcode.name}`);
    this.indent = mark.indent;
    this.add(leftByMarked ?? 0);
    return mark.position;
  }

  /** Values more, or less, on the topmost mark. No mark goes. */
  add(count: number): undefined {
    const top = this.marks.at(-1);
    if (top !== undefined) top.values = Math.max(0, top.values + count);
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
      return lineText(name, bytes.subarray(start, end - 1), maxTextLength);
    case 'lines':
      return cutText(decodeLatin1(bytes, start, end - 1).replace('\n', ' '), maxTextLength);
    default: {
      const from = start + PREFIX_BYTE_LENGTH[argument]!;
      if (name.startsWith('LONG')) return String(decodeTwosComplement(bytes, from, end));
      if (name.endsWith('BINSTRING')) return cutText(decodeLatin1(bytes, from, end), maxTextLength);
      if (name.includes('UNICODE')) return cutText(decodeUtf8(bytes, from, end), maxTextLength);
      const data = cutBytes(bytes.subarray(from, end), maxTextLength);
      return name === 'BYTEARRAY8' ? `bytearray(${data})` : data;
    }
  }
}

function cutText(text: string, maxLength: number): string {
  return text.length <= maxLength ? textLiteral(text) : `${textLiteral(text.slice(0, maxLength))}...`;
}

function cutBytes(bytes: Uint8Array, maxLength: number): string {
  return bytes.length <= maxLength ? bytesLiteral(bytes) : `${bytesLiteral(bytes.subarray(0, maxLength))}...`;
}

function lineText(name: string, data: Uint8Array, maxTextLength: number): string {
  switch (name) {
    case 'INT':
      return toPythonLiteral(decodeIntLine(data));
    case 'LONG':
      return toPythonLiteral(decodeLongLine(data));
    case 'FLOAT':
      return toPythonLiteral(decodeFloatLine(data));
    case 'STRING':
      return cutText(decodeLatin1(decodeStringLine(data)), maxTextLength);
    case 'UNICODE': {
      const value = decodeUnicodeLine(data);
      return cutText(typeof value === 'string' ? value : value.text, maxTextLength);
    }
    case 'PERSID':
      return cutText(decodeLatin1(data), maxTextLength);
    default:
      // GET and PUT: a decimal number.
      return decodeLatin1(data);
  }
}
