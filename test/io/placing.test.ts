import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placeIfFree, syncDirectory } from '../../src/io/placing.js';
import { equal, is, suite, throws } from '../suite.js';
import { systemError, watchingCalls } from './faults.js';
import { readTree, scratch, writeTree } from './scratch.js';

suite('io/placing: a name that must be free', ({ test, each }) => {
  test('is given by a link', () => {
    const root = scratch();
    writeTree(root, { temporary: 'new' });
    is(placeIfFree(join(root, 'temporary'), join(root, 'final')), 'linked');
    equal(readTree(root), { final: 'new', temporary: 'new' });
  });

  test('is not given where it is taken', () => {
    const root = scratch();
    writeTree(root, { temporary: 'new', final: 'theirs' });
    is(placeIfFree(join(root, 'temporary'), join(root, 'final')), 'taken');
    equal(readTree(root), { final: 'theirs', temporary: 'new' });
  });

  each(
    ['EPERM', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'],
    code => `is given by renaming where links are refused with ${code}`,
    async code => {
      const root = scratch();
      writeTree(root, { temporary: 'new' });
      const place = (): string => placeIfFree(join(root, 'temporary'), join(root, 'final'));
      await watchingCalls(
        ({ name }) => {
          if (name === 'link') throw systemError(code);
        },
        () => {
          is(place(), 'moved');
          equal(readTree(root), { final: 'new' });
          writeFileSync(join(root, 'temporary'), 'newer');
          is(place(), 'taken');
          equal(readTree(root), { final: 'new', temporary: 'newer' });
        },
      );
    },
  );

  each(
    ['EACCES', 'EROFS', 'EIO', 'ENOSPC'],
    code => `is not given by renaming after ${code}`,
    async code => {
      const root = scratch();
      writeTree(root, { temporary: 'new' });
      await watchingCalls(
        ({ name }) => {
          if (name === 'link') throw systemError(code);
        },
        () =>
          throws(() => placeIfFree(join(root, 'temporary'), join(root, 'final')), {
            code: 'file',
            message: /Cannot put the output in place: .*\[in .*final\]/,
          }),
      );
      equal(readTree(root), { temporary: 'new' });
    },
  );
});

suite('io/placing: flushing a directory', ({ each }) => {
  const rows: [call: 'open' | 'syncDirectory' | 'close', code: string, fails: boolean][] = [
    ['syncDirectory', 'EINVAL', false],
    ['syncDirectory', 'EIO', true],
    ['open', 'EACCES', false],
    ['open', 'EMFILE', true],
    ['close', 'EIO', false],
  ];
  each(
    rows,
    ([call, code, fails]) => `${code} at ${call} is ${fails ? 'an error' : 'none'}`,
    async ([call, code, fails]) => {
      const root = scratch();
      await watchingCalls(
        ({ name }) => {
          if (name === call) throw systemError(code);
        },
        () => {
          if (fails)
            throws(() => syncDirectory(root), { code: 'file', message: /Cannot flush the directory/ });
          else syncDirectory(root);
        },
      );
    },
  );
});
