import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Spool } from '../../src/io/spool.js';
import { temporaryName } from '../../src/io/temporary-name.js';
import { equal, is, rejects, suite } from '../suite.js';
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
