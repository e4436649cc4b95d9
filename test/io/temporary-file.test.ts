import { existsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryFile } from '../../src/io/temporary-file.js';
import { equal, is, rejects, suite, throws } from '../suite.js';
import { systemError, watchingCalls } from './faults.js';
import { bytesOf, readTree, scratch } from './scratch.js';

suite('io/temporary-file', ({ test, each }) => {
  test('never takes a file that exists', () => {
    const path = join(scratch(), 'x');
    TemporaryFile.create(path, 'shown').close();
    throws(() => TemporaryFile.create(path, 'shown'), { code: 'file', message: /Cannot create: EEXIST/ });
  });

  test('messages name the destination', () => {
    const path = join(scratch(), 'x');
    const file = TemporaryFile.create(path, 'model.pth', 0o666, false);
    unlinkSync(path);
    throws(() => file.write(bytesOf('x'), 0), {
      code: 'file',
      message: /Cannot open: no such .*\[in model\.pth\]/,
    });
  });

  each(
    [true, false],
    keepOpen => `is written, synced and finished, kept open: ${keepOpen}`,
    async keepOpen => {
      const root = scratch();
      const open: unknown[] = [];
      await watchingCalls(
        ({ name, args }) => {
          if (name === 'close') open.splice(open.indexOf(args[0]), 1);
          if (name === 'write' || name === 'sync' || name === 'truncate')
            open.push(...(open.includes(args[0]) ? [] : [args[0]]));
        },
        async () => {
          const file = TemporaryFile.create(join(root, 'x'), 'shown', 0o666, keepOpen);
          file.preallocate(4);
          file.write(bytesOf('cd'), 2);
          await Promise.all([file.sync(), file.sync()]);
          file.write(bytesOf('ab'), 0);
          await file.finish();
          file.close();
        },
      );
      equal(open, []);
      equal(readTree(root), { x: 'abcd' });
    },
  );

  test('close waits for a sync that runs: its descriptor must not be given to another file', async () => {
    const file = TemporaryFile.create(join(scratch(), 'x'), 'shown');
    const events: string[] = [];
    let release = (): void => {};
    const gate = new Promise<void>(resolve => {
      release = resolve;
    });
    await watchingCalls(
      ({ name }) => {
        if (name === 'close') events.push('closed');
        return name === 'sync' ? gate : undefined;
      },
      async () => {
        const synced = file.sync().then(() => events.push('synced'));
        file.close();
        equal(events, []);
        release();
        await synced;
      },
    );
    equal(events, ['closed', 'synced']);
  });

  test('a sync that fails says for which file', async () => {
    const file = TemporaryFile.create(join(scratch(), 'x'), 'model.pth');
    await watchingCalls(
      ({ name }) => {
        if (name === 'sync') throw systemError('EIO');
      },
      () =>
        rejects(() => file.sync(), {
          code: 'file',
          message: /Cannot flush: .*input\/output.*\[in model\.pth\]/,
        }),
    );
    file.close();
  });

  each(
    ['fstat', 'close'] as const,
    failing => `leaves nothing where ${failing} fails while it is made`,
    async failing => {
      const path = join(scratch(), 'x');
      await watchingCalls(
        ({ name }) => {
          if (name === failing) throw systemError('EIO');
        },
        () => throws(() => TemporaryFile.create(path, 'shown', 0o666, false), { code: 'file' }),
      );
      is(existsSync(path), false);
    },
  );
});
