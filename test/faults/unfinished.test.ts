/** Directories that hold no finished checkpoint, and paths that hold none at all: each is told apart. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { is, suite } from '../suite.js';
import { leavesUnchanged } from './contents.js';
import {
  convertArguments,
  type Refusal,
  refuses,
  refusesHere,
  runDcp,
  sideBySide,
  succeeds,
} from './run-dcp.js';

const FILES = ['__0_0.distcp', '__1_0.distcp', '__2_0.distcp', '__3_0.distcp'];

function setAge(directory: string, seconds: number): void {
  const time = Date.now() / 1000 - seconds;
  for (const name of FILES) utimesSync(join(directory, name), time, time);
}

interface Row {
  what: string;
  /** Makes the source in an empty directory and gives its path. */
  make(root: string): string;
  refusal: Refusal;
}

const rows: Row[] = [
  {
    what: 'a save in progress: data files, no index',
    make: root => {
      const path = copyFixture('fsdp2_adam', root);
      rmSync(join(path, '.metadata'));
      setAge(path, 5);
      return path;
    },
    refusal: {
      code: 'file',
      message: /^A save into this directory seems to be in progress: it has no \.metadata yet/,
      found: /^4 files of a save without \.metadata; the last one written is __3_0\.distcp, \d+ s ago$/,
      hint: /Wait until the save is complete/,
      path: /fsdp2_adam$/,
    },
  },
  {
    what: 'a save in progress: the index is being written',
    make: root => {
      const path = copyFixture('fsdp2_adam', root);
      setAge(path, 5000);
      renameSync(join(path, '.metadata'), join(path, '.metadata.tmp'));
      utimesSync(join(path, '.metadata.tmp'), Date.now() / 1000, Date.now() / 1000);
      return path;
    },
    refusal: {
      code: 'file',
      message: /seems to be in progress/,
      found: /^5 files .* is \.metadata\.tmp, \d+ s ago$/,
    },
  },
  {
    what: 'a save that died',
    make: root => {
      const path = copyFixture('fsdp2_adam', root);
      rmSync(join(path, '.metadata'));
      setAge(path, 3600);
      return path;
    },
    refusal: {
      code: 'file',
      message: /^A save into this directory died before it was complete: it has no \.metadata/,
      found: /, 36\d\d s ago$/,
      hint: /Use an earlier checkpoint/,
    },
  },
  {
    what: 'a save that died while it wrote the index',
    make: root => {
      const path = copyFixture('fsdp2_adam', root);
      setAge(path, 3600);
      renameSync(join(path, '.metadata'), join(path, '.metadata.tmp'));
      utimesSync(join(path, '.metadata.tmp'), Date.now() / 1000 - 3600, Date.now() / 1000 - 3600);
      return path;
    },
    refusal: { code: 'file', message: /died before it was complete/ },
  },
  {
    what: 'an index of a rank, but not of each',
    make: root => {
      const path = copyFixture('fsdp2_adam', root);
      renameSync(join(path, '.metadata'), join(path, '__0.metadata'));
      return path;
    },
    refusal: {
      code: 'file',
      message: /The index of rank 1, 2, 3 is missing/,
      expected: /4 indexes/,
      hint: /use_collectives=False/,
    },
  },
  {
    what: 'an empty directory',
    make: root => root,
    refusal: {
      code: 'file',
      message: /^The directory holds no checkpoint/,
      expected: /\.metadata/,
      found: 'an empty directory',
      hint: null,
    },
  },
  {
    what: 'a directory of other things',
    make: root => {
      writeFileSync(join(root, 'README.md'), 'x');
      return root;
    },
    refusal: { code: 'file', message: /holds no checkpoint/, found: /^1 other entr/ },
  },
  {
    what: 'a directory of a torch.save file alone',
    make: root => {
      copyFixture('small_transformer', root);
      return root;
    },
    refusal: {
      code: 'file',
      message: /^The source is a torch.save file/,
      path: /small_transformer\.pth$/,
      hint: /torch_to_dcp/,
    },
  },
  {
    what: 'the directory above two checkpoints',
    make: root => {
      copyFixture('grid_shards', root);
      copyFixture('uneven_shards', root);
      return root;
    },
    refusal: { code: 'file', found: '2: grid_shards, uneven_shards', hint: /--latest-complete/ },
  },
  {
    what: 'nothing',
    make: root => join(root, 'none'),
    refusal: { code: 'file', path: /none$/, message: /^There is nothing at this path/ },
  },
  {
    what: 'a link that leads nowhere',
    make: root => {
      symlinkSync('gone', join(root, 'latest'));
      return join(root, 'latest');
    },
    refusal: { code: 'file', path: /latest$/ },
  },
  {
    what: 'a torch.save file',
    make: root => copyFixture('small_transformer', root),
    refusal: {
      code: 'file',
      message: /^The source is a torch.save file/,
      expected: 'a DCP directory',
      hint: /torch_to_dcp/,
    },
  },
  {
    what: 'a FIFO',
    make: root => {
      execFileSync('mkfifo', [join(root, 'pipe')]);
      return join(root, 'pipe');
    },
    refusal: { code: 'file', message: /^The source is a fifo/ },
  },
  {
    what: 'an index on its own',
    make: root => {
      const path = copyFixture('grid_shards', root);
      for (const name of FILES) rmSync(join(path, name));
      return join(path, '.metadata');
    },
    refusal: {
      code: 'file',
      message: /^Only the index is at hand, not the data files it names/,
      expected: '4 files such as __0_0.distcp',
      hint: 'Give the checkpoint directory.',
    },
  },
  {
    what: 'an index that is a directory',
    make: root => {
      mkdirSync(join(root, '.metadata'));
      return root;
    },
    refusal: { code: 'file', path: /\.metadata$/, message: /It is a directory/ },
  },
  {
    what: 'an index that is a torch.save file',
    make: root => {
      copyFileSync(fixturePath('small_transformer'), join(root, '.metadata'));
      return root;
    },
    refusal: {
      code: 'format',
      message: /^The index is not a pickle/,
      found: 'one that begins with 50 4b 03 04',
      path: /\.metadata$/,
    },
  },
  {
    what: 'an index that is another pickle',
    make: root => {
      writeFileSync(join(root, '.metadata'), encodePickle(new PyDict()));
      return root;
    },
    refusal: { code: 'format', message: /^The pickle holds no Metadata object/, path: /\.metadata$/ },
  },
];

