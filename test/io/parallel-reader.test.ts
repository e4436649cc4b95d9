import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ParallelReader } from '../../src/io/parallel-reader.js';
import { equal, rejects, suite } from '../suite.js';
import { scratch } from './scratch.js';

suite('parallel reader', ({ test }) => {
  test('a read longer than one piece', async () => {
    const bytes = new Uint8Array(9 << 20).map((_, i) => i * 31 + (i >> 9));
    const path = join(scratch(), 'long');
    writeFileSync(path, bytes);
    const reader = new ParallelReader();
    const target = new Uint8Array(bytes.length - 5);
    await reader.readInto(path, target, 3);
    reader.close();
    equal(Buffer.compare(target, bytes.subarray(3, bytes.length - 2)), 0);
  });

  test('more files at a time than may be open', async () => {
    const directory = scratch();
    const paths = Array.from({ length: 12 }, (_, i) => join(directory, String(i)));
    for (const [i, path] of paths.entries()) writeFileSync(path, Uint8Array.of(i, i + 1));
    const reader = new ParallelReader(3);
    const targets = paths.map(() => new Uint8Array(1));
    for (let round = 0; round < 2; round++) {
      await Promise.all(paths.map((path, i) => reader.readInto(path, targets[i]!, 1)));
    }
    reader.close();
    equal(
      targets.map(([byte]) => byte),
      paths.map((_, i) => i + 1),
    );
  });

  test('a file that ends too early', async () => {
    const path = join(scratch(), 'short');
    writeFileSync(path, new Uint8Array(10));
    const reader = new ParallelReader();
    await rejects(() => reader.readInto(path, new Uint8Array(8), 4), {
      code: 'file',
      message: /ends too early .*12 bytes at least.*10 bytes/,
    });
    reader.close();
  });

  test('a file that is not there', async () => {
    const reader = new ParallelReader();
    await rejects(() => reader.readInto('/nowhere/x', new Uint8Array(1), 0), {
      code: 'file',
      message: /no such file.*\/nowhere\/x/,
    });
  });
});
