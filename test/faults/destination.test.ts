/** Destinations that exist, are something else, cannot be written, or are part of the source. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { PyObject } from '../../src/pickle/values.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, suite } from '../suite.js';
import { bigSource, interveneIn, startCopying } from './big-source.js';
import { checksum, contentsOf, leavesUnchanged } from './contents.js';
import { editIndex, setField } from './craft.js';
import {
  checkRefusal,
  convertArguments,
  convertHere,
  type Refusal,
  refuses,
  runDcp,
  sideBySide,
  succeeds,
} from './run-dcp.js';

const TORCH_FILE = fixturePath('small_transformer');
const DIRECTORY = fixturePath('grid_shards');

interface Row {
  what: string;
  mode: 'dcp_to_torch' | 'torch_to_dcp';
  /** Makes what is there before; gives the destination. */
  prepare(root: string): string;
  source?: (root: string) => string;
  options?: string[];
  refusal: Refusal;
}

const rows: Row[] = [
  {
    what: 'a file exists',
    mode: 'dcp_to_torch',
    prepare: root => {
      writeFileSync(join(root, 'out.pth'), 'mine');
      return join(root, 'out.pth');
    },
    refusal: {
      code: 'usage',
      message: /^The destination exists already/,
      hint: /--force to replace it, or --skip-existing/,
      path: /out\.pth$/,
    },
  },
  {
    what: 'a checkpoint exists',
    mode: 'torch_to_dcp',
    prepare: root => copyFixture('uneven_shards', root),
    refusal: { code: 'usage', message: /^The destination exists already/, path: /uneven_shards$/ },
  },
  {
    what: 'a checkpoint with an index for each rank exists',
    mode: 'torch_to_dcp',
    prepare: root => {
      writeFileSync(join(root, '__3.metadata'), 'x');
      return root;
    },
    refusal: { code: 'usage', message: /holds a checkpoint already/, found: '__3.metadata' },
  },
  {
    what: 'data files without an index exist',
    mode: 'torch_to_dcp',
    prepare: root => {
      writeFileSync(join(root, '__0_0.distcp'), 'of a save that died');
      return root;
    },
    refusal: { code: 'usage', message: /exists already/, path: /__0_0\.distcp$/ },
  },
  {
    what: 'a directory has the name of the file',
    mode: 'dcp_to_torch',
    prepare: root => {
      mkdirSync(join(root, 'out.pth'));
      return join(root, 'out.pth');
    },
    options: ['--force'],
    refusal: { code: 'usage', message: /The destination is a directory/, expected: /regular file/ },
  },
  {
    what: 'a directory has the name of a data file',
    mode: 'torch_to_dcp',
    prepare: root => {
      mkdirSync(join(root, '__0_0.distcp'));
      return root;
    },
    options: ['--force'],
    refusal: { code: 'usage', message: /A directory has the name of an output file/, path: /__0_0\.distcp$/ },
  },
  {
    what: 'a file has the name of the directory',
    mode: 'torch_to_dcp',
    prepare: root => {
      writeFileSync(join(root, 'out'), 'mine');
      return join(root, 'out');
    },
    options: ['--force'],
    refusal: { code: 'usage', message: /The destination is a file/, expected: /a directory/ },
  },
  {
    what: 'a FIFO',
    mode: 'dcp_to_torch',
    prepare: root => {
      execFileSync('mkfifo', [join(root, 'out.pth')]);
      return join(root, 'out.pth');
    },
    options: ['--force'],
    refusal: { code: 'usage', message: /The destination is a fifo/ },
  },
  {
    what: 'a device',
    mode: 'dcp_to_torch',
    prepare: () => '/dev/null',
    options: ['--force'],
    refusal: { code: 'usage', message: /The destination is a device/ },
  },
  {
    what: 'the parent of the file is missing',
    mode: 'dcp_to_torch',
    prepare: root => join(root, 'no', 'out.pth'),
    refusal: {
      code: 'usage',
      message: /Parent directory .*no does not exist/,
      hint: /^Make it first: mkdir -p /,
    },
  },
  {
    what: 'the parent is a file',
    mode: 'torch_to_dcp',
    prepare: root => {
      writeFileSync(join(root, 'file'), 'mine');
      return join(root, 'file', 'ckpt');
    },
    refusal: { code: 'file', message: /not a directory/ },
  },
  {
    what: 'links in a circle',
    mode: 'dcp_to_torch',
    prepare: root => {
      symlinkSync('b.pth', join(root, 'a.pth'));
      symlinkSync('a.pth', join(root, 'b.pth'));
      return join(root, 'a.pth');
    },
    refusal: { code: 'file', message: /ELOOP|[Ll]inks/ },
  },
  {
    what: 'a name that is only an extension',
    mode: 'dcp_to_torch',
    prepare: root => join(root, '.pth'),
    refusal: { code: 'usage', message: /only an extension/, found: '.pth' },
  },
  {
    what: 'a data file of the source, by another name',
    mode: 'dcp_to_torch',
    source: root => copyFixture('grid_shards', root),
    prepare: root => {
      linkSync(join(root, 'grid_shards', '__1_0.distcp'), join(root, 'out.pth'));
      return join(root, 'out.pth');
    },
    options: ['--force'],
    refusal: { code: 'usage', message: /^The output would replace a file of the source/ },
  },
  {
    what: 'the index of the source',
    mode: 'dcp_to_torch',
    source: root => copyFixture('grid_shards', root),
    prepare: root => join(root, 'grid_shards', '.metadata'),
    options: ['--force'],
    refusal: { code: 'usage', message: /only an extension/ },
  },
  {
    what: 'the source directory itself',
    mode: 'dcp_to_torch',
    source: root => copyFixture('grid_shards', root),
    prepare: root => join(root, 'grid_shards'),
    options: ['--force'],
    refusal: { code: 'usage', message: /The destination is a directory/ },
  },
  {
    what: 'the source file itself',
    mode: 'torch_to_dcp',
    source: root => copyFixture('small_transformer', root),
    prepare: root => join(root, 'small_transformer.pth'),
    options: ['--force'],
    refusal: { code: 'usage', message: /The destination is a file/ },
  },
  {
    what: 'the directory of a source that the old index names',
    mode: 'torch_to_dcp',
    source: root => {
      const source = join(copyFixture('uneven_shards', root), 'model.pth');
      copyFileSync(TORCH_FILE, source);
      editIndex(join(root, 'uneven_shards'), index => {
        for (const info of index.storageData.values())
          setField(info as PyObject, 'relative_path', 'model.pth');
      });
      return source;
    },
    prepare: root => join(root, 'uneven_shards'),
    options: ['--force'],
    refusal: { code: 'usage', message: /would replace a file of the source/, path: /model\.pth$/ },
  },
];

