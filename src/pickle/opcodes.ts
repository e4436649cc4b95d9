/**
 * The opcodes of pickle protocols 0 to 5. Source of the facts: CPython's `pickletools.py` and
 * `Modules/_pickle.c`.
 *
 * How an opcode's argument lies after its byte. Numbers are little-endian except where said.
 *
 * | kind       | bytes                                                                      |
 * | ---------- | -------------------------------------------------------------------------- |
 * | none       | 0                                                                          |
 * | uint8, uint16, int32, uint32 | 1, 2, 4, 4                                               |
 * | length64   | 8: a count of bytes that describes what follows but is not followed by it  |
 * | float64    | 8: IEEE 754 double, big-endian                                             |
 * | bytes8, bytes32, bytes64 | unsigned length in 1, 4 or 8 bytes, then so many bytes       |
 * | signed32   | signed length in 4 bytes, then so many bytes; negative is an error         |
 * | line       | text up to a newline                                                       |
 * | lines      | two of these                                                               |
 */
export type ArgumentKind =
  | 'none'
  | 'uint8'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'length64'
  | 'float64'
  | 'bytes8'
  | 'bytes32'
  | 'bytes64'
  | 'signed32'
  | 'line'
  | 'lines';

export interface Opcode {
  readonly code: number;
  readonly name: string;
  readonly argument: ArgumentKind;
  /** The protocol that introduced it. */
  readonly protocol: number;
  /** What it takes from the stack and leaves there. `mark …` is everything above the topmost mark. */
  readonly effect: string;
}

type Row = [code: number, name: string, argument: ArgumentKind, protocol: number, effect: string];

