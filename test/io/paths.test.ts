import { linkSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isInside, isSameFile, resolvePath } from '../../src/io/paths.js';
import { is, suite, throws } from '../suite.js';
import { scratch, writeTree } from './scratch.js';

/** `real/file`, `real/deep/`, and links to them. */
function prepared(): string {
  const root = realpathSync(scratch());
  writeTree(root, { 'real/file': 'x', 'real/deep/file': 'y', 'other/file': 'z' });
  symlinkSync('real', join(root, 'link'));
  symlinkSync('real/deep', join(root, 'deep-link'));
  symlinkSync('link/file', join(root, 'file-link'));
  symlinkSync('link/absent', join(root, 'dangling'));
  symlinkSync('dangling', join(root, 'dangling-twice'));
  symlinkSync('circle', join(root, 'circle'));
  linkSync(join(root, 'real/file'), join(root, 'hard-link'));
  return root;
}

const resolved: [path: string, expected: string][] = [
  ['real/file', 'real/file'],
  ['link/file', 'real/file'],
  ['file-link', 'real/file'],
  ['link/new', 'real/new'],
  ['link/new/deeper/still', 'real/new/deeper/still'],
  ['dangling', 'real/absent'],
  ['dangling-twice', 'real/absent'],
  ['dangling/below', 'real/absent/below'],
  // The kernel follows the link first: `..` of `real/deep` is `real`.
  ['deep-link/../file', 'real/file'],
  ['deep-link/../new', 'real/new'],
  ['none/../new', 'new'],
  ['real/', 'real'],
];

const insides: [child: string, parent: string, expected: boolean][] = [
  ['real/file', 'real', true],
  ['real', 'real', true],
  ['real', 'real/file', false],
  ['real/deep/file', 'link', true],
  ['link/deep/not/yet', 'real', true],
  ['deep-link/file', 'real', true],
  ['hard-link', 'real/file', true],
  ['hard-link', 'real', false],
  ['other/file', 'real', false],
  ['real-not', 'real', false],
  ['absent/below', 'absent', true],
  ['absent', 'absent/below', false],
];

suite('io/paths', ({ test, each }) => {
  each(
    resolved,
    ([path, expected]) => `${path} is ${expected}`,
    ([path, expected]) => {
      const root = prepared();
      // Not `join`, which would collapse the `..`.
      is(resolvePath(`${root}/${path}`), join(root, expected));
    },
  );

  each(
    insides,
    ([child, parent, expected]) => `${child} is ${expected ? '' : 'not '}inside ${parent}`,
    ([child, parent, expected]) => {
      const root = prepared();
      is(isInside(join(root, child), join(root, parent)), expected);
    },
  );

  test('a relative path', () => {
    const root = prepared();
    is(resolvePath(relative(process.cwd(), join(root, 'link/new'))), join(root, 'real/new'));
    is(resolvePath('.'), realpathSync('.'));
    is(resolvePath('surely-not-here'), join(realpathSync('.'), 'surely-not-here'));
  });

  test('links in a circle', () => {
    const root = prepared();
    throws(() => resolvePath(join(root, 'circle')), {
      code: 'file',
      message: /Cannot resolve: .*\[in .*circle\]/,
    });
  });

  test('a file where a directory must be', () => {
    const root = prepared();
    throws(() => resolvePath(join(root, 'real/file/x')), { code: 'file', message: /is not a directory/ });
  });

  test('one file by two names', () => {
    const root = prepared();
    mkdirSync(join(root, 'empty'));
    is(isSameFile(join(root, 'hard-link'), join(root, 'file-link')), true);
    is(isSameFile(join(root, 'real/file'), join(root, 'other/file')), false);
    is(isSameFile(join(root, 'none'), join(root, 'none')), false);
  });
});
