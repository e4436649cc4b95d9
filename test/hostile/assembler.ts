/** Pickles and archives byte by byte, as no honest writer makes them. */
import { deflateRawSync } from 'node:zlib';
import { crc32 } from '../../src/copy/crc32.js';

export const bytes = (...parts: (string | Uint8Array | number)[]): Buffer =>
  Buffer.concat(
    parts.map(part =>
      typeof part === 'number'
        ? Buffer.from([part])
        : typeof part === 'string'
          ? Buffer.from(part, 'latin1')
          : part,
    ),
  );

export const uint32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value >>> 0);
  return buffer;
};
const uint16 = (value: number): Buffer => uint32(value).subarray(0, 2);
const uint64 = (value: number): Buffer => bytes(uint32(value), uint32(Math.floor(value / 2 ** 32)));

/** What a payload does if anything executes it: a file of this name appears in the working directory. */
export const MARK = 'executed';
export const COMMAND = `echo 1 > ${MARK}`;

/** Opcodes. Texts are UTF-8. */
export const op = {
  proto: (version: number): Buffer => bytes(0x80, version),
  stop: bytes('.'),
  mark: bytes('('),
  none: bytes('N'),
  pop: bytes('0'),
  dup: bytes('2'),
  reduce: bytes('R'),
  build: bytes('b'),
  newobj: bytes(0x81),
  newobjEx: bytes(0x92),
  obj: bytes('o'),
  tuple: bytes('t'),
  tuple1: bytes(0x85),
  tuple2: bytes(0x86),
  emptyTuple: bytes(')'),
  emptyDict: bytes('}'),
  emptyList: bytes(']'),
  append: bytes('a'),
  setitem: bytes('s'),
  stackGlobal: bytes(0x93),
  memoize: bytes(0x94),
  binpersid: bytes('Q'),
  global: (module: string, name: string): Buffer => bytes('c', Buffer.from(`${module}\n${name}\n`)),
  inst: (module: string, name: string): Buffer => bytes('i', Buffer.from(`${module}\n${name}\n`)),
  text: (value: string): Buffer => bytes('X', uint32(Buffer.byteLength(value)), Buffer.from(value)),
  shortText: (value: string): Buffer => bytes(0x8c, Buffer.byteLength(value), Buffer.from(value)),
  data: (value: Uint8Array): Buffer => bytes('B', uint32(value.length), value),
  binput: (slot: number): Buffer => bytes('q', slot),
  binget: (slot: number): Buffer => bytes('h', slot),
  longBinput: (slot: number): Buffer => bytes('r', uint32(slot)),
  longBinget: (slot: number): Buffer => bytes('j', uint32(slot)),
  frame: (byteLength: number): Buffer => bytes(0x95, uint64(byteLength)),
  ext1: (code: number): Buffer => bytes(0x82, code),
};

/** Calls a callable that the given opcodes leave on the stack with the command. */
export const callWithCommand = (callable: Uint8Array): Buffer =>
  bytes(callable, op.text(COMMAND), op.tuple1, op.reduce);

/** `os.system(COMMAND)` and what it returned, without PROTO and STOP. */
export const SYSTEM_CALL = callWithCommand(op.global('os', 'system'));

/** The plain attack. */
export const MALICIOUS = bytes(op.proto(2), SYSTEM_CALL, op.stop);
/** `{}`. */
export const HARMLESS = bytes(op.proto(2), op.emptyDict, op.stop);

export interface ZipEntry {
  name: string;
  data: Uint8Array;
  deflate?: boolean;
  /** Fields of one of the headers that are to be wrong. */
  local?: Partial<HeaderFields>;
  central?: Partial<HeaderFields>;
  /** Bytes in front of its local header that belong to nothing. */
  gap?: Uint8Array;
}

export interface HeaderFields {
  flags: number;
  method: number;
  crc32: number;
  name: string;
}

/** A zip archive as a plain tool writes it: no descriptors, no padding. `shift`: where in the file it begins. */
export function zip(entries: readonly ZipEntry[], { shift = 0, comment = '' } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = shift;
  for (const entry of entries) {
    const { data, deflate = false, gap } = entry;
    if (gap !== undefined) {
      parts.push(Buffer.from(gap));
      at += gap.length;
    }
    const stored = deflate ? deflateRawSync(data) : Buffer.from(data);
    const fields: HeaderFields = { flags: 0, method: deflate ? 8 : 0, crc32: crc32(data), name: entry.name };
    const local = { ...fields, ...entry.local };
    const central = { ...fields, ...entry.central };
    const common = ({ flags, method, crc32: crc, name }: HeaderFields): Buffer =>
      bytes(
        uint16(20),
        uint16(flags),
        uint16(method),
        uint32(0),
        uint32(crc),
        uint32(stored.length),
        uint32(data.length),
        uint16(Buffer.byteLength(name)),
        uint16(0),
      );
    const header = bytes('PK\x03\x04', common(local), Buffer.from(local.name), stored);
    directory.push(
      bytes(
        'PK\x01\x02',
        uint16(20),
        common(central),
        uint16(0),
        uint16(0),
        uint16(0),
        uint32(0),
        uint32(at),
        Buffer.from(central.name),
      ),
    );
    parts.push(header);
    at += header.length;
  }
  const names = Buffer.concat(directory);
  return bytes(
    ...parts,
    names,
    'PK\x05\x06',
    uint32(0),
    uint16(entries.length),
    uint16(entries.length),
    uint32(names.length),
    uint32(at),
    uint16(comment.length),
    comment,
  );
}

/** The records that torch.load wants, around a pickle. */
export function torchZip(pickle: Uint8Array, more: Partial<ZipEntry> = {}, options = {}): Buffer {
  return zip(
    [
      { name: 'archive/data.pkl', data: pickle, ...more },
      { name: 'archive/version', data: bytes('3\n') },
    ],
    options,
  );
}

/** A tar archive of regular files. */
export interface TarTrick {
  /** The letter of the type; `0` is a file. */
  type?: string;
  /** What the header says; the data follow all the same. */
  statedByteLength?: number;
  /** The checksum as some old tars computed it: bytes from 0x80 on count as negative. */
  signed?: boolean;
  /** The same, and so many that the sum is negative. */
  negative?: boolean;
}

export function tar(
  members: readonly (readonly [name: string, data: Uint8Array, trick?: TarTrick])[],
): Buffer {
  const blocks = members.flatMap(([name, data, trick = {}]) => {
    const { type = '0', statedByteLength = data.length, negative = false, signed = negative } = trick;
    const header = Buffer.alloc(512);
    header.write(name, 'latin1');
    header.write('0000644\0', 100);
    header.write(`${statedByteLength.toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write('        ', 148);
    header.write(type, 156, 'latin1');
    header.write('ustar\x0000', 257, 'latin1');
    // A name of a user that makes the two checksums differ.
    if (signed) header.fill(0xff, 265, 270);
    if (negative) header.fill(0x80, 157, 257);
    const sum = header.reduce((total, byte) => total + (signed && byte > 0x7f ? byte - 256 : byte), 0);
    header.write(`${sum.toString(8).padStart(sum < 0 ? 0 : 6, '0')}\0 `, 148, 'latin1');
    return [header, Buffer.from(data), Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return bytes(...blocks, Buffer.alloc(1024));
}