suite('faults: destinations that are refused', ({ each }) => {
  each(
    rows,
    ({ what, mode }) => `${mode}: ${what}`,
    sideBySide(rows, async ({ mode, source, prepare, options = [], refusal }) => {
      const root = scratch({ inMemory: true });
      const from = source?.(root) ?? (mode === 'dcp_to_torch' ? DIRECTORY : TORCH_FILE);
      const to = prepare(root);
      await leavesUnchanged(root, () => refuses(convertArguments(mode, from, to, ...options), refusal));
    }),
  );
});

/** The checkpoint that torch_to_dcp makes of {@link TORCH_FILE}. */
async function converted(root: string): Promise<string> {
  const path = join(root, 'converted');
  await convertHere(convertArguments('torch_to_dcp', TORCH_FILE, path));
  return path;
}

/** What is done, and the doing. */
type Story = [what: string, happens: () => Promise<void>];

const forced: Story[] = [
  [
    'a file is replaced, through a link, and keeps its permissions',
    async () => {
      const root = scratch({ inMemory: true });
      writeFileSync(join(root, 'target.pth'), 'old', { mode: 0o640 });
      chmodSync(join(root, 'target.pth'), 0o640);
      symlinkSync('target.pth', join(root, 'link.pth'));
      await succeeds(convertArguments('dcp_to_torch', DIRECTORY, join(root, 'link.pth'), '--force'));
      const contents = contentsOf(root);
      equal(Object.keys(contents), ['link.pth', 'target.pth']);
      is(contents['link.pth'], '-> target.pth');
      is(statSync(join(root, 'target.pth')).mode & 0o777, 0o640);
      await succeeds(['inspect', join(root, 'target.pth')]);
    },
  ],

  [
    'a link that leads nowhere makes the file that it names, without --force',
    async () => {
      const root = scratch({ inMemory: true });
      symlinkSync('target.pth', join(root, 'link.pth'));
      await succeeds(convertArguments('dcp_to_torch', DIRECTORY, join(root, 'link.pth')));
      equal(Object.keys(contentsOf(root)), ['link.pth', 'target.pth']);
      is(contentsOf(root)['link.pth'], '-> target.pth');
    },
  ],

  [
    'over a checkpoint of more ranks: its files go, files of others stay',
    async () => {
      const root = scratch({ inMemory: true });
      const expected = contentsOf(await converted(root));
      const directory = copyFixture('uneven_shards', root);
      for (const name of ['notes.txt', '__9_0.distcp', '.hidden'])
        writeFileSync(join(directory, name), 'foreign');
      mkdirSync(join(directory, 'logs'));
      writeFileSync(join(directory, 'logs', 'events'), 'foreign');
      const before = contentsOf(directory);
      const { left_behind } = await succeeds(
        convertArguments('torch_to_dcp', TORCH_FILE, directory, '--force'),
      );
      equal(left_behind, []);
      const foreign = ['.hidden', '__9_0.distcp', 'logs', 'logs/events', 'notes.txt'];
      const kept = Object.fromEntries(foreign.map(name => [name, before[name]]));
      equal(contentsOf(directory), { ...expected, ...kept });
    },
  ],

  [
    'over an index that cannot be read: it is replaced, and nothing else goes',
    async () => {
      const root = scratch({ inMemory: true });
      const expected = contentsOf(await converted(root));
      const directory = copyFixture('uneven_shards', root);
      truncateSync(join(directory, '.metadata'), 100);
      const before = contentsOf(directory);
      await succeeds(convertArguments('torch_to_dcp', TORCH_FILE, directory, '--force'));
      equal(contentsOf(directory), { ...before, ...expected });
    },
  ],

  [
    'after an error the old checkpoint is there, whole',
    async () => {
      const root = scratch({ inMemory: true });
      const source = copyFixture('small_transformer', root);
      damageLastStorage(source);
      copyFixture('uneven_shards', root);
      writeFileSync(join(root, 'out.pth'), 'old');
      await leavesUnchanged(root, () =>
        refuses(convertArguments('torch_to_dcp', source, join(root, 'uneven_shards'), '--force'), {
          code: 'corrupt',
        }),
      );
    },
  ],
];

