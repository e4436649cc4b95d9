/** Bits that flipped on the way: found by checksums, or they change nothing. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DcpError, dcpToTorchSave, torchSaveToDcp } from '../../src/index.js';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { equal, fail, is, match, ok, suite } from '../suite.js';
import { type Contents, contentsOf, leavesUnchanged } from './contents.js';
import { convertArguments, convertHere, refuses, refusesHere, runDcp, succeeds } from './run-dcp.js';

function flip(path: string, byteOffset: number, bit = 0): void {
  const bytes = readFileSync(path);
  bytes[byteOffset]! ^= 1 << bit;
  writeFileSync(path, bytes);
}

/** Converts a damaged source in this process. Gives what was written, or undefined where it was refused. */
async function outcome(
  convert: () => Promise<unknown>,
  root: string,
  where: string,
): Promise<Contents | undefined> {
  try {
    await convert();
  } catch (error) {
    if (!(error instanceof DcpError))
      fail(`${where}: ${error instanceof Error ? error.stack : String(error)}`);
    equal(contentsOf(root), {}, where);
    return undefined;
  }
  return contentsOf(root);
}

type Case = [name: string, torch: string, flips: number];
const CASES: Case[] = [
  ['column_shards', '2.13.0', 120],
  ['tensors_in_objects_dcp', '2.13.0', 150],
  ['sharded4', '2.6.0', 100],
  ['tensors_in_objects', '2.13.0', 150],
  ['rezipped_deflated', '2.13.0', 80],
  ['views_and_tied', '2.6.0', 150],
];

suite('faults: a flipped bit anywhere', ({ each }) => {
  each(
    CASES,
    ([name, torch]) => `${name} of torch ${torch}: refused, or the output is the same`,
    async ([name, torch, flips]) => {
      const source = copyFixture(name, scratch({ inMemory: true }), torch);
      const isDirectory = !/\.(pth|pt)$/.test(source);
      const convert = (root: string): Promise<unknown> =>
        isDirectory
          ? dcpToTorchSave(source, join(root, 'out.pth'), { sync: false })
          : torchSaveToDcp(source, join(root, 'out'), { sync: false });
      const whole = scratch({ inMemory: true });
      await convert(whole);
      const expected = contentsOf(whole);

      const files = isDirectory ? readdirSync(source).map(file => join(source, file)) : [source];
      const random = new Random(3);
      let refused = 0;
      for (let i = 0; i < flips; i++) {
        const path = random.pick(files);
        const bytes = readFileSync(path);
        const byteOffset = random.int(0, bytes.length - 1);
        const bit = random.int(0, 7);
        flip(path, byteOffset, bit);
        const where = `${path}, byte ${byteOffset}, bit ${bit}`;
        const root = scratch({ inMemory: true });
        const found = await outcome(() => convert(root), root, where);
        writeFileSync(path, bytes);
        if (found === undefined) refused++;
        // An index has no checksum: a flipped bit in a name gives another name.
        else if (!path.endsWith('.metadata')) equal(found, expected, where);
      }
      ok(refused > flips / 5, `only ${refused} of ${flips} were refused`);
    },
  );
});

/** Where the bytes of the first tensor of a case lie: after its local header. */
function firstTensorByte(path: string, record: string): number {
  const bytes = readFileSync(path);
  const header = bytes.indexOf(record) - 30;
  return header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
}

suite('faults: a flipped bit in a tensor', ({ test }) => {
  test('of a .pth: refused, naming tensor, place and checksums; --no-crc does not see it and says so', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('small_transformer', root);
    const byteOffset = firstTensorByte(source, 'small_transformer/data/3');
    flip(source, byteOffset + 5, 6);
    const args = convertArguments('torch_to_dcp', source, join(root, 'out'));
    await leavesUnchanged(root, () =>
      refuses(args, {
        code: 'corrupt',
        message: /^The bytes of this tensor are damaged: their CRC-32 is not the one stored with them/,
        expected: /^[0-9a-f]{8}$/,
        found: /^[0-9a-f]{8}$/,
        path: source,
        fqn: /./,
        byte_offset: byteOffset,
      }),
    );
    const { crcChecked, crc } = await convertHere([...args, '--no-crc']);
    is(crcChecked, false);
    is(crc?.checked, 0);
    const { stdout } = await runDcp([...args, '--no-crc', '--force']);
    match(stdout, /^ *checksums +not checked \(--no-crc\)$/m);
  });

  test('of a sharded tensor: the item of the one rank', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('column_shards', root);
    const path = join(source, '__2_0.distcp');
    const byteOffset = firstTensorByte(path, 'archive/data/0');
    flip(path, byteOffset);
    await leavesUnchanged(root, () =>
      refuses(convertArguments('dcp_to_torch', source, join(root, 'out.pth')), {
        code: 'corrupt',
        message: /CRC-32/,
        path,
        fqn: 'weight',
        byte_offset: byteOffset,
      }),
    );
  });

  test('of a tensor inside an object', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('random_states_dcp', root);
    const path = join(source, '__0_0.distcp');
    flip(path, firstTensorByte(path, 'archive/data/0') + 10);
    await leavesUnchanged(root, () =>
      refusesHere(convertArguments('dcp_to_torch', source, join(root, 'out.pth')), {
        code: 'corrupt',
        message: /CRC-32/,
        path,
        fqn: /./,
      }),
    );
  });

  test('of a compressed record', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('rezipped_deflated', root);
    flip(source, readFileSync(source).length >> 1);
    for (const options of [[], ['--no-crc']]) {
      await leavesUnchanged(root, () =>
        refusesHere(convertArguments('torch_to_dcp', source, join(root, 'out'), ...options), {
          code: 'corrupt',
          path: source,
          entry: /data\/\d+$/,
        }),
      );
    }
  });

  test('of a pickle', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('small_transformer', root);
    flip(source, firstTensorByte(source, 'small_transformer/data.pkl') + 100);
    await leavesUnchanged(root, () =>
      refusesHere(convertArguments('torch_to_dcp', source, join(root, 'out'), '--no-crc'), {
        code: 'corrupt',
        message: /CRC-32/,
        entry: /data\.pkl$/,
        expected: /^0x[0-9a-f]{8}$/,
        path: source,
      }),
    );
  });

  test('an archive saved without checksums is accepted, and that is said', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('crc_off', root);
    const args = convertArguments('torch_to_dcp', source, join(root, 'out'));
    const { crc_checked, crc } = await succeeds(args);
    equal([crc_checked, crc], [false, { checked: 0, partly_read: 0, without_crc: 20 }]);
    const { stdout } = await runDcp([...args, '--force']);
    match(stdout, /^ *checksums +20 storages saved without checksums, so not checked$/m);
  });

  test('a storage that tensors use in part only is counted as not checked', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('strides', root);
    const { crc, crcChecked } = await convertHere(
      convertArguments('torch_to_dcp', source, join(root, 'out')),
    );
    ok(crc !== undefined && crc.partlyRead > 0);
    is(crcChecked, false);
  });
});
