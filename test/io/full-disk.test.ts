import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OutputDirectory } from '../../src/io/output-directory.js';
import { OutputFile } from '../../src/io/output-file.js';
import { readFreeByteLength } from '../../src/io/room.js';
import type { WritableFile } from '../../src/io/temporary-file.js';
import { equal, ok, suite, throws } from '../suite.js';
import { dcpNames } from './scenarios.js';
import { readTree, scratch, writeTree } from './scratch.js';

const MEBIBYTE = 2 ** 20;

/** Mounts a file system of 1 MiB. @returns why it cannot, or where it is and how to end it. */
function mountSmall(): { path: string; unmount(): void } | string {
  if (process.platform !== 'linux') return 'needs Linux';
  const path = join(scratch(), 'small');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'pipe' });
  } catch {
    return 'mounting a file system is not permitted here';
  }
  return { path, unmount: () => execFileSync('umount', ['-l', path]) };
}

/** Writes 4 MiB where there is room for less than one. */
function overfill(file: WritableFile): void {
  file.preallocate(4 * MEBIBYTE);
  const bytes = new Uint8Array(MEBIBYTE / 4).fill(1);
  for (let byteOffset = 0; byteOffset < 4 * MEBIBYTE; byteOffset += bytes.length)
    file.write(bytes, byteOffset);
}

const small = mountSmall();

suite('io/output on a full disk', ({ test, skip }) => {
  if (typeof small === 'string') {
    skip('a full disk', small);
    return;
  }
  const { path: root, unmount } = small;
  const before = { 'ckpt/.metadata': 'old index', 'ckpt/__0_0.distcp': 'old data', 'm.pth': 'old file' };
  writeTree(root, before);
  const expected = {
    error: {
      code: 'file',
      message: /Cannot write: no space left on the device \[in .*, byte \d+\]/,
    } as const,
  };

  test('a file: the old one stays, the space comes back', () => {
    const tree = readTree(root);
    const free = readFreeByteLength(root)!;
    const output = OutputFile.create(join(root, 'm.pth'), { force: true });
    throws(() => overfill(output), expected.error);
    ok(readFreeByteLength(root)! < 65_536);
    equal(output.discard(), []);
    equal(readTree(root), tree);
    equal(readFreeByteLength(root), free);
  });

  test('a directory: the old one stays, the space comes back', () => {
    const tree = readTree(root);
    const free = readFreeByteLength(root)!;
    const output = OutputDirectory.create(join(root, 'ckpt'), { ...dcpNames, force: true });
    output.createFile('.metadata');
    throws(() => overfill(output.createFile('__0_0.distcp')), expected.error);
    equal(output.discard(), []);
    equal(readTree(root), tree);
    equal(readFreeByteLength(root), free);
  });

  test('ends', () => unmount());
});
