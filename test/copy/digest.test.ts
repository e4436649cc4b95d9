import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DigestFile, digestFiles } from '../../src/copy/digest.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

const MIB = 2 ** 20;
const random = new Random(3);

/** Files of these lengths, and what Node says of their bytes at once. */
function filesOf(...byteLengths: number[]): { files: DigestFile[]; expected: string[] } {
  const root = scratch({ inMemory: true });
  const block = random.bytes(9973);
  const files: DigestFile[] = [];
  const expected: string[] = [];
  for (const [i, byteLength] of byteLengths.entries()) {
    const bytes = Buffer.alloc(byteLength, block.subarray(i + 1));
    const path = join(root, `file${i}`);
    writeFileSync(path, bytes);
    files.push({ path, byteLength });
    expected.push(createHash('sha256').update(bytes).digest('hex'));
  }
  return { files, expected };
}

suite('digestFiles', ({ test, each }) => {
  test('of no bytes: what FIPS 180-4 gives', async () => {
    const { files } = filesOf(0);
    equal(await digestFiles(files), ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']);
  });

  each(
    [0, 1, 3],
    workers => `in the order of the files, by ${workers} threads`,
    async workers => {
      // Together so much that threads are started; the longest ends last.
      const { files, expected } = filesOf(40 * MIB + 1, MIB, 0, MIB - 1, MIB + 1, 24 * MIB);
      equal(await digestFiles(files, { workers }), expected);
    },
  );

  test('none of no files', async () => {
    equal(await digestFiles([]), []);
  });

  test('only the bytes that the file had when it was looked at', async () => {
    const { files, expected } = filesOf(5000);
    const [file] = files;
    writeFileSync(file!.path, 'more', { flag: 'a' });
    equal(await digestFiles(files), expected);
  });

  test('a file that became shorter is an error, with its path', async () => {
    const { files } = filesOf(5000);
    const [file] = files;
    const error = await rejects(() => digestFiles([{ ...file!, byteLength: 6000 }]), { code: 'file' });
    is(error.context.path, file!.path);
  });

  each(
    [0, 2],
    workers => `a file that cannot be opened ends it, by ${workers} threads`,
    async workers => {
      const { files } = filesOf(65 * MIB);
      const missing = { path: join(scratch(), 'missing'), byteLength: 1 };
      const error = await rejects(() => digestFiles([...files, missing], { workers }), { code: 'file' });
      is(error.context.path, missing.path);
    },
  );

  test('is interrupted, and threads with it', async () => {
    const { files } = filesOf(65 * MIB, 65 * MIB);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1);
    await rejects(() => digestFiles(files, { workers: 2, signal: controller.signal }), {
      code: 'interrupted',
    });
  });

  test('progress never goes back, and not beyond the whole', async () => {
    const { files } = filesOf(200 * MIB, 5 * MIB);
    const seen: number[] = [];
    await digestFiles(files, {
      workers: 2,
      onProgress: ({ byteCount, byteTotal }) => {
        is(byteTotal, 205 * MIB);
        seen.push(byteCount);
      },
    });
    equal(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    ok(seen.every(count => count <= 205 * MIB));
  });
});
