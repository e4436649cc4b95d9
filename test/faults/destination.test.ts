/** Destinations that exist, are something else, cannot be written, or are part of the source. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PyObject } from '../../src/pickle/values.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, suite } from '../suite.js';
import { contentsOf, leavesUnchanged } from './contents.js';
import { editIndex, setField } from './craft.js';
import { BINARY, convertArguments, type Refusal, refuses, refusesHere, sideBySide } from './run-dcp.js';

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

/** Rows that start the program; the others ask the library, which is faster. */
const BY_PROGRAM = [
  'a file exists',
  'a checkpoint exists',
  'a directory has the name of the file',
  'a FIFO',
  'the parent of the file is missing',
  'a data file of the source, by another name',
  'the directory of a source that the old index names',
];

suite('faults: destinations that are refused', ({ each }) => {
  each(
    rows,
    ({ what, mode }) => `${mode}: ${what}`,
    sideBySide(rows, async ({ what, mode, source, prepare, options = [], refusal }) => {
      const root = scratch({ inMemory: true });
      const from = source?.(root) ?? (mode === 'dcp_to_torch' ? DIRECTORY : TORCH_FILE);
      const to = prepare(root);
      const refuse = BY_PROGRAM.includes(what) ? refuses : refusesHere;
      await leavesUnchanged(root, () => refuse(convertArguments(mode, from, to, ...options), refusal));
    }),
  );
});

const NOBODY = 65_534;

suite('faults: permissions', ({ test, skip }) => {
  /** Another user, where this one may do everything. */
  const asUser = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (spawnSync(process.execPath, [BINARY, '--version'], asUser).status !== 0) {
    skip('all of it', 'root may do everything, and no other user can run the program where it is');
    return;
  }

  test('a directory that may not be written', async () => {
    const root = scratch({ inMemory: true });
    chmodSync(root, 0o555);
    await refuses(
      convertArguments('dcp_to_torch', DIRECTORY, join(root, 'out.pth')),
      { code: 'file', message: /permission denied/, path: /out\.pth/ },
      asUser,
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
