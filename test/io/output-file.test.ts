import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DescriptorCache } from '../../src/io/descriptors.js';
import { OutputFile } from '../../src/io/output-file.js';
import { parseTemporaryName } from '../../src/io/temporary-name.js';
import { equal, is, match, ok, rejects, suite, throws } from '../suite.js';
import { isChange, systemError, watchingCalls, withoutLinks } from './faults.js';
import { bytesOf, readTree, scratch, writeTree } from './scratch.js';

async function make(path: string, text: string, force = false): Promise<void> {
  const output = OutputFile.create(path, { force });
  output.write(bytesOf(text), 0);
  equal(await output.commit(), { leftBehind: [] });
}

interface Refusal {
  name: string;
  path: string;
  force?: boolean;
  message: RegExp;
  prepare?(root: string): void;
}

const refusals: Refusal[] = [
  { name: 'a file that exists', path: 'file', message: /exists already \[in .*file\]/ },
  { name: 'a link to a file', path: 'link', message: /exists already/ },
  { name: 'a directory', path: 'sub', message: /is a directory/ },
  { name: 'a directory, with force', path: 'sub', force: true, message: /is a directory/ },
  { name: 'a link to a directory', path: 'sub-link', force: true, message: /is a directory/ },
  { name: 'a name that ends in a slash', path: 'new/', message: /names a directory/ },
  { name: 'a missing parent', path: 'none/new', message: /^Parent directory .*none does not exist/ },
  { name: 'a FIFO, with force', path: 'fifo', force: true, message: /is a fifo/ },
  { name: 'the root', path: '../../../../../../..', force: true, message: /is a directory/ },
];

function prepared(): string {
  const root = scratch();
  writeTree(root, { file: 'old', 'sub/x': 'x' });
  symlinkSync('file', join(root, 'link'));
  symlinkSync('sub', join(root, 'sub-link'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  return root;
}

suite('io/output-file: destinations', ({ test, each }) => {
  each(
    refusals,
    ({ name }) => `refused: ${name}`,
    ({ path, force = false, message }) => {
      const root = prepared();
      const before = readTree(root);
      throws(() => OutputFile.create(`${root}/${path}`, { force }), { code: 'usage', message });
      equal(readTree(root), before);
    },
  );

  test('refused: a device', () => {
    throws(() => OutputFile.create('/dev/null', { force: true }), { code: 'usage', message: /is a device/ });
  });

  test('the hint for a missing parent says what to do', () => {
    const root = scratch();
    const error = throws(() => OutputFile.create(join(root, 'a/b/new')), { code: 'usage' });
    is(error.hint, `Make it first: mkdir -p ${join(root, 'a/b')}`);
  });

  test('a name as long as the file system allows', async () => {
    const root = scratch();
    const name = `${'x'.repeat(251)}.pth`;
    await make(join(root, name), 'new');
    equal(readTree(root), { [name]: 'new' });
  });

  test('a link to a file not yet made', async () => {
    const root = scratch();
    mkdirSync(join(root, 'disk'));
    symlinkSync('disk/target', join(root, 'link'));
    await make(join(root, 'link'), 'new');
    equal(readTree(root), { disk: '<directory>', 'disk/target': 'new', link: '-> disk/target' });
  });

  test('with force, other names of the replaced file keep the old bytes', async () => {
    const root = scratch();
    writeTree(root, { file: 'old' });
    linkSync(join(root, 'file'), join(root, 'other'));
    await make(join(root, 'file'), 'new', true);
    equal(readTree(root), { file: 'new', other: 'old' });
  });

  test('a relative path', async () => {
    const root = scratch();
    const cwd = process.cwd();
    process.chdir(root);
    try {
      await make('file', 'new');
    } finally {
      process.chdir(cwd);
    }
    equal(readTree(root), { file: 'new' });
  });
});

suite('io/output-file: permissions', ({ each }) => {
  const rows: [name: string, oldMode: number | undefined, umask: number, expected: number][] = [
    ['a new file follows the umask', undefined, 0o027, 0o640],
    ['a private file stays private', 0o600, 0o022, 0o600],
    ['a shared file follows the umask', 0o664, 0o022, 0o644],
    ['a read-only file becomes writable for its owner', 0o440, 0o022, 0o640],
  ];
  each(
    rows,
    ([name]) => name,
    async ([, oldMode, umask, expected]) => {
      const path = join(scratch(), 'file');
      if (oldMode !== undefined) {
        writeFileSync(path, 'old');
        chmodSync(path, oldMode);
      }
      const before = process.umask(umask);
      try {
        await make(path, 'new', true);
      } finally {
        process.umask(before);
      }
      is((statSync(path).mode & 0o777).toString(8), expected.toString(8));
    },
  );
});

suite('io/output-file: making', ({ test }) => {
  test('the temporary stands beside the destination and is ours', () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    const [name = ''] = readdirSync(root);
    is(join(root, name), output.temporaryPath);
    is(parseTemporaryName(name)?.stem, 'm.pth');
    equal(output.discard(), []);
    equal(readdirSync(root), []);
  });

  test('workers fill it by its temporary name, in any order', async () => {
    const path = join(scratch(), 'm.pth');
    const output = OutputFile.create(path);
    output.preallocate(6);
    is(statSync(output.temporaryPath).size, 6);
    const worker = new DescriptorCache({ writable: true });
    worker.write(output.temporaryPath, bytesOf('def'), 3);
    const synced = output.sync();
    worker.write(output.temporaryPath, bytesOf('abc'), 0);
    await synced;
    worker.close();
    await output.commit();
    is(readFileSync(path, 'utf8'), 'abcdef');
  });

  test('a length other than planned is not put in place', async () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    output.preallocate(6);
    truncateSync(output.temporaryPath, 5);
    await rejects(() => output.commit(), { code: 'file', message: /expected 6 bytes, found 5 bytes/ });
    output.discard();
    equal(readTree(root), {});
  });

  test('a length that the file system cannot have is refused at once', async () => {
    const output = OutputFile.create(join(scratch(), 'm.pth'));
    await watchingCalls(
      ({ name }) => {
        if (name === 'truncate') throw systemError('EFBIG');
      },
      () => throws(() => output.preallocate(2 ** 25), { code: 'file', message: /found 33554432 bytes/ }),
    );
    output.discard();
  });

  test('more than the file system has free is refused before anything is written', () => {
    const output = OutputFile.create(join(scratch(), 'm.pth'));
    throws(() => output.preallocate(2 ** 52), {
      code: 'file',
      message: /not enough space.*expected 4503599627370496 bytes, found \d+ bytes free/,
    });
    output.discard();
  });

  test('a file system that cannot set a length ahead is no obstacle', async () => {
    const path = join(scratch(), 'm.pth');
    const output = OutputFile.create(path);
    await watchingCalls(
      ({ name }) => {
        if (name === 'truncate') throw systemError('EINVAL');
      },
      () => output.preallocate(3),
    );
    output.write(bytesOf('abc'), 0);
    await output.commit();
    is(readFileSync(path, 'utf8'), 'abc');
  });
});

