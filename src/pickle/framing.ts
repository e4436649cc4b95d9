import { readUint32LE } from '../bytes.js';
import { DcpError, FormatError, UnsupportedError } from '../errors.js';
import { argumentEnd, endsInside, FIXED_BYTE_LENGTH, noOpcode } from './argument-extent.js';
import { SlotSet } from './memo.js';
import { OPCODE_BY_CODE } from './opcodes.js';

/** The extent of a pickle, found by stepping over its opcodes without building anything. */
export interface Framing {
  start: number;
  /** Behind STOP; with an error, where the opcode at fault begins. */
  end: number;
  /** Memo slots that are fetched somewhere. */
  fetched: SlotSet;
  /** Why the pickle cannot be followed to a STOP. */
  error: DcpError | undefined;
  /** Where the bytes end too early: how many there must be at least to go on. Undefined: more would not help. */
  neededByteLength: number | undefined;
}

const REFUSED: Readonly<Record<string, string>> = {
  EXT1: 'It stands for a class by a number that only the program that wrote it knows',
  EXT2: 'It stands for a class by a number that only the program that wrote it knows',
  EXT4: 'It stands for a class by a number that only the program that wrote it knows',
  NEXT_BUFFER: 'It stands for a buffer that is kept outside the pickle',
  READONLY_BUFFER: 'It belongs to a buffer that is kept outside the pickle',
};

/** Bytes of the argument where they are fixed; elsewhere {@link VARIABLE}. */
const step = new Uint8Array(256);
const VARIABLE = 0xff;
for (let code = 0; code < 256; code++) {
  const opcode = OPCODE_BY_CODE[code];
  const isFixed = opcode !== undefined && REFUSED[opcode.name] === undefined;
  step[code] = (isFixed ? FIXED_BYTE_LENGTH[opcode.argument] : undefined) ?? VARIABLE;
}

/** 1: an opcode that is only stepped over. Looked up, because most of a hundred million opcodes are of these. */
const isPlain = new Uint8Array(256).fill(1);
for (const name of ['STOP', 'MEMOIZE', 'BINPUT', 'LONG_BINPUT', 'PUT', 'BINGET', 'LONG_BINGET', 'GET']) {
  isPlain[OPCODE_BY_CODE.findIndex(opcode => opcode?.name === name)] = 0;
}

/**
 * Steps over the opcodes of the pickle that begins at `start`, up to its STOP. Every argument is checked to lie
 * inside `bytes` here, so that the decoder need not look again.
 */
export function frameOpcodes(bytes: Uint8Array, start: number, memoSlots: number): Framing {
  const fetched = new SlotSet(memoSlots);
  const memo = new MemoNumbers();
  let opcodeOffset = start;
  let neededByteLength: number | undefined;
  try {
    for (let at = start; ; ) {
      opcodeOffset = at;
      if (at >= bytes.length) {
        neededByteLength = at + 1;
        throw new FormatError('The pickle ends without STOP');
      }
      const code = bytes[at++]!;
      const argument = at;
      const length = step[code]!;
      at = length === VARIABLE ? argumentEndOf(bytes, code, at) : at + length;
      if (at > bytes.length) {
        neededByteLength = at;
        throw endsInside(bytes, code, argument, at);
      }
      if (isPlain[code] === 1) continue;
      switch (code) {
        case 0x94: // MEMOIZE
          memo.next();
          break;
        case 0x68: // BINGET
          fetched.add(bytes[argument]!);
          break;
        case 0x2e: // STOP
          return { start, end: at, fetched, error: undefined, neededByteLength };
        case 0x71: // BINPUT
          memo.put(bytes[argument]!);
          break;
        case 0x72: // LONG_BINPUT
          memo.put(readUint32LE(bytes, argument));
          break;
        case 0x70: // PUT
          memo.put(readSlotLine(bytes, argument, at));
          break;
        case 0x6a: // LONG_BINGET
          fetched.add(readUint32LE(bytes, argument));
          break;
        case 0x67: // GET
          fetched.add(readSlotLine(bytes, argument, at));
          break;
      }
    }
  } catch (error) {
    if (!(error instanceof DcpError)) throw error;
    const context = { byteOffset: opcodeOffset };
    return { start, end: opcodeOffset, fetched, error: error.addContext(context), neededByteLength };
  }
}

/** Where the argument that begins at `at` ends: beyond the bytes where they end too early. */
function argumentEndOf(bytes: Uint8Array, code: number, at: number): number {
  const opcode = OPCODE_BY_CODE[code];
  if (opcode === undefined) throw noOpcode(code);
  const refusal = REFUSED[opcode.name];
  if (refusal !== undefined) throw new UnsupportedError(`Cannot read opcode ${opcode.name}: ${refusal}`);
  return argumentEnd(bytes, opcode.argument, at);
}

/** The slot number of GET and PUT: decimal text, with its newline at `end - 1`. */
export function readSlotLine(bytes: Uint8Array, start: number, end: number): number {
  const text = String.fromCharCode(...bytes.subarray(start, Math.min(end - 1, start + 20)));
  if (!/^\d{1,15}$/.test(text)) {
    throw new FormatError('A memo slot is not a number', { found: JSON.stringify(text) });
  }
  return Number(text);
}

/**
 * How CPython numbers the slots that MEMOIZE fills: with the count of slots that are filled. Picklers that use
 * PUT fill them in order (from 0, or from 1 in Python 2's cPickle) and no pickler mixes both.
 */
export class MemoNumbers {
  private filled = 0;
  private hasGap = false;

  put(slot: number): void {
    if (slot === this.filled) this.filled++;
    else if (slot > this.filled) this.hasGap = true;
  }

  /** @throws UnsupportedError where the count is not known, because PUT left slots out. */
  next(): number {
    if (this.hasGap) throw new UnsupportedError('MEMOIZE after a PUT that left out memo slots');
    return this.filled++;
  }
}
