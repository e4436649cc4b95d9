/** Changes to files: some blind, some that know what stands where. Every one is told by its random numbers. */
import type { Random } from '../random.js';
import { mutatePickle } from './mutate-pickle.js';
import type { FuzzFormat } from './seeds.js';

export interface Mutant {
  bytes: Buffer;
  /** What was done, for a report. */
  what: string;
}

type Mutation = (bytes: Buffer, random: Random) => Mutant;

/** Numbers that overflow something, or nearly do. */
const EDGES = [
  0n,
  1n,
  -1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x1_0000_0000n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
] as const;

function putNumber(bytes: Buffer, at: number, width: number, value: bigint): void {
  let rest = BigInt.asUintN(width * 8, value);
  for (let i = 0; i < width && at + i < bytes.length; i++, rest >>= 8n) bytes[at + i] = Number(rest & 0xffn);
}

function someNumber(random: Random): bigint {
  const choice = random.int(0, 2);
  if (choice === 0) return random.pick(EDGES);
  return choice === 1 ? BigInt(random.int(0, 300)) : BigInt(random.int(-0x80000000, 0x7fffffff));
}

const flip: Mutation = (bytes, random) => {
  const at = random.int(0, bytes.length - 1);
  const bit = random.int(0, 7);
  bytes[at]! ^= 1 << bit;
  return { bytes, what: `bit ${bit} of byte ${at}` };
};

const overwrite: Mutation = (bytes, random) => {
  const width = random.pick([1, 2, 4, 8]);
  const at = random.int(0, bytes.length - 1);
  const value = someNumber(random);
  putNumber(bytes, at, width, value);
  return { bytes, what: `${width} bytes at ${at} are ${value}` };
};

const truncate: Mutation = (bytes, random) => {
  const at = random.int(0, bytes.length - 1);
  return { bytes: bytes.subarray(0, at), what: `cut at ${at}` };
};

const remove: Mutation = (bytes, random) => {
  const at = random.int(0, bytes.length - 1);
  const byteLength = random.int(1, Math.min(64, bytes.length - at));
  return {
    bytes: Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + byteLength)]),
    what: `${byteLength} bytes at ${at} are gone`,
  };
};

const repeat: Mutation = (bytes, random) => {
  const at = random.int(0, bytes.length - 1);
  const byteLength = random.int(1, Math.min(256, bytes.length - at));
  const count = random.pick([1, 1, 1, 200]);
  const part = bytes.subarray(at, at + byteLength);
  const copies = Array.from({ length: count }, () => part);
  return {
    bytes: Buffer.concat([bytes.subarray(0, at), ...copies, bytes.subarray(at)]),
    what: `${byteLength} bytes at ${at} stand ${count + 1} times`,
  };
};

const splice: Mutation = (bytes, random) => {
  const from = random.int(0, bytes.length - 1);
  const to = random.int(0, bytes.length - 1);
  const byteLength = random.int(1, Math.min(128, bytes.length - Math.max(from, to)));
  bytes.copyWithin(to, from, from + byteLength);
  return { bytes, what: `${byteLength} bytes at ${from} also at ${to}` };
};

const insert: Mutation = (bytes, random) => {
  const at = random.int(0, bytes.length);
  const more = Buffer.from(random.bytes(random.int(1, 32)));
  return {
    bytes: Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]),
    what: `${more.length} bytes more at ${at}`,
  };
};

const BLIND: readonly Mutation[] = [flip, flip, overwrite, truncate, remove, repeat, splice, insert];

/** Fields of zip records: byte offset and width behind the signature's first byte (PKZIP APPNOTE 4.3). */
const ZIP_RECORDS: readonly { signature: string; fields: readonly [byteOffset: number, width: number][] }[] =
  [
    {
      signature: 'PK\x03\x04',
      fields: [
        [4, 2],
        [6, 2],
        [8, 2],
        [10, 4],
        [14, 4],
        [18, 4],
        [22, 4],
        [26, 2],
        [28, 2],
        [30, 1],
      ],
    },
    {
      signature: 'PK\x01\x02',
      fields: [
        [4, 2],
        [6, 2],
        [8, 2],
        [10, 2],
        [12, 4],
        [16, 4],
        [20, 4],
        [24, 4],
        [28, 2],
        [30, 2],
        [32, 2],
        [34, 2],
        [36, 2],
        [38, 4],
        [42, 4],
        [46, 1],
      ],
    },
    {
      signature: 'PK\x05\x06',
      fields: [
        [4, 2],
        [6, 2],
        [8, 2],
        [10, 2],
        [12, 4],
        [16, 4],
        [20, 2],
      ],
    },
    {
      signature: 'PK\x06\x06',
      fields: [
        [4, 8],
        [12, 2],
        [14, 2],
        [16, 4],
        [20, 4],
        [24, 8],
        [32, 8],
        [40, 8],
        [48, 8],
      ],
    },
    {
      signature: 'PK\x06\x07',
      fields: [
        [4, 4],
        [8, 8],
        [16, 4],
      ],
    },
    {
      signature: 'PK\x07\x08',
      fields: [
        [4, 4],
        [8, 8],
        [16, 8],
      ],
    },
  ];