suite('io/output-file: putting in place', ({ test, each }) => {
  each(
    [
      { force: false, message: /appeared while it was being made/, left: 'theirs' },
      { force: true, message: undefined, left: 'ours' },
    ],
    ({ force }) => `a file that appeared meanwhile, force ${force}`,
    async ({ force, message, left }) => {
      const root = scratch();
      const path = join(root, 'm.pth');
      for (const watcher of [() => undefined, withoutLinks]) {
        const output = OutputFile.create(path, { force });
        output.write(bytesOf('ours'), 0);
        writeFileSync(path, 'theirs');
        await watchingCalls(watcher, async () => {
          if (message === undefined) await output.commit();
          else await rejects(() => output.commit(), { code: 'usage', message });
        });
        equal(output.discard(), []);
        equal(readTree(root), { 'm.pth': left });
        execFileSync('rm', [path]);
      }
    },
  );

  test('a FIFO that appeared meanwhile is not replaced, with force', async () => {
    const path = join(scratch(), 'm.pth');
    const output = OutputFile.create(path, { force: true });
    execFileSync('mkfifo', [path]);
    await rejects(() => output.commit(), { code: 'usage', message: /is a fifo/ });
    output.discard();
    ok(statSync(path).isFIFO());
  });

  test('the answer of a network file system that was lost: the link is there and is ours', async () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    await watchingCalls(
      ({ name, args }) => {
        if (name !== 'link') return;
        linkSync(String(args[0]), String(args[1]));
        throw systemError('EEXIST');
      },
      async () => equal(await output.commit(), { leftBehind: [] }),
    );
    equal(readTree(root), { 'm.pth': '' });
  });

  each(
    [
      { force: false, expected: ['sync', 'link', 'syncDirectory', 'unlink'] },
      { force: true, expected: ['sync', 'rename', 'syncDirectory'] },
    ],
    ({ force }) =>
      `the bytes are on the device before the name is given, the name before the end: force ${force}`,
    async ({ force, expected }) => {
      const output = OutputFile.create(join(scratch(), 'm.pth'), { force });
      const calls: string[] = [];
      await watchingCalls(
        call => {
          if (isChange(call)) calls.push(call.name);
        },
        () => output.commit(),
      );
      equal(calls, expected);
    },
  );

  test('a directory that cannot be flushed is no error where its file system has no such call', async () => {
    const path = join(scratch(), 'm.pth');
    await watchingCalls(
      ({ name }) => {
        if (name === 'syncDirectory') throw systemError('EINVAL');
      },
      () => make(path, 'new'),
    );
    is(readFileSync(path, 'utf8'), 'new');
  });

  test('a directory that the device cannot flush: the message says that the output is in place', async () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    await watchingCalls(
      ({ name }) => {
        if (name === 'syncDirectory') throw systemError('EIO');
      },
      async () => {
        const error = await rejects(() => output.commit(), {
          code: 'file',
          message: /is whole and in place/,
        });
        match(String(error.cause), /input\/output error/);
      },
    );
    equal(output.discard(), []);
    equal(readTree(root), { 'm.pth': '' });
  });

  test('once only', async () => {
    const output = OutputFile.create(join(scratch(), 'm.pth'));
    await output.commit();
    await rejects(() => output.commit(), { code: 'usage', message: /in place already/ });
  });
});

suite('io/output-file: discarding', ({ test }) => {
  test('again and again, also where the temporary is gone', () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    execFileSync('rm', [output.temporaryPath]);
    equal(output.discard(), []);
    equal(output.discard(), []);
  });

  test('after commit the output stays', async () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    await output.commit();
    equal(output.discard(), []);
    equal(readTree(root), { 'm.pth': '' });
  });

  test('what cannot be removed is returned', async () => {
    const output = OutputFile.create(join(scratch(), 'm.pth'));
    await watchingCalls(
      ({ name }) => {
        if (name === 'unlink') throw systemError('EIO');
      },
      () => equal(output.discard(), [output.temporaryPath]),
    );
    equal(output.discard(), []);
  });

  test('while commit waits for the device: nothing appears', async () => {
    const root = scratch();
    const output = OutputFile.create(join(root, 'm.pth'));
    const committed = rejects(() => output.commit(), { code: 'interrupted', message: /was discarded/ });
    output.discard();
    await committed;
    equal(readTree(root), {});
    await rejects(() => output.commit(), { code: 'interrupted' });
  });
});
