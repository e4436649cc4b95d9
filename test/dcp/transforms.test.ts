import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectEntry, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { UNRESOLVED } from '../../src/checkpoint/chunks.js';
import { openDcp } from '../../src/dcp/reader.js';
import { maxObjectItemByteLength, maxTensorItemByteLength } from '../../src/dcp/transforms.js';
import { DcpError, dcpToTorchSave, inspectCheckpoint } from '../../src/index.js';
import { parseTemporaryName } from '../../src/io/temporary-name.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';
import { alteredFixture } from './altered.js';

const RELEASE = '2.14.1';
const target = (): string => join(scratch({ inMemory: true }), 'out.pth');
/** Of this process: others test here too. */
const spools = (): string[] =>
  readdirSync(tmpdir()).filter(name => {
    const parsed = parseTemporaryName(name);
    return parsed?.stem === 'spool' && parsed.owner.pid === process.pid;
  });

suite('items that went through stream.zstd', ({ test }) => {
  test('each is inflated once, when it is asked for, and goes when the checkpoint is closed', async () => {
    const before = spools();
    const checkpoint = await openDcp(fixturePath('zstd', RELEASE));
    is(checkpoint.files.length, 4);
    const tensors = checkpoint.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
    const objects = checkpoint.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
    await checkpoint.resolve(tensors.slice(0, 1));
    is(checkpoint.files.length, 5);
    const spool = checkpoint.files[4]!.path;
    const afterFirst = readFileSync(spool).length;
    await checkpoint.resolve(tensors.slice(0, 1));
    is(readFileSync(spool).length, afterFirst);
    await checkpoint.resolve(tensors);
    await checkpoint.loadObjects(objects);
    is(checkpoint.files.length, 5);
    ok(readFileSync(spool).length > afterFirst);
    checkpoint.close();
    equal(spools(), before);
  });

  test('items that several ask for at once are inflated one after the other', async () => {
    const bytesOf = async (atOnce: boolean): Promise<unknown[]> => {
      const checkpoint = await openDcp(fixturePath('zstd', RELEASE));
      const { chunks, entries, files, storages } = checkpoint;
      const tensors = entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
      if (atOnce) await Promise.all(tensors.map(entry => checkpoint.resolve([entry])));
      else await checkpoint.resolve(tensors);
      const found = Array.from(chunks.storage, row => {
        if (row === UNRESOLVED) return undefined;
        const { file, byteOffset, byteLength } = storages.at(row);
        return readFileSync(files[file]!.path)
          .subarray(byteOffset, byteOffset + byteLength)
          .toString('hex');
      });
      checkpoint.close();
      return found;
    };
    equal(await bytesOf(true), await bytesOf(false));
  });

  test('inspect tells the stored files, not where items were inflated', async () => {
    const { files, completeness } = await inspectCheckpoint(fixturePath('zstd', RELEASE), { chunks: true });
    equal(
      files.map(({ relativePath }) => relativePath).sort(),
      [0, 1, 2, 3].map(rank => `__${rank}_0.distcp`),
    );
    is(completeness, 'complete');
  });

  test('a flipped bit is found, or changes nothing', async () => {
    const path = copyFixture('zstd', scratch({ inMemory: true }), RELEASE);
    const [file, output] = [join(path, '__0_0.distcp'), target()];
    await dcpToTorchSave(path, output);
    const expected = readFileSync(output);
    const bytes = readFileSync(file);
    const before = spools();
    let refusals = 0;
    for (let at = 0; at < bytes.length; at += 97) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 0x10;
      writeFileSync(file, damaged);
      const outcome = await dcpToTorchSave(path, output, { force: true }).catch(error => error);
      if (outcome instanceof DcpError) {
        refusals++;
        ok(outcome.context.path !== undefined, outcome.message);
      } else ok(readFileSync(output).equals(expected), `byte ${at}`);
    }
    ok(refusals > 20, `${refusals} refusals`);
    equal(spools(), before);
  });

  test('a file that was cut off', async () => {
    const path = copyFixture('zstd', scratch({ inMemory: true }), RELEASE);
    truncateSync(join(path, '__1_0.distcp'), 1000);
    await rejects(() => dcpToTorchSave(path, target()), {
      code: 'corrupt',
      message: /shorter than the index says/,
    });
  });

  test('an index that calls plain items compressed', async () => {
    const path = alteredFixture('uneven_shards', index => {
      const { info } = index.places('plain')[0]!;
      info.set('transform_descriptors', index.listOf('stream.zstd/1'));
    });
    await rejects(() => dcpToTorchSave(path, target()), {
      code: 'format',
      message: /not a zstd frame.*found 50 4b 03 04.*\[at plain, in .*__\d_0\.distcp/,
    });
  });

  test('what an item may become follows from its tensor; an object may have 2 GiB, or a hundredfold', () => {
    is(maxTensorItemByteLength(1000), 16_000 + 2 ** 20);
    is(maxObjectItemByteLength(10), 2 ** 31);
    is(maxObjectItemByteLength(2 ** 30), 100 * 2 ** 30);
  });
});