/** Rows that start the program; the others ask the library, which is faster. */
const BY_PROGRAM = [
  'a save in progress: data files, no index',
  'a save that died',
  'an index of a rank, but not of each',
  'an empty directory',
  'the directory above two checkpoints',
  'nothing',
];

suite('faults: sources of dcp_to_torch that are no finished checkpoint', ({ each, test }) => {
  each(
    rows,
    ({ what }) => what,
    sideBySide(rows, async ({ what, make, refusal }) => {
      const root = scratch({ inMemory: true });
      const source = make(root);
      const output = join(scratch({ inMemory: true }), 'out.pth');
      const refuse = BY_PROGRAM.includes(what) ? refuses : refusesHere;
      await leavesUnchanged(root, () => refuse(convertArguments('dcp_to_torch', source, output), refusal));
      is(existsSync(output), false);
    }),
  );

  test('inspect refuses a save in progress in the same words', async () => {
    const path = rows[0]!.make(scratch({ inMemory: true }));
    await refuses(['inspect', path], rows[0]!.refusal);
  });

  test('inspect reads an index on its own, and says that the data is not at hand', async () => {
    const path = rows.find(({ what }) => what === 'an index on its own')!.make(scratch({ inMemory: true }));
    const { completeness } = await succeeds(['inspect', path]);
    is(completeness, 'index_only');
    const { stdout } = await runDcp(['inspect', path]);
    is(/^complete +index only: the data \(4 files of 4 ranks\) is not at hand$/m.test(stdout), true, stdout);
  });
});

const notTorchFiles: Row[] = [
  {
    what: 'a DCP directory',
    make: () => fixturePath('grid_shards'),
    refusal: { code: 'file', message: /^The source is a DCP checkpoint/, hint: /dcp_to_torch/ },
  },
  {
    what: 'a pointer of Git LFS',
    make: root => {
      writeFileSync(
        join(root, 'x.pth'),
        'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n',
      );
      return join(root, 'x.pth');
    },
    refusal: { code: 'unsupported', path: /x\.pth$/, message: /pointer of Git LFS/, hint: /git lfs pull/ },
  },
  {
    what: 'nothing',
    make: root => join(root, 'x.pth'),
    refusal: { code: 'file', message: /^There is nothing at this path/ },
  },
];

suite('faults: sources of torch_to_dcp that are no torch.save file', ({ each }) => {
  each(
    notTorchFiles,
    ({ what }) => what,
    sideBySide(notTorchFiles, async ({ make, refusal }) => {
      const root = scratch({ inMemory: true });
      const source = make(root);
      await leavesUnchanged(root, () =>
        refusesHere(convertArguments('torch_to_dcp', source, join(root, 'out')), refusal),
      );
    }),
  );
});
