/** A destination, or a temporary area, on a file system that is full. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, suite } from '../suite.js';
import { bigSource } from './big-source.js';
import { contentsOf, leavesUnchanged } from './contents.js';
import { craftTensor, dictOf, writeTorchFile } from './craft.js';
import { convertArguments, refuses, succeeds } from './run-dcp.js';

const MEBIBYTE = 2 ** 20;

/** Mounts a small file system. @returns why it cannot, or where it is and how to end it. */
function mountSmall(size: string): { path: string; unmount(): void } | string {
  if (process.platform !== 'linux') return 'needs Linux';
  const path = join(scratch(), 'small');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'pipe' });
  } catch {
    return 'mounting a file system is not permitted here';
  }
  return { path, unmount: () => execFileSync('umount', ['-l', path]) };
}

const small = mountSmall('4m');

suite('faults: a full disk', ({ test, skip }) => {
  if (typeof small === 'string') {
    skip('all of it', small);
    return;
  }
  const { path: root, unmount } = small;
  const freeByteLength = (): number => {
    const { bavail, bsize } = statfsSync(root);
    return bavail * bsize;
  };
  const noSpace = { code: 'file', message: /no space left on the device/ } as const;
  const noRoom = {
    code: 'file',
    message: /^There is not enough space for the output/,
    expected: /^58\d{6} bytes$/,
    found: /^\d+ bytes free$/,
  } as const;

  /** Nothing was written, and the space is free again. */
  const staysAsItIs = async (action: () => Promise<unknown>): Promise<void> => {
    const free = freeByteLength();
    await leavesUnchanged(root, action);
    is(freeByteLength(), free);
  };

  test('a new file, by several threads and by none', async () => {
    const { directory } = await bigSource();
    for (const workers of ['0', '2']) {
      await staysAsItIs(() =>
        refuses(convertArguments('dcp_to_torch', directory, join(root, 'out.pth'), '--workers', workers), {
          ...noRoom,
          hint: 'Make room, or choose another disk.',
          path: /out\.pth/,
        }),
      );
    }
  });

  test('an output that is far too large is refused before a byte is written', async () => {
    const own = scratch({ inMemory: true });
    const source = writeTorchFile(
      join(own, 'expanded.pth'),
      dictOf({ a: craftTensor({ size: [2 ** 26], stride: [0], storageElements: 1 }) }),
      [new Uint8Array(4)],
    );
    await staysAsItIs(() =>
      refuses(convertArguments('torch_to_dcp', source, join(root, 'out')), {
        code: 'file',
        message: /^There is not enough space for the output/,
        expected: /^2684\d{5} bytes$/,
        found: /^\d+ bytes free$/,
      }),
    );
  });

  test('a new directory', async () => {
    const { torchFile } = await bigSource();
    await staysAsItIs(() =>
      refuses(convertArguments('torch_to_dcp', torchFile, join(root, 'a/b/out')), noRoom),
    );
  });

  test('a checkpoint that is replaced stays, and so does a file', async () => {
    const { torchFile, directory } = await bigSource();
    cpSync(fixturePath('uneven_shards'), join(root, 'ckpt'), { recursive: true });
    writeFileSync(join(root, 'ckpt', 'notes.txt'), 'foreign');
    writeFileSync(join(root, 'model.pth'), 'old');
    await staysAsItIs(async () => {
      const both = { ...noRoom, hint: /^The old one stays until the new one is whole: make room for both/ };
      await refuses(convertArguments('torch_to_dcp', torchFile, join(root, 'ckpt'), '--force'), both);
      await refuses(convertArguments('dcp_to_torch', directory, join(root, 'model.pth'), '--force'), both);
    });
    const { warnings } = await succeeds(
      convertArguments('torch_to_dcp', fixturePath('small_transformer'), join(root, 'ckpt'), '--force'),
    );
    equal(warnings, []);
    equal(Object.keys(contentsOf(join(root, 'ckpt'))), ['.metadata', '__0_0.distcp', 'notes.txt']);
  });

  test('the temporary area, where compressed records are inflated', async () => {
    const area = join(root, 'tmp');
    mkdirSync(area);
    writeFileSync(join(root, 'filler'), Buffer.alloc(freeByteLength() - 4096));
    const own = scratch({ inMemory: true });
    const source = copyFixture('rezipped_deflated', own);
    await staysAsItIs(() =>
      leavesUnchanged(own, () =>
        refuses(convertArguments('torch_to_dcp', source, join(own, 'out')), noSpace, {
          env: { ...process.env, TMPDIR: area },
        }),
      ),
    );
  });

  test('ends', () => {
    is(freeByteLength() < 4 * MEBIBYTE, true);
    unmount();
  });
});
