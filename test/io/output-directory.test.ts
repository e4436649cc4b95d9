import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OutputDirectory } from '../../src/io/output-directory.js';
import { equal, is, ok, rejects, suite, throws } from '../suite.js';
import { systemError, watchingCalls } from './faults.js';
import { dcpNames } from './scenarios.js';
import { bytesOf, readTree, scratch, type Tree, writeTree } from './scratch.js';

async function make(
  path: string,
  files: Tree,
  force = false,
  removeAfterwards: string[] = [],
): Promise<string[]> {
  const output = OutputDirectory.create(path, { ...dcpNames, force });
  try {
    for (const [name, text] of Object.entries(files)) output.createFile(name).write(bytesOf(text), 0);
    return (await output.commit({ removeAfterwards })).leftBehind;
  } catch (error) {
    equal(output.discard(), []);
    throw error;
  }
}

const files = { '__0_0.distcp': 'data', '.metadata': 'index' };

interface Case {
  name: string;
  before: Tree;
  force?: boolean;
  /** The files made; `files` where absent. */
  make?: Tree;
  removeAfterwards?: string[];
  /** What is there afterwards; or, with `message`, what was there before. */
  after?: Tree;
  message?: RegExp;
}

const cases: Case[] = [
  { name: 'an empty directory', before: {}, after: files },
  {
    name: 'a directory with the file that is converted',
    before: { 'model.pth': 'x' },
    after: { 'model.pth': 'x', ...files },
  },
  {
    name: 'a checkpoint',
    before: { '.metadata': 'old' },
    message: /holds a checkpoint already \(found \.metadata\)/,
  },
  { name: 'a rank-local checkpoint', before: { '__0.metadata': 'old' }, message: /found __0\.metadata/ },
  {
    name: 'a file of the same name',
    before: { '__0_0.distcp': 'orphan' },
    message: /exists already \[in .*__0_0/,
  },
  {
    name: 'a file of the same name, with force',
    before: { '__0_0.distcp': 'orphan' },
    force: true,
    after: files,
  },
  {
    name: 'a directory of the same name, with force',
    before: { '__0_0.distcp/x': 'theirs' },
    force: true,
    message: /A directory has the name of an output file/,
  },
  {
    name: 'an index that is a directory, with force',
    before: { '__5.metadata/x': 'theirs' },
    force: true,
    message: /A directory has the name of an output file/,
  },
  {
    name: 'a checkpoint of more ranks, with force: only what its index named goes',
    before: {
      '.metadata': 'o',
      '__0.metadata': 'o',
      '__0_0.distcp': 'o',
      '__1_0.distcp': 'o',
      '__2_0.distcp': 'o',
    },
    force: true,
    removeAfterwards: ['__0_0.distcp', '__1_0.distcp'],
    after: { ...files, '__2_0.distcp': 'o' },
  },
  {
    name: 'without force nothing is removed',
    before: { '__1_0.distcp': 'o' },
    removeAfterwards: ['__1_0.distcp'],
    after: { ...files, '__1_0.distcp': 'o' },
  },
];

suite('io/output-directory: a directory that exists', ({ test, each }) => {
  each(
    cases,
    ({ name }) => name,
    async ({ before, force = false, make: made = files, removeAfterwards = [], after, message }) => {
      const root = scratch();
      writeTree(root, before);
      const treeBefore = readTree(root);
      if (message === undefined) {
        equal(await make(root, made, force, removeAfterwards), []);
        equal(
          readTree(root),
          Object.fromEntries(Object.entries(after ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))),
        );
      } else {
        await rejects(() => make(root, made, force, removeAfterwards), { code: 'usage', message });
        equal(readTree(root), treeBefore);
      }
    },
  );

  test('names that lead elsewhere, and directories, are left and reported', async () => {
    const top = scratch();
    const root = join(top, 'ckpt');
    writeTree(top, { 'ckpt/.metadata': 'old', 'ckpt/sub/x': 'theirs', outside: 'theirs' });
    const names = ['../outside', 'sub', 'sub/x', join(top, 'outside'), '.', '..', ''];
    const left = await make(root, files, true, names);
    equal(left.length, names.length);
    equal(readTree(top), {
      ckpt: '<directory>',
      'ckpt/.metadata': 'index',
      'ckpt/__0_0.distcp': 'data',
      'ckpt/sub': '<directory>',
      'ckpt/sub/x': 'theirs',
      outside: 'theirs',
    });
  });

  test('a data file that is a link: the link is replaced, its target stays', async () => {
    const top = scratch();
    writeTree(top, { 'ckpt/.metadata': 'old', 'disk/data': 'old' });
    symlinkSync('../disk/data', join(top, 'ckpt/__0_0.distcp'));
    await make(join(top, 'ckpt'), files, true, ['__0_0.distcp']);
    const tree = readTree(top);
    equal([tree['ckpt/__0_0.distcp'], tree['disk/data']], ['data', 'old']);
  });

  test('a link to a directory', async () => {
    const top = scratch();
    mkdirSync(join(top, 'disk'));
    symlinkSync('disk', join(top, 'ckpt'));
    await make(join(top, 'ckpt'), files);
    equal(readTree(top), {
      ckpt: '-> disk',
      disk: '<directory>',
      'disk/.metadata': 'index',
      'disk/__0_0.distcp': 'data',
    });
  });

  test('until commit, nothing shows but the hidden temporary', () => {
    const root = scratch();
    writeTree(root, { '.metadata': 'old', '__0_0.distcp': 'old' });
    const output = OutputDirectory.create(root, { ...dcpNames, force: true });
    output.createFile('__0_0.distcp').write(bytesOf('new'), 0);
    const [hidden = '', ...others] = readdirSync(root).sort();
    ok(hidden.startsWith('.dcp-tmp-'));
    equal(others, ['.metadata', '__0_0.distcp']);
    is(readTree(root)['__0_0.distcp'], 'old');
    equal(output.discard(), []);
    equal(readTree(root), { '.metadata': 'old', '__0_0.distcp': 'old' });
  });

  each(
    [
      { name: '.metadata', message: /holds a checkpoint already/ },
      { name: '__0_0.distcp', message: /appeared while/ },
      { name: '__0.metadata', message: /holds a checkpoint already/ },
    ],
    ({ name }) => `${name} appears meanwhile`,
    async ({ name, message }) => {
      const root = scratch();
      const output = OutputDirectory.create(root, dcpNames);
      output.createFile('__1_0.distcp');
      for (const each of Object.keys(files)) output.createFile(each);
      writeFileSync(join(root, name), 'theirs');
      await rejects(() => output.commit(), { code: 'usage', message });
      equal(output.discard(), []);
      equal(readTree(root), { [name]: 'theirs' });
    },
  );

  test('two conversions into one directory', () => {
    const root = scratch();
    const first = OutputDirectory.create(root, dcpNames);
    throws(() => OutputDirectory.create(root, dcpNames), {
      code: 'usage',
      message: new RegExp(`Another conversion is making this output \\(found process ${process.pid} on`),
    });
    is(readdirSync(root).length, 1);
    first.discard();
    OutputDirectory.create(root, dcpNames).discard();
    equal(readdirSync(root), []);
  });
});

