import { linkSync, realpathSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { resolvePath } from '../../src/io/paths.js';
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
});
