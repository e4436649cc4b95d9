import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DescriptorCache } from '../../src/io/descriptors.js';
import { equal, is, suite, throws } from '../suite.js';
import { systemError, watchingCalls } from './faults.js';
import { bytesOf, scratch, writeTree } from './scratch.js';

function textAt(cache: DescriptorCache, path: string, byteOffset: number, byteLength: number): string {
  const target = new Uint8Array(byteLength);
  cache.readInto(path, target, byteOffset);
  return new TextDecoder().decode(target);
}

/** The base names that are opened and closed, in order. */
async function trace(body: () => void): Promise<string[]> {
  const events: string[] = [];
  await watchingCalls(({ name, args }) => {
    if (name === 'open') events.push(`open ${String(args[0]).split('/').at(-1)}`);
    if (name === 'close') events.push('close');
  }, body);
  return events;
}

suite('io/descriptors', ({ test, skip }) => {
  test('reads any part of any file', () => {
    const root = scratch();
    writeTree(root, { a: 'abcdef', b: 'ghijkl' });
    const cache = new DescriptorCache();
    is(textAt(cache, join(root, 'a'), 2, 3), 'cde');
    is(textAt(cache, join(root, 'b'), 0, 6), 'ghijkl');
    is(textAt(cache, join(root, 'a'), 6, 0), '');
    is(cache.openCount, 2);
    cache.close();
    is(cache.openCount, 0);
  });

  test('closes the least recently used first', async () => {
    const root = scratch();
    writeTree(root, { a: 'a', b: 'b', c: 'c' });
    const cache = new DescriptorCache({ maxOpen: 2 });
    const closed: unknown[] = [];
    const fds = new Map<string, number>();
    const use = (name: string): void => {
      fds.set(name, cache.descriptor(join(root, name)));
    };
    await watchingCalls(
      ({ name, args }) => {
        if (name === 'close') closed.push([...fds].find(([, fd]) => fd === args[0])?.[0]);
      },
      () => {
        for (const name of ['a', 'b', 'a', 'c', 'a']) use(name);
        equal(closed, ['b']);
        fds.delete('b');
        use('b');
        equal(closed, ['b', 'c']);
      },
    );
    cache.close();
  });

  test('a file in use is opened once', async () => {
    const root = scratch();
    writeTree(root, { a: 'abc' });
    const cache = new DescriptorCache();
    const events = await trace(() => {
      for (let i = 0; i < 5; i++) textAt(cache, join(root, 'a'), 0, 3);
    });
    equal(events, ['open a']);
    cache.close();
  });

  if (existsSync('/proc/self/fd')) {
    test('a thousand files, never more open than allowed', () => {
      const root = scratch();
      const names = Array.from({ length: 1000 }, (_, index) => `f${index}`);
      for (const name of names) writeFileSync(join(root, name), name);
      const countOpen = (): number =>
        readdirSync('/proc/self/fd').filter(fd => {
          try {
            return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root);
          } catch {
            return false;
          }
        }).length;
      const cache = new DescriptorCache({ maxOpen: 7 });
      for (const name of names) is(textAt(cache, join(root, name), 0, name.length), name);
      is(countOpen(), 7);
      cache.close();
      is(countOpen(), 0);
    });
  } else {
    skip('a thousand files, never more open than allowed', 'there is no /proc');
  }

  test('writes into files that exist, and does not shorten them', () => {
    const root = scratch();
    writeTree(root, { a: 'abcdef' });
    const cache = new DescriptorCache({ writable: true });
    cache.write(join(root, 'a'), bytesOf('XY'), 2);
    is(textAt(cache, join(root, 'a'), 0, 6), 'abXYef');
    throws(() => cache.write(join(root, 'new'), bytesOf('x'), 0), {
      code: 'file',
      message: /Cannot open: no such/,
    });
    cache.close();
    is(readFileSync(join(root, 'a'), 'utf8'), 'abXYef');
  });

  test('a cache for reading cannot write', () => {
    const root = scratch();
    writeTree(root, { a: 'abc' });
    const cache = new DescriptorCache();
    throws(() => cache.write(join(root, 'a'), bytesOf('X'), 0), { code: 'file', message: /Cannot write/ });
    cache.close();
  });

  test('a file that ends too early', () => {
    const root = scratch();
    writeTree(root, { a: 'abc' });
    const cache = new DescriptorCache();
    throws(() => textAt(cache, join(root, 'a'), 1, 3), {
      code: 'file',
      message: /ends too early \(expected 4 bytes at least, found 3 bytes\) \[in .*a\]/,
    });
    cache.close();
  });

  test('makes room where the process has no descriptor left', async () => {
    const root = scratch();
    writeTree(root, { a: 'a', b: 'b', c: 'c' });
    const cache = new DescriptorCache();
    for (const name of ['a', 'b']) textAt(cache, join(root, name), 0, 1);
    let refusals = 2;
    await watchingCalls(
      ({ name }) => {
        if (name === 'open' && refusals-- > 0) throw systemError('EMFILE');
      },
      () => is(textAt(cache, join(root, 'c'), 0, 1), 'c'),
    );
    is(cache.openCount, 1);
    cache.close();
  });

  test('no descriptor left and none of ours to close', async () => {
    const cache = new DescriptorCache();
    await watchingCalls(
      ({ name }) => {
        if (name === 'open') throw systemError('EMFILE');
      },
      () => throws(() => cache.descriptor('/a'), { code: 'file', message: /too many open files \[in \/a\]/ }),
    );
  });

  test('close closes all, and reports the first that failed', async () => {
    const root = scratch();
    writeTree(root, { a: 'a', b: 'b' });
    const cache = new DescriptorCache({ writable: true });
    for (const name of ['a', 'b']) cache.write(join(root, name), bytesOf('x'), 0);
    let closes = 0;
    await watchingCalls(
      ({ name }) => {
        if (name === 'close' && closes++ === 0) throw systemError('EIO');
      },
      () => throws(() => cache.close(), { code: 'file', message: /Cannot close: .*\[in .*a\]/ }),
    );
    is(closes, 2);
    is(cache.openCount, 0);
  });
});