suite('io/output-directory: a directory that does not exist', ({ test, each }) => {
  test('is made with its parents', async () => {
    const root = scratch();
    equal(await make(join(root, 'a/b/ckpt'), files), []);
    equal(Object.keys(readTree(root)), [
      'a',
      'a/b',
      'a/b/ckpt',
      'a/b/ckpt/.metadata',
      'a/b/ckpt/__0_0.distcp',
    ]);
  });

  test('discard removes the parents that it made, and no others', () => {
    const root = scratch();
    mkdirSync(join(root, 'a'));
    const output = OutputDirectory.create(join(root, 'a/b/c/ckpt'), dcpNames);
    output.createFile('x');
    writeFileSync(join(root, 'a/b/theirs'), '');
    equal(output.discard(), []);
    equal(readTree(root), { a: '<directory>', 'a/b': '<directory>', 'a/b/theirs': '' });
  });

  each(
    [
      { name: 'a directory with files', prepare: (path: string) => writeTree(path, { theirs: '' }) },
      { name: 'a file', prepare: (path: string) => writeFileSync(path, '') },
      { name: 'a link', prepare: (path: string) => symlinkSync('.', path) },
    ],
    ({ name }) => `${name} appears meanwhile`,
    async ({ prepare }) => {
      const root = scratch();
      const output = OutputDirectory.create(join(root, 'ckpt'), dcpNames);
      for (const name of Object.keys(files)) output.createFile(name);
      prepare(join(root, 'ckpt'));
      const before = readTree(join(root, 'ckpt'));
      await rejects(() => output.commit(), { code: 'usage', message: /appeared while it was being made/ });
      equal(output.discard(), []);
      equal(readTree(join(root, 'ckpt')), before);
      equal(readdirSync(root), ['ckpt']);
    },
  );

  test('the umask holds for the directory and its files', async () => {
    const root = scratch();
    const before = process.umask(0o027);
    try {
      await make(join(root, 'ckpt'), files);
    } finally {
      process.umask(before);
    }
    const modes = ['ckpt', 'ckpt/.metadata', 'ckpt/__0_0.distcp'].map(
      name => statSync(join(root, name)).mode & 0o777,
    );
    equal(modes, [0o750, 0o640, 0o640]);
  });
});

