/** Pickles made to harm: depth, lengths and slot numbers without measure. As `.metadata` and as `data.pkl`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../io/scratch.js';
import { suite } from '../suite.js';
import { leavesUnchanged } from './contents.js';
import { craftArchive } from './craft.js';
import { convertArguments, type Refusal, refuses, refusesHere, sideBySide } from './run-dcp.js';

/** Rows that start the program; the others ask the library, which is faster. */
const BY_PROGRAM = ['a hundred thousand lists inside each other'];

const op = (...codes: number[]): Buffer => Buffer.from(codes);
const PROTO = op(0x80, 2);
const repeated = (code: number, count: number): Buffer => Buffer.alloc(count, code);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

interface PickleRow {
  what: string;
  pickle: Uint8Array;
  refusal: Refusal;
}

/** What `.metadata` and `data.pkl` may hold, and neither program nor machine must suffer from. */
const pickles: PickleRow[] = [
  {
    what: 'a hundred thousand lists inside each other',
    pickle: Buffer.concat([PROTO, repeated(0x5d, 100_000), repeated(0x61, 99_999), op(0x2e)]),
    refusal: { code: 'limit', message: /nested too deeply/, expected: /levels at most/ },
  },
  {
    what: 'a hundred thousand tuples inside each other',
    pickle: Buffer.concat([PROTO, repeated(0x28, 100_000), repeated(0x74, 100_000), op(0x2e)]),
    refusal: { code: 'limit', message: /nested too deeply/ },
  },
  {
    what: 'a memo slot with a number like four billion',
    pickle: Buffer.concat([
      PROTO,
      op(0x4e, 0x72),
      uint32(0xffff_fff0),
      op(0x30, 0x6a),
      uint32(0xffff_fff0),
      op(0x2e),
    ]),
    refusal: { code: 'limit', message: /memo slot/, found: 0xffff_fff0 },
  },
  {
    what: 'a text of two gigabytes in a file of a few bytes',
    pickle: Buffer.concat([PROTO, op(0x58), uint32(0x7fff_ffff), Buffer.from('abc.')]),
    refusal: { code: 'format', message: /ends inside the data of BINUNICODE/, expected: '2147483647 bytes' },
  },
  {
    what: 'bytes with a length of 2 to the 62',
    pickle: Buffer.concat([PROTO, op(0x8e, 0, 0, 0, 0, 0, 0, 0, 0x40), Buffer.from('abc.')]),
    refusal: { code: 'format', message: /ends inside the data of BINBYTES8/ },
  },
  {
    what: 'an int of a million bytes',
    pickle: Buffer.concat([PROTO, op(0x8b), uint32(1_000_000), repeated(0x7f, 1_000_000), op(0x2e)]),
    refusal: { code: 'limit', message: /int/ },
  },
  {
    what: 'fetches of what was never put',
    pickle: Buffer.concat([PROTO, op(0x68, 7, 0x2e)]),
    refusal: { code: 'format', message: /memo/ },
  },
  {
    what: 'nothing but STOP',
    pickle: Buffer.concat([PROTO, op(0x2e)]),
    refusal: { code: 'format', message: /stack|STOP/ },
  },
];

suite('faults: hostile pickles', ({ each }) => {
  const rows = pickles.flatMap(row => [
    { ...row, as: 'index' as const },
    { ...row, as: 'torch.save file' as const },
  ]);
  each(
    rows,
    ({ what, as }) => `${as}: ${what}`,
    sideBySide(rows, async ({ what, pickle, as, refusal }) => {
      const root = scratch({ inMemory: true });
      const refuse = BY_PROGRAM.includes(what) ? refuses : refusesHere;
      if (as === 'index') {
        mkdirSync(join(root, 'ckpt'));
        writeFileSync(join(root, 'ckpt', '.metadata'), pickle);
        await leavesUnchanged(root, () =>
          refuse(convertArguments('dcp_to_torch', join(root, 'ckpt'), join(root, 'out.pth')), {
            ...refusal,
            path: /\.metadata$/,
          }),
        );
      } else {
        const source = join(root, 'x.pth');
        writeFileSync(source, craftArchive(pickle));
        await leavesUnchanged(root, () =>
          refuse(convertArguments('torch_to_dcp', source, join(root, 'out')), { ...refusal, path: source }),
        );
      }
    }),
  );
});