suite('faults: --force', ({ each }) =>
  each(
    forced,
    ([what]) => what,
    sideBySide(forced, ([, happens]) => happens()),
  ));

/** Flips a bit in the middle of the file, which is in a tensor. */
function damageLastStorage(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

suite('faults: --skip-existing', ({ each, test }) => {
  test('what is there is this source converted: nothing is written', async () => {
    const root = scratch({ inMemory: true });
    const directory = await converted(root);
    const file = join(root, 'out.pth');
    await succeeds(convertArguments('dcp_to_torch', DIRECTORY, file));
    await leavesUnchanged(root, async () => {
      for (const args of [
        convertArguments('torch_to_dcp', TORCH_FILE, directory, '--skip-existing'),
        convertArguments('dcp_to_torch', DIRECTORY, file, '--skip-existing'),
      ]) {
        const { status, crc_checked } = await succeeds(args);
        is(status, 'up_to_date');
        is(crc_checked, true);
      }
    });
  });

  const wrong: [what: string, change: (directory: string) => void, refusal: Refusal][] = [
    [
      'one byte differs',
      directory => {
        const path = join(directory, '__0_0.distcp');
        const bytes = readFileSync(path);
        bytes[5000]! ^= 0x40;
        writeFileSync(path, bytes);
      },
      { code: 'usage', message: /The destination exists and is not this source converted/, hint: /--force/ },
    ],
    [
      'a file is shorter',
      directory => truncateSync(join(directory, '__0_0.distcp'), 5000),
      { code: 'usage', message: /is not this source converted: .*another length/ },
    ],
    [
      'the data file is missing',
      directory => rmSync(join(directory, '__0_0.distcp')),
      { code: 'usage', message: /is not this source converted: .*__0_0\.distcp/ },
    ],
    [
      'it is another checkpoint',
      directory => {
        rmSync(directory, { recursive: true });
        copyFixture('uneven_shards', join(directory, '..'));
        execFileSync('mv', [join(directory, '..', 'uneven_shards'), directory]);
      },
      { code: 'usage', message: /is not this source converted/ },
    ],
  ];
  each(
    wrong,
    ([what]) => `what is there is not: ${what}`,
    sideBySide(wrong, async ([, change, refusal]) => {
      const root = scratch({ inMemory: true });
      const directory = await converted(root);
      change(directory);
      await leavesUnchanged(root, () =>
        refuses(convertArguments('torch_to_dcp', TORCH_FILE, directory, '--skip-existing'), refusal),
      );
    }),
  );

  test('nothing is there: it is written', async () => {
    const root = scratch({ inMemory: true });
    const { status } = await succeeds(
      convertArguments('torch_to_dcp', TORCH_FILE, join(root, 'out'), '--skip-existing'),
    );
    is(status, 'converted');
    equal(Object.keys(contentsOf(root)), ['out', 'out/.metadata', 'out/__0_0.distcp']);
  });

  test('the source is damaged: that is what it says', async () => {
    const root = scratch({ inMemory: true });
    const directory = await converted(root);
    const source = copyFixture('small_transformer', root);
    damageLastStorage(source);
    await leavesUnchanged(root, () =>
      refuses(convertArguments('torch_to_dcp', source, directory, '--skip-existing'), {
        code: /./ as never,
        message: /./,
      }),
    );
  });
});

const sameDirectory: Story[] = [
  [
    'a .pth converts into the directory that holds it',
    async () => {
      const root = scratch({ inMemory: true });
      const source = copyFixture('small_transformer', root);
      const before = checksum(source);
      await succeeds(convertArguments('torch_to_dcp', source, root));
      equal(Object.keys(contentsOf(root)), ['.metadata', '__0_0.distcp', 'small_transformer.pth']);
      is(checksum(source), before);
      // And again over that, and back beside it.
      await succeeds(convertArguments('torch_to_dcp', source, root, '--force'));
      await succeeds(convertArguments('dcp_to_torch', root, join(root, 'back.pth')));
      equal(Object.keys(contentsOf(root)), [
        '.metadata',
        '__0_0.distcp',
        'back.pth',
        'small_transformer.pth',
      ]);
      is(checksum(source), before);
    },
  ],

  [
    'relative paths, a dot, and slashes at the end',
    async () => {
      const root = scratch({ inMemory: true });
      copyFixture('small_transformer', root);
      const options = { cwd: root };
      await succeeds(convertArguments('torch_to_dcp', 'small_transformer.pth', '.'), options);
      await succeeds(convertArguments('torch_to_dcp', './small_transformer.pth', 'sub/dir/'), options);
      await succeeds(convertArguments('dcp_to_torch', 'sub/dir/', 'sub/out.pth'), options);
      await succeeds(convertArguments('dcp_to_torch', '.', 'out.pth'), options);
      is(checksum(join(root, 'out.pth')), checksum(join(root, 'sub', 'out.pth')));
      equal(
        Object.keys(contentsOf(root)).filter(name => name.includes('tmp')),
        [],
      );
    },
  ],
];

suite('faults: the directory of the source', ({ each }) =>
  each(
    sameDirectory,
    ([what]) => what,
    sideBySide(sameDirectory, ([, happens]) => happens()),
  ));

const meanwhile: Story[] = [
  [
    'a file that appears is not replaced',
    async () => {
      const root = scratch({ inMemory: true });
      const path = join(root, 'out.pth');
      const ending = await interveneIn(
        [...convertArguments('dcp_to_torch', (await bigSource()).directory, path), '--json'],
        () => writeFileSync(path, 'mine'),
      );
      checkRefusal(ending, { code: 'usage', message: /appeared while it was being made/, path });
      is(readFileSync(path, 'utf8'), 'mine');
      equal(Object.keys(contentsOf(root)), ['out.pth']);
    },
  ],

  [
    'a directory that appears is not replaced, nor filled',
    async () => {
      const root = scratch({ inMemory: true });
      const path = join(root, 'out');
      const ending = await interveneIn(
        [...convertArguments('torch_to_dcp', (await bigSource()).torchFile, path), '--json'],
        () => {
          mkdirSync(path);
          writeFileSync(join(path, 'mine'), 'mine');
        },
      );
      checkRefusal(ending, { code: 'usage', message: /appeared while it was being made/ });
      equal(Object.keys(contentsOf(root)), ['out', 'out/mine']);
    },
  ],

  [
    'a second conversion to the same name is refused while the first one runs',
    async () => {
      const root = scratch({ inMemory: true });
      const path = join(root, 'out.pth');
      const { directory } = await bigSource();
      const run = await startCopying(convertArguments('dcp_to_torch', directory, path));
      run.process.kill('SIGSTOP');
      await refuses(convertArguments('dcp_to_torch', DIRECTORY, path, '--force'), {
        code: 'usage',
        message: /^Another conversion is making this output/,
        found: new RegExp(`^process ${run.process.pid} on `),
        hint: /Wait for it, or end it/,
      });
      run.process.kill('SIGCONT');
      is((await run.ended).exitCode, 0);
      equal(Object.keys(contentsOf(root)), ['out.pth']);
    },
  ],
];

suite('faults: destinations that change meanwhile', ({ each }) =>
  each(
    meanwhile,
    ([what]) => what,
    sideBySide(meanwhile, ([, happens]) => happens()),
  ));

suite('faults: permissions', ({ test, skip }) => {
  const isRoot = process.getuid?.() === 0;
  const NOBODY = 65_534;
  /** Another user, where this one may do everything. */
  const asUser = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (process.platform === 'win32') {
    skip('a directory that may not be written', 'Windows has no such permissions');
    return;
  }

  test('a directory that may not be written', async () => {
    const root = scratch({ inMemory: true });
    chmodSync(root, 0o555);
    const { exitCode, stdout, stderr } = await runDcp(
      [...convertArguments('dcp_to_torch', DIRECTORY, join(root, 'out.pth')), '--json'],
      asUser,
    );
    if (isRoot && stderr.includes('EACCES')) return;
    checkRefusal(
      { exitCode, signal: null, stdout, stderr },
      { code: 'file', message: /permission denied/, path: /out\.pth/ },
    );
    equal(contentsOf(root), {});
  });

  test('a source that may not be read', async () => {
    const root = scratch({ inMemory: true });
    chmodSync(root, 0o777);
    const source = copyFixture('grid_shards', root);
    chmodSync(join(source, '__1_0.distcp'), 0);
    await leavesUnchanged(root, () =>
      refuses(
        convertArguments('dcp_to_torch', source, join(root, 'out.pth')),
        { code: 'file', message: /^Cannot open: permission denied/, path: /__1_0\.distcp$/ },
        asUser,
      ),
    );
  });
});