const zipField: Mutation = (bytes, random) => {
  const { signature, fields } = random.pick(ZIP_RECORDS);
  const places: number[] = [];
  for (
    let at = bytes.indexOf(signature, 0, 'latin1');
    at >= 0;
    at = bytes.indexOf(signature, at + 1, 'latin1')
  ) {
    places.push(at);
  }
  if (places.length === 0) return flip(bytes, random);
  const at = random.pick(places);
  const [byteOffset, width] = random.pick(fields);
  const old = bytes.readUIntLE(at + byteOffset, Math.min(width, 6, bytes.length - at - byteOffset));
  const near = random.next() < 0.5;
  const value = near ? BigInt(old) + BigInt(random.pick([-64, -2, -1, 1, 2, 64])) : someNumber(random);
  putNumber(bytes, at + byteOffset, width, value);
  return { bytes, what: `${signature.slice(2)} at ${at}, field at ${byteOffset}: ${value}` };
};

/** Names of records in the directory and in front of the records. */
const zipName: Mutation = (bytes, random) => {
  const at = bytes.indexOf('data/', random.int(0, bytes.length - 1), 'latin1');
  if (at < 0) return zipField(bytes, random);
  bytes.write(
    random.pick(['../../', '/data/', 'data\\0', 'data/', 'DATA/', 'data.p', 'versio', '\0\0\0\0\0\0']),
    at,
    'latin1',
  );
  return { bytes, what: `another name at ${at}` };
};

/** The pickle in the middle of a file: of an archive's data.pkl, of a legacy file. */
const pickleInside: Mutation = (bytes, random) => {
  const starts: number[] = [];
  for (let at = bytes.indexOf(0x80); at >= 0; at = bytes.indexOf(0x80, at + 1)) {
    const protocol = bytes[at + 1];
    if (protocol !== undefined && protocol >= 2 && protocol <= 5) starts.push(at);
  }
  if (starts.length === 0) return flip(bytes, random);
  const start = random.pick(starts.slice(0, 8));
  const { bytes: pickle, what } = mutatePickle(bytes.subarray(start), random, true);
  return { bytes: Buffer.concat([bytes.subarray(0, start), pickle]), what: `pickle at ${start}: ${what}` };
};

const WORDS = [
  'null',
  'true',
  '-1',
  '0',
  '1e400',
  '1.5',
  '-0',
  '9007199254740993',
  '18446744073709551616',
  '""',
  '"F32"',
  '"F4"',
  '[]',
  '{}',
  '[[[[]]]]',
  '[0,0]',
  '[1,0]',
  '"\\u0000"',
  '"\\ud800"',
  '"__metadata__"',
  '"n / 0"',
  '"n * n * n * n"',
  '"{i}"',
  '"../x"',
  '"__proto__"',
];

/** JSON: a number, a string or a bracket is another word. */
const jsonToken: Mutation = (bytes, random) => {
  const text = bytes.toString('latin1');
  const tokens = [...text.matchAll(/-?\d+(?:\.\d+)?|"(?:[^"\\]|\\.)*"|[[\]{}:,]/g)];
  if (tokens.length === 0) return flip(bytes, random);
  const { 0: token, index } = random.pick(tokens);
  const isNumber = /^-?\d/.test(token);
  const word =
    isNumber && random.next() < 0.4
      ? String(Number(token) + random.pick([-8, -1, 1, 8, 1024]))
      : random.pick(WORDS);
  return {
    bytes: Buffer.from(text.slice(0, index) + word + text.slice(index + token.length), 'latin1'),
    what: `${token} at ${index} is ${word}`,
  };
};

/** The header of a safetensors file, with its length made right again or not. */
const safetensorsHeader: Mutation = (bytes, random) => {
  const length = Number(bytes.readBigUInt64LE(0));
  if (length + 8 > bytes.length || random.next() < 0.1) {
    putNumber(bytes, 0, 8, someNumber(random));
    return { bytes, what: 'another length of the header' };
  }
  const { bytes: header, what } = jsonToken(Buffer.from(bytes.subarray(8, 8 + length)), random);
  const padded =
    random.next() < 0.8 ? Buffer.concat([header, Buffer.alloc((8 - (header.length % 8)) % 8, 0x20)]) : header;
  const start = Buffer.alloc(8);
  putNumber(start, 0, 8, BigInt(padded.length));
  return { bytes: Buffer.concat([start, padded, bytes.subarray(8 + length)]), what };
};

const pickle: Mutation = (bytes, random) => mutatePickle(bytes, random, false);
const several =
  (mutation: Mutation): Mutation =>
  (bytes, random) => {
    const first = mutation(bytes, random);
    if (first.bytes.length === 0) return first;
    const second = mutation(first.bytes, random);
    return { bytes: second.bytes, what: `${first.what}; ${second.what}` };
  };

const AIMED: Record<FuzzFormat, readonly Mutation[]> = {
  pickle: [pickle, pickle, several(pickle)],
  torch: [zipField, zipField, zipName, pickleInside, pickleInside, several(zipField)],
  legacy: [pickleInside, pickleInside, several(pickleInside)],
  metadata: [pickle, pickle, pickle, several(pickle)],
  items: [zipField, zipField, zipName, pickleInside, several(zipField)],
  safetensors: [safetensorsHeader, safetensorsHeader, several(safetensorsHeader)],
  key_map: [jsonToken, jsonToken, several(jsonToken)],
};

/** A changed copy of a file. */
export function mutate(format: FuzzFormat, original: Uint8Array, random: Random): Mutant {
  const mutation = random.pick(random.next() < 0.65 ? AIMED[format] : BLIND);
  return original.length === 0
    ? { bytes: Buffer.from('x'), what: 'not empty' }
    : mutation(Buffer.from(original), random);
}