const ROWS: readonly Row[] = [
  [0x28, 'MARK', 'none', 0, '→ mark'],
  [0x29, 'EMPTY_TUPLE', 'none', 1, '→ ()'],
  [0x2e, 'STOP', 'none', 0, 'value → the result'],
  [0x30, 'POP', 'none', 0, 'value or mark →'],
  [0x31, 'POP_MARK', 'none', 1, 'mark … →'],
  [0x32, 'DUP', 'none', 0, 'value → value value'],
  [0x42, 'BINBYTES', 'bytes32', 3, '→ bytes'],
  [0x43, 'SHORT_BINBYTES', 'bytes8', 3, '→ bytes'],
  [0x46, 'FLOAT', 'line', 0, '→ float, from decimal text'],
  [0x47, 'BINFLOAT', 'float64', 1, '→ float'],
  [0x49, 'INT', 'line', 0, '→ int from decimal text; 00 and 01 are False and True'],
  [0x4a, 'BININT', 'int32', 1, '→ int'],
  [0x4b, 'BININT1', 'uint8', 1, '→ int'],
  [0x4c, 'LONG', 'line', 0, '→ int from decimal text that ends in L'],
  [0x4d, 'BININT2', 'uint16', 1, '→ int'],
  [0x4e, 'NONE', 'none', 0, '→ None'],
  [0x50, 'PERSID', 'line', 0, '→ what the persistent id means; the id is the text'],
  [0x51, 'BINPERSID', 'none', 1, 'id → what the persistent id means'],
  [0x52, 'REDUCE', 'none', 0, 'callable args → callable(*args)'],
  [0x53, 'STRING', 'line', 0, '→ 8-bit str of Python 2, from a quoted literal'],
  [0x54, 'BINSTRING', 'signed32', 1, '→ 8-bit str of Python 2'],
  [0x55, 'SHORT_BINSTRING', 'bytes8', 1, '→ 8-bit str of Python 2'],
  [0x56, 'UNICODE', 'line', 0, '→ str, from raw-unicode-escape'],
  [0x58, 'BINUNICODE', 'bytes32', 1, '→ str, from UTF-8 with surrogates'],
  [0x5d, 'EMPTY_LIST', 'none', 1, '→ []'],
  [0x61, 'APPEND', 'none', 0, 'list item → list'],
  [0x62, 'BUILD', 'none', 0, 'object state → object with the state'],
  [0x63, 'GLOBAL', 'lines', 0, '→ class or function, from module and name'],
  [0x64, 'DICT', 'none', 0, 'mark key value … → dict'],
  [0x65, 'APPENDS', 'none', 1, 'list mark item … → list'],
  [0x67, 'GET', 'line', 0, '→ memo slot'],
  [0x68, 'BINGET', 'uint8', 1, '→ memo slot'],
  [0x69, 'INST', 'lines', 0, 'mark arg … → module.name(*args)'],
  [0x6a, 'LONG_BINGET', 'uint32', 1, '→ memo slot'],
  [0x6c, 'LIST', 'none', 0, 'mark item … → list'],
  [0x6f, 'OBJ', 'none', 1, 'mark class arg … → class(*args)'],
  [0x70, 'PUT', 'line', 0, 'value → value, kept in a memo slot'],
  [0x71, 'BINPUT', 'uint8', 1, 'value → value, kept in a memo slot'],
  [0x72, 'LONG_BINPUT', 'uint32', 1, 'value → value, kept in a memo slot'],
  [0x73, 'SETITEM', 'none', 0, 'dict key value → dict'],
  [0x74, 'TUPLE', 'none', 0, 'mark item … → tuple'],
  [0x75, 'SETITEMS', 'none', 1, 'dict mark key value … → dict'],
  [0x7d, 'EMPTY_DICT', 'none', 1, '→ {}'],
  [0x80, 'PROTO', 'uint8', 2, 'the protocol of what follows'],
  [0x81, 'NEWOBJ', 'none', 2, 'class args → class.__new__(class, *args)'],
  [0x82, 'EXT1', 'uint8', 2, '→ class or function by a number registered in copyreg'],
  [0x83, 'EXT2', 'uint16', 2, '→ the same'],
  [0x84, 'EXT4', 'int32', 2, '→ the same'],
  [0x85, 'TUPLE1', 'none', 2, 'a → (a,)'],
  [0x86, 'TUPLE2', 'none', 2, 'a b → (a, b)'],
  [0x87, 'TUPLE3', 'none', 2, 'a b c → (a, b, c)'],
  [0x88, 'NEWTRUE', 'none', 2, '→ True'],
  [0x89, 'NEWFALSE', 'none', 2, '→ False'],
  [0x8a, 'LONG1', 'bytes8', 2, "→ int, from two's complement"],
  [0x8b, 'LONG4', 'signed32', 2, "→ int, from two's complement"],
  [0x8c, 'SHORT_BINUNICODE', 'bytes8', 4, '→ str'],
  [0x8d, 'BINUNICODE8', 'bytes64', 4, '→ str'],
  [0x8e, 'BINBYTES8', 'bytes64', 4, '→ bytes'],
  [0x8f, 'EMPTY_SET', 'none', 4, '→ set()'],
  [0x90, 'ADDITEMS', 'none', 4, 'set mark item … → set'],
  [0x91, 'FROZENSET', 'none', 4, 'mark item … → frozenset'],
  [0x92, 'NEWOBJ_EX', 'none', 4, 'class args kwargs → class.__new__(class, *args, **kwargs)'],
  [0x93, 'STACK_GLOBAL', 'none', 4, 'module name → class or function'],
  [0x94, 'MEMOIZE', 'none', 4, 'value → value, kept in the next memo slot'],
  [0x95, 'FRAME', 'length64', 4, 'the next so many bytes are read at once'],
  [0x96, 'BYTEARRAY8', 'bytes64', 5, '→ bytearray'],
  [0x97, 'NEXT_BUFFER', 'none', 5, '→ the next buffer that is kept outside the pickle'],
  [0x98, 'READONLY_BUFFER', 'none', 5, 'buffer → the same, read-only'],
];

export const OPCODES: readonly Opcode[] = ROWS.map(([code, name, argument, protocol, effect]) => ({
  code,
  name,
  argument,
  protocol,
  effect,
}));

/** By code; undefined where there is no opcode. */
export const OPCODE_BY_CODE: readonly (Opcode | undefined)[] = (() => {
  const table: (Opcode | undefined)[] = new Array(256).fill(undefined);
  for (const opcode of OPCODES) table[opcode.code] = opcode;
  return table;
})();

/** How messages call an opcode: its name, or its byte where there is no such opcode. */
export function opcodeName(code: number): string {
  return OPCODE_BY_CODE[code]?.name ?? `0x${code.toString(16).padStart(2, '0')}`;
}

/** The first byte of every pickle of protocol 2 and later; the protocol's number is behind it. */
export const PROTO_CODE = 0x80;
