import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Spool, safeInflatedByteLength } from '../../src/io/spool.js';
import { temporaryName } from '../../src/io/temporary-name.js';
import { equal, is, rejects, suite, throws } from '../suite.js';
import { systemError, type Watcher, watchingCalls } from './faults.js';
import { scratch } from './scratch.js';

/** Runs `body` with another temporary area. */
async function withTemporaryArea(area: string, body: () => void): Promise<void> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = area;
  try {
    body();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

suite('io/spool', ({ test }) => {
  test('keeps bytes in order, and leaves nothing when it is removed', async () => {
    const area = scratch();
    await withTemporaryArea(area, () => {
      const spool = Spool.create();
      spool.append(Buffer.from('abc'));
      spool.append(Buffer.from('de'));
      is(spool.byteLength, 5);
      is(readFileSync(spool.path, 'utf8'), 'abcde');
      spool.remove();
    });
    equal(readdirSync(area), []);
  });

  test('what a run left that is gone is removed; what lives, or is not ours, stays', async () => {
    const area = scratch();
    // The name of this process with the number of one that has ended.
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    const own = temporaryName('spool');
    const dead = own.replace(`-${process.pid}-`, `-${ended}-`);
    for (const name of [own, dead, 'spool']) mkdirSync(join(area, name));
    await withTemporaryArea(area, () => Spool.create().remove());
    equal(readdirSync(area).sort(), [own, 'spool'].sort());
  });

  test('what a run left that is gone and another user’s, which cannot be removed, stops nobody', async () => {
    const area = scratch();
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    const dead = temporaryName('spool').replace(`-${process.pid}-`, `-${ended}-`);
    mkdirSync(join(area, dead));
    const theirs: Watcher = ({ name, args }) => {
      if (name === 'rmdir' && args[0] === join(area, dead)) throw systemError('EPERM');
    };
    await watchingCalls(theirs, () => withTemporaryArea(area, () => Spool.create().remove()));
    equal(readdirSync(area), [dead]);
  });

  test('where the file cannot be made, nothing is left', async () => {
    const area = scratch();
    const full: Watcher = ({ name }) => {
      if (name === 'open') throw systemError('ENFILE');
    };
    await rejects(() => watchingCalls(full, () => withTemporaryArea(area, () => void Spool.create())), {
      code: 'file',
      message: /Cannot make a temporary file/,
    });
    equal(readdirSync(area), []);
  });

  test('takes no more than its limit, and says how much more it is', async () => {
    await withTemporaryArea(scratch(), () => {
      const spool = Spool.create(10);
      spool.append(new Uint8Array(10));
      throws(() => spool.append(new Uint8Array(1)), {
        code: 'limit',
        message: /longer than is safe.*10 bytes at most, found 11 bytes or more/,
      });
      throws(() => spool.expect(5), { code: 'limit', message: /found 15 bytes or more/ });
      is(spool.byteLength, 10);
      spool.remove();
    });
  });

  test('what is safe to inflate: a gibibyte, or two hundred times the length', () => {
    is(safeInflatedByteLength(0), 2 ** 30);
    is(safeInflatedByteLength(5 * 2 ** 20), 2 ** 30);
    is(safeInflatedByteLength(2 ** 30), 200 * 2 ** 30);
  });

  test('a temporary area that cannot be used is named', async () => {
    const area = join(scratch(), 'missing');
    const error = await rejects(() => withTemporaryArea(area, () => void Spool.create()), {
      code: 'file',
      message: /Cannot make a temporary file: no such file or directory/,
    });
    is(error.context.path, area);
    is(existsSync(area), false);
  });
});
