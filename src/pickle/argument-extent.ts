import { readInt32LE, readUint32LE, readUint64LE } from '../bytes.js';
import { FormatError } from '../errors.js';
import { type ArgumentKind, OPCODE_BY_CODE, opcodeName } from './opcodes.js';

/** How far the arguments of opcodes reach. */

/** Arguments of fixed size. */
export const FIXED_BYTE_LENGTH: Readonly<Partial<Record<ArgumentKind, number>>> = {
  none: 0,
  uint8: 1,
  uint16: 2,
  int32: 4,
  uint32: 4,
  float64: 8,
};

/** Lengths in front of data. */
export const PREFIX_BYTE_LENGTH: Readonly<Partial<Record<ArgumentKind, number>>> = {
  bytes8: 1,
  bytes32: 4,
  signed32: 4,
  bytes64: 8,
  length64: 8,
};

/** Where an argument that begins at `at` ends: beyond the bytes where they end too early. */
export function argumentEnd(bytes: Uint8Array, kind: ArgumentKind, at: number): number {
  const fixed = FIXED_BYTE_LENGTH[kind];
  if (fixed !== undefined) return at + fixed;
  switch (kind) {
    case 'line':
      return lineEnd(bytes, at);
    case 'lines':
      return lineEnd(bytes, lineEnd(bytes, at));
    case 'length64': {
      // The bytes of a frame hold opcodes: they are not stepped over, but they must be there.
      const end = dataEnd(bytes, at, 8, readUint64LE);
      return end > bytes.length ? end : at + 8;
    }
    case 'bytes8':
      return dataEnd(bytes, at, 1, (b, i) => b[i]!);
    case 'bytes32':
      return dataEnd(bytes, at, 4, readUint32LE);
    case 'signed32':
      return dataEnd(bytes, at, 4, readInt32LE);
    default:
      return dataEnd(bytes, at, 8, readUint64LE);
  }
}

/** What a byte is called that stands for no opcode. */
export function noOpcode(code: number): FormatError {
  return new FormatError('This is not a pickle opcode', { found: `byte ${opcodeName(code)}` });
}

/** Where data end whose length is a prefix of `prefix` bytes. */
function dataEnd(
  bytes: Uint8Array,
  at: number,
  prefix: number,
  read: (bytes: Uint8Array, byteOffset: number) => number,
): number {
  const start = at + prefix;
  if (start > bytes.length) return start;
  const length = read(bytes, at);
  if (length < 0) throw new FormatError('Data of a negative length', { found: `${length} bytes` });
  return start + length;
}

/** A line that does not end in these bytes needs one more at least. */
function lineEnd(bytes: Uint8Array, at: number): number {
  const newline = bytes.indexOf(0x0a, at);
  return newline < 0 ? bytes.length + 1 : newline + 1;
}

/** The error where the bytes end before an argument does. */
export function endsInside(bytes: Uint8Array, code: number, argument: number, end: number): FormatError {
  const kind = OPCODE_BY_CODE[code]!.argument;
  const prefix = PREFIX_BYTE_LENGTH[kind];
  if (prefix === undefined || argument + prefix > bytes.length) {
    return new FormatError(`The pickle ends inside the argument of ${opcodeName(code)}`);
  }
  return new FormatError(`The pickle ends inside the data of ${opcodeName(code)}`, {
    expected: `${end - argument - prefix} bytes`,
    found: `${bytes.length - argument - prefix} bytes left`,
  });
}