suite('io/output-directory: names', ({ test, each }) => {
  each(
    ['', '.', '..', 'a/b', '../x', '/x', 'a\\b', 'a\0b', '.dcp-aside', '.dcp-tmp-x'],
    name => `refused: ${JSON.stringify(name)}`,
    name => {
      const output = OutputDirectory.create(join(scratch(), 'ckpt'), dcpNames);
      throws(() => output.createFile(name), { code: 'usage', message: /is not a plain file name/ });
      output.discard();
    },
  );

  test('refused: the same name twice', () => {
    const output = OutputDirectory.create(join(scratch(), 'ckpt'), dcpNames);
    output.createFile('x');
    throws(() => output.createFile('x'), { code: 'usage', message: /is made already/ });
    output.discard();
  });

  test('without the index it is not put in place', async () => {
    const output = OutputDirectory.create(join(scratch(), 'ckpt'), dcpNames);
    output.createFile('x');
    await rejects(() => output.commit(), { code: 'usage', message: /has no \.metadata/ });
    output.discard();
  });

  each(
    ['file', 'fifo'],
    kind => `refused: a ${kind}, with force`,
    kind => {
      const path = join(scratch(), 'x');
      if (kind === 'file') writeFileSync(path, '');
      else execFileSync('mkfifo', [path]);
      throws(() => OutputDirectory.create(path, { ...dcpNames, force: true }), {
        code: 'usage',
        message: new RegExp(`is a ${kind}`),
      });
    },
  );
});

suite('io/output-directory: many files', ({ test }) => {
  test('more than may be open at a time', async () => {
    const root = scratch();
    const output = OutputDirectory.create(join(root, 'ckpt'), dcpNames);
    let open = 0;
    let most = 0;
    await watchingCalls(
      ({ name }) => {
        if (name === 'open') most = Math.max(most, ++open);
        if (name === 'close') open--;
      },
      async () => {
        for (let index = 0; index < 300; index++) {
          const file = output.createFile(`__${index}_0.distcp`);
          file.preallocate(3);
          file.write(bytesOf(String(index).padStart(3)), 0);
        }
        output.createFile('.metadata');
        await output.commit();
      },
    );
    is(open, 0);
    ok(most < 100, `${most} open at a time`);
    const tree = readTree(join(root, 'ckpt'));
    is(Object.keys(tree).length, 301);
    is(tree['__299_0.distcp'], '299');
  });

  test('one that cannot be flushed stops all', async () => {
    const root = scratch();
    const output = OutputDirectory.create(join(root, 'ckpt'), dcpNames);
    for (const name of Object.keys(files)) output.createFile(name);
    await watchingCalls(
      ({ name }) => {
        if (name === 'sync') throw systemError('EIO');
      },
      () =>
        rejects(() => output.commit(), {
          code: 'file',
          message: /Cannot flush: .*\[in .*ckpt\/__0_0\.distcp\]/,
        }),
    );
    equal(output.discard(), []);
    equal(readTree(root), {});
  });

  test('discarded while commit waits for the device: nothing appears', async () => {
    const root = scratch();
    writeTree(root, { '.metadata': 'old' });
    const output = OutputDirectory.create(root, { ...dcpNames, force: true });
    for (let index = 0; index < 100; index++) output.createFile(`__${index}_0.distcp`);
    output.createFile('.metadata');
    const committed = rejects(() => output.commit(), { code: 'interrupted' });
    output.discard();
    await committed;
    equal(output.discard(), []);
    equal(readTree(root), { '.metadata': 'old' });
  });

  test('once only', async () => {
    const output = OutputDirectory.create(join(scratch(), 'ckpt'), dcpNames);
    output.createFile('.metadata');
    await output.commit();
    await rejects(() => output.commit(), { code: 'usage', message: /in place already/ });
    equal(output.discard(), []);
  });
});
