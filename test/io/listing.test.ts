import { execFileSync } from 'node:child_process';
import { symlinkSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { listDirectory, type PathKind, pathKind } from '../../src/io/listing.js';
import { readFreeByteLength } from '../../src/io/room.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import { watchingCalls } from './faults.js';
import { scratch, writeTree } from './scratch.js';

const isWindows = process.platform === 'win32';

suite('io/listing', ({ test, each, skip }) => {
  test('a checkpoint that is being written', () => {
    const root = scratch();
    writeTree(root, { '__0_0.distcp': 'abc', '.metadata.tmp': '', 'sub/x': '' });
    symlinkSync('__0_0.distcp', join(root, '__1_0.distcp'));
    symlinkSync('gone', join(root, 'dangling'));
    symlinkSync('circle', join(root, 'circle'));
    utimesSync(join(root, '__0_0.distcp'), 1, 2);
    utimesSync(join(root, '.metadata.tmp'), 1, 3);
    const entries = listDirectory(root);
    equal(
      entries.map(({ name, kind, byteLength }) => [name, kind, byteLength]),
      [
        ['.metadata.tmp', 'file', 0],
        ['__0_0.distcp', 'file', 3],
        ['__1_0.distcp', 'file', 3],
        ['circle', 'missing', 0],
        ['dangling', 'missing', 0],
        ['sub', 'directory', 0],
      ],
    );
    equal(
      entries.slice(0, 3).map(({ mtimeNs }) => mtimeNs),
      [3_000_000_000n, 2_000_000_000n, 2_000_000_000n],
    );
    is(entries[4]?.mtimeNs, 0n);
  });

  test('a file that vanishes while it is listed is left out', async () => {
    const root = scratch();
    writeTree(root, { a: 'a', b: 'b' });
    const { rmSync } = await import('node:fs');
    await watchingCalls(
      ({ name, args }) => {
        if (name === 'stat' && String(args[0]).endsWith('/a')) rmSync(join(root, 'a'));
      },
      () =>
        equal(
          listDirectory(root).map(({ name }) => name),
          ['b'],
        ),
    );
  });

  test('a directory that is not there', () => {
    throws(() => listDirectory(join(scratch(), 'none')), {
      code: 'file',
      message: /Cannot list: no such file/,
    });
  });

  const kinds: [name: string, expected: PathKind][] = [
    ['file', 'file'],
    ['link', 'file'],
    ['.', 'directory'],
    ['none', 'missing'],
    ['file/below', 'missing'],
    ['dangling', 'missing'],
  ];
  each(
    kinds,
    ([name, expected]) => `${name}: ${expected}`,
    ([name, expected]) => {
      const root = scratch();
      writeTree(root, { file: '' });
      symlinkSync('file', join(root, 'link'));
      symlinkSync('none', join(root, 'dangling'));
      is(pathKind(join(root, name)), expected);
    },
  );

  if (isWindows) {
    skip('FIFO, socket and device', 'Windows has no such files');
  } else {
    test('FIFO, socket and device', async () => {
      const root = scratch();
      execFileSync('mkfifo', [join(root, 'fifo')]);
      const server = createServer();
      await new Promise<void>(resolve => server.listen(join(root, 'socket'), resolve));
      is(pathKind(join(root, 'fifo')), 'fifo');
      is(pathKind(join(root, 'socket')), 'socket');
      is(pathKind('/dev/null'), 'device');
      equal(
        listDirectory(root).map(({ name, kind }) => [name, kind]),
        [
          ['fifo', 'fifo'],
          ['socket', 'socket'],
        ],
      );
      await new Promise(resolve => server.close(resolve));
    });
  }

  test('links in a circle have no kind', () => {
    const root = scratch();
    symlinkSync('circle', join(root, 'circle'));
    throws(() => pathKind(join(root, 'circle')), { code: 'file', message: /Cannot look at/ });
  });

  test('free space, also for what does not exist yet', () => {
    const root = scratch();
    ok(readFreeByteLength(root)! > 0);
    const below = readFreeByteLength(join(root, 'a/b/c'))!;
    ok(Number.isSafeInteger(below) && below > 0);
  });
});
