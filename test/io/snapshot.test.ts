import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { findChanges, requireUnchanged, takeSnapshot } from '../../src/io/snapshot.js';
import { equal, is, suite, throws } from '../suite.js';
import { scratch, writeTree } from './scratch.js';

const changes: { name: string; change(path: string): void; kinds: string[] }[] = [
  { name: 'nothing', change: () => {}, kinds: [] },
  { name: 'a hard link made by a backup', change: path => linkSync(path, `${path}.backup`), kinds: [] },
  { name: 'gone', change: path => unlinkSync(path), kinds: ['vanished'] },
  {
    name: 'grown, with its time set back',
    change: path => keepTime(path, () => appendFileSync(path, '!')),
    kinds: ['size'],
  },
  { name: 'touched', change: path => utimesSync(path, 1, 1), kinds: ['time'] },
  {
    name: 'rewritten with equal length',
    change: path => {
      writeFileSync(path, 'other');
      utimesSync(path, 2, 2);
    },
    kinds: ['time'],
  },
  {
    name: 'replaced by another file of equal size and time',
    change: path =>
      keepTime(path, () => {
        writeFileSync(`${path}.new`, 'other');
        renameSync(`${path}.new`, path);
      }),
    kinds: ['inode'],
  },
  {
    name: 'replaced by a longer file',
    change: path => {
      writeFileSync(`${path}.new`, 'longer than that');
      utimesSync(`${path}.new`, 3, 3);
      renameSync(`${path}.new`, path);
    },
    kinds: ['inode', 'size', 'time'],
  },
];

/** Runs `change` and gives the file the modification time that it had. */
function keepTime(path: string, change: () => void): void {
  const { atime, mtime } = statSync(path);
  change();
  utimesSync(path, atime, mtime);
}

suite('io/snapshot', ({ test, each }) => {
  each(
    changes,
    ({ name }) => `between planning and finishing: ${name}`,
    ({ change, kinds }) => {
      const root = scratch();
      writeTree(root, { other: 'same', file: 'bytes' });
      const path = join(root, 'file');
      // A time in whole seconds can be set back exactly.
      utimesSync(path, 1_000_000, 1_000_000);
      const before = [join(root, 'other'), path].map(takeSnapshot);
      change(path);
      const found = findChanges(before);
      equal(
        found.map(each => [each.path, each.kinds]),
        kinds.length === 0 ? [] : [[path, kinds]],
      );
      if (kinds.length === 0) requireUnchanged(before);
      else
        throws(() => requireUnchanged(before), {
          code: 'file',
          message: /The source changed while it was read/,
        });
    },
  );

  test('a snapshot has what stat says', () => {
    const path = join(scratch(), 'file');
    writeFileSync(path, 'bytes');
    utimesSync(path, 5, 7.5);
    const status = statSync(path);
    equal(takeSnapshot(path), {
      path,
      byteLength: 5,
      mtimeNs: 7_500_000_000n,
      inode: BigInt(status.ino),
      device: BigInt(status.dev),
    });
  });

  test('the error names the first change and counts the rest', () => {
    const root = scratch();
    writeTree(root, { a: 'x', b: 'y', c: 'z' });
    utimesSync(join(root, 'a'), 0, 0);
    const before = ['a', 'b', 'c'].map(name => takeSnapshot(join(root, name)));
    appendFileSync(join(root, 'a'), 'xx');
    utimesSync(join(root, 'a'), 60, 60);
    unlinkSync(join(root, 'c'));
    const error = throws(() => requireUnchanged(before), { code: 'file' });
    is(
      error.what,
      'The source changed while it was read: its size differs, its modification time differs, and 1 more file changed',
    );
    is(error.expected, '1 bytes of 1970-01-01T00:00:00.000Z');
    is(error.found, '3 bytes of 1970-01-01T00:01:00.000Z');
    is(error.context.path, join(root, 'a'));
  });

  test('a missing file, and a directory', () => {
    const root = scratch();
    throws(() => takeSnapshot(join(root, 'none')), { code: 'file', message: /does not exist \[in .*none\]/ });
    throws(() => takeSnapshot(root), { code: 'file', message: /It is a directory/ });
  });

  test('a file that became a directory', () => {
    const path = join(scratch(), 'file');
    writeFileSync(path, '');
    const before = [takeSnapshot(path)];
    unlinkSync(path);
    mkdirSync(path);
    throws(() => findChanges(before), { code: 'file', message: /It is a directory/ });
  });
});
