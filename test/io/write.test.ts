import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeFully } from '../../src/io/write.js';
import { equal, is, suite, throws } from '../suite.js';
import { systemError, watchingCalls } from './faults.js';
import { bytesOf, scratch } from './scratch.js';

function withFile<T>(path: string, body: (fd: number) => T): T {
  const fd = openSync(path, 'w+');
  try {
    return body(fd);
  } finally {
    closeSync(fd);
  }
}

suite('io/write', ({ test, skip }) => {
  test('writes at its place', () => {
    const path = join(scratch(), 'x');
    withFile(path, fd => {
      writeFully(fd, bytesOf('def'), 3, path);
      writeFully(fd, bytesOf('abc'), 0, path);
      writeFully(fd, new Uint8Array(0), 1, path);
    });
    is(readFileSync(path, 'utf8'), 'abcdef');
  });

  test('goes on after short writes', async () => {
    const path = join(scratch(), 'x');
    const asked: unknown[] = [];
    await watchingCalls(
      ({ name, args }) => {
        if (name !== 'write') return;
        const [fd, bytes, start, byteLength, byteOffset] = args as [
          number,
          Uint8Array,
          number,
          number,
          number,
        ];
        asked.push([start, byteLength, byteOffset]);
        if (byteLength === 1) return;
        return writeSync(fd, bytes, start, 2, byteOffset);
      },
      () => withFile(path, fd => writeFully(fd, bytesOf('abcde'), 10, path)),
    );
    equal(asked, [
      [0, 5, 10],
      [2, 3, 12],
      [4, 1, 14],
    ]);
    is(readFileSync(path, 'utf8'), `${'\0'.repeat(10)}abcde`);
  });

  test('a device that takes nothing ends in an error, not in a loop', async () => {
    const path = join(scratch(), 'x');
    await watchingCalls(
      ({ name }) => (name === 'write' ? 0 : undefined),
      () =>
        withFile(path, fd =>
          throws(() => writeFully(fd, bytesOf('abc'), 4, path), {
            code: 'file',
            message: /took none of the bytes \(expected 3 bytes, found 0 bytes\) \[in .*x, byte 4\]/,
          }),
        ),
    );
  });

  test('says at which byte it failed', async () => {
    const path = join(scratch(), 'x');
    let calls = 0;
    await watchingCalls(
      ({ name }) => {
        if (name !== 'write') return;
        if (calls++ > 0) throw systemError('EIO');
        return 2;
      },
      () =>
        withFile(path, fd =>
          throws(() => writeFully(fd, bytesOf('abc'), 4, path), {
            code: 'file',
            message: /Cannot write: the device reports an input\/output error \[in .*x, byte 6\]/,
          }),
        ),
    );
  });

  test('beyond 4 GiB', () => {
    const path = join(scratch(), 'sparse');
    withFile(path, fd => writeFully(fd, bytesOf('end'), 5 * 2 ** 30, path));
    is(statSync(path).size, 5 * 2 ** 30 + 3);
  });

  if (existsSync('/dev/full')) {
    test('a full disk', () => {
      const fd = openSync('/dev/full', 'r+');
      throws(() => writeFully(fd, bytesOf('abc'), 0, '/dev/full'), {
        code: 'file',
        message: /Cannot write: no space left on the device \[in \/dev\/full, byte 0\]/,
      });
      closeSync(fd);
    });
  } else {
    skip('a full disk', 'there is no /dev/full');
  }
});
