/** Changes to pickles that know where opcodes begin: by the rows of pickletools, not by the decoder under test. */
import { corpus } from '../pickle/corpus.js';
import type { Random } from '../random.js';
import type { Mutant } from './mutate.js';

/** Code, name and kind of argument, as Python's pickletools names them. */
const BY_CODE = new Map(corpus.opcodes.map(([code, name, argument]) => [code, { name, argument }]));
const CODES = [...BY_CODE.keys()];

interface Opcode {
  at: number;
  end: number;
  code: number;
}

/** Bytes that say how long the rest of an argument is. */
const PREFIX: Readonly<Record<string, number>> = {
  string1: 1,
  bytes1: 1,
  unicodestring1: 1,
  long1: 1,
  string4: 4,
  long4: 4,
  bytes4: 4,
  unicodestring4: 4,
  bytes8: 8,
  bytearray8: 8,
  unicodestring8: 8,
};

/** Bytes of the argument behind an opcode's byte; undefined where it is not whole. */
function argumentByteLength(bytes: Buffer, at: number, kind: string | null): number | undefined {
  if (kind !== null && at + (PREFIX[kind] ?? 0) > bytes.length) return undefined;
  if (kind !== null && kind in PREFIX) {
    const width = PREFIX[kind]!;
    const length = width === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, width);
    return width + length;
  }
  const line = (from: number): number => bytes.indexOf(0x0a, from) + 1;
  switch (kind) {
    case null:
      return 0;
    case 'uint1':
      return 1;
    case 'uint2':
      return 2;
    case 'int4':
    case 'uint4':
      return 4;
    case 'uint8':
    case 'float8':
      return 8;
    case 'stringnl_noescape_pair':
      return line(line(at)) - at;
    default:
      return line(at) - at;
  }
}

function opcodesOf(bytes: Buffer): Opcode[] {
  const found: Opcode[] = [];
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at]!;
    const known = BY_CODE.get(code);
    const length = known && argumentByteLength(bytes, at + 1, known.argument);
    if (length === undefined || length < 0 || at + 1 + length > bytes.length) break;
    found.push({ at, end: at + 1 + length, code });
    at += 1 + length;
    if (code === 0x2e) break;
  }
  return found;
}

const GLOBALS = [
  'os\nsystem\n',
  'builtins\neval\n',
  'collections\nOrderedDict\n',
  'torch._utils\n_rebuild_tensor_v2\n',
  'torch._utils\n_rebuild_parameter\n',
  'torch\nSize\n',
  'torch\nFloatStorage\n',
  'torch\nfloat32\n',
  'torch.distributed.checkpoint.metadata\nMetadata\n',
  'torch.distributed.checkpoint.metadata\nTensorStorageMetadata\n',
  'numpy.core.multiarray\n_reconstruct\n',
  '__builtin__\nlong\n',
];

/** Short runs of opcodes that games are made of. */
const GAMES: readonly Buffer[] = [
  Buffer.from('((((((((', 'latin1'),
  Buffer.from('2'.repeat(64), 'latin1'),
  Buffer.from('))R', 'latin1'),
  Buffer.from('(t\x85\x85\x85\x85', 'latin1'),
  Buffer.from(']q\x00h\x00a', 'latin1'),
  Buffer.from('}q\x00h\x00h\x00s', 'latin1'),
  Buffer.from('Nb', 'latin1'),
  Buffer.from('0', 'latin1'),
  Buffer.from('1', 'latin1'),
  Buffer.from('.', 'latin1'),
  Buffer.from('r\xff\xff\xff\x7f', 'latin1'),
  Buffer.from('\x8a\xff', 'latin1'),
  Buffer.from('X\xff\xff\xff\xff', 'latin1'),
  Buffer.from('\x8d\xff\xff\xff\xff\xff\xff\xff\x7f', 'latin1'),
  Buffer.from('\x95\xff\xff\xff\xff\xff\xff\xff\xff', 'latin1'),
  Buffer.from('I1e9\n', 'latin1'),
  Buffer.from(`L${'9'.repeat(5000)}L\n`, 'latin1'),
  Buffer.from('Q', 'latin1'),
  Buffer.from('\x93', 'latin1'),
];

/** @param fixedLength the pickle must stay as long as it is: what follows has its place. Undone now and then. */
export function mutatePickle(bytes: Buffer, random: Random, fixedLength: boolean): Mutant {
  const opcodes = opcodesOf(bytes);
  if (opcodes.length === 0) {
    const at = random.int(0, bytes.length - 1);
    bytes[at] = random.int(0, 255);
    return { bytes, what: `byte ${at}` };
  }
  const chosen = random.pick(opcodes);
  const before = bytes.subarray(0, chosen.at);
  const own = bytes.subarray(chosen.at, chosen.end);
  const after = bytes.subarray(chosen.end);
  const name = `${BY_CODE.get(chosen.code)?.name} at ${chosen.at}`;
  const choice = fixedLength && random.next() < 0.9 ? random.int(0, 1) : random.int(0, 7);
  switch (choice) {
    case 0: {
      // An argument: a number, a length, a letter of a name.
      if (own.length === 1) {
        bytes[chosen.at] = random.pick(CODES);
        return { bytes, what: `${name} is ${bytes[chosen.at]}` };
      }
      const at = chosen.at + random.int(1, own.length - 1);
      bytes[at] = random.pick([
        0,
        1,
        2,
        0x7f,
        0x80,
        0xff,
        bytes[at]! + 1,
        bytes[at]! - 1,
        random.int(0, 255),
      ]);
      return { bytes, what: `argument of ${name}: byte ${at} is ${bytes[at]}` };
    }
    case 1:
      bytes[chosen.at] = random.pick(CODES);
      return { bytes, what: `${name} is opcode ${bytes[chosen.at]}` };
    case 2:
      return { bytes: Buffer.concat([before, after]), what: `${name} is gone` };
    case 3: {
      const count = random.pick([1, 1, 2, 100, 3000]);
      return {
        bytes: Buffer.concat([before, ...Array.from({ length: count }, () => own), own, after]),
        what: `${name} stands ${count + 1} times`,
      };
    }
    case 4: {
      const other = random.pick(opcodes);
      const moved = bytes.subarray(other.at, other.end);
      return { bytes: Buffer.concat([before, moved, after]), what: `${name} is that of ${other.at}` };
    }
    case 5: {
      const game = random.pick(GAMES);
      return {
        bytes: Buffer.concat([before, game, own, after]),
        what: `${JSON.stringify(game.toString('latin1').slice(0, 12))} before ${name}`,
      };
    }
    case 6: {
      const line = random.pick(GLOBALS);
      const named = Buffer.from(`c${line}`, 'latin1');
      const isGlobal = chosen.code === 0x63;
      return {
        bytes: Buffer.concat(isGlobal ? [before, named, after] : [before, named, own, after]),
        what: `${JSON.stringify(line)} at ${chosen.at}`,
      };
    }
    default: {
      const [from, to] = [random.pick(opcodes).at, random.pick(opcodes).at].sort((a, b) => a - b) as [
        number,
        number,
      ];
      const block = bytes.subarray(from, to);
      return {
        bytes: Buffer.concat([bytes.subarray(0, to), block, bytes.subarray(to)]),
        what: `opcodes ${from} to ${to} twice`,
      };
    }
  }
}
