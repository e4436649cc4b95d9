/** `--force`, `--skip-existing`, and destinations around the source: what goes, and what stays. */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, suite } from '../suite.js';
import { checksum, contentsOf, leavesUnchanged } from './contents.js';
import {
  convertArguments,
  convertHere,
  type Refusal,
  refuses,
  refusesHere,
  sideBySide,
  succeeds,
} from './run-dcp.js';

const TORCH_FILE = fixturePath('small_transformer');
const DIRECTORY = fixturePath('grid_shards');

/** What is done, and the doing, in an empty directory. */
type Story = [what: string, happens: (root: string) => Promise<unknown>];

const tell = (stories: readonly Story[]): ((story: Story) => Promise<void>) =>
  sideBySide(stories, ([, happens]) => happens(scratch({ inMemory: true })));

/** The checkpoint that torch_to_dcp makes of {@link TORCH_FILE}. */
async function converted(root: string): Promise<string> {
  const path = join(root, 'converted');
  await convertHere(convertArguments('torch_to_dcp', TORCH_FILE, path));
  return path;
}

/** Flips a bit in the middle of the file, which is in a tensor. */
function damageTensor(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(path, bytes);
}

const forced: Story[] = [
  [
    'a file is replaced, through a link, and keeps its permissions',
    async root => {
      writeFileSync(join(root, 'target.pth'), 'old');
      chmodSync(join(root, 'target.pth'), 0o640);
      symlinkSync('target.pth', join(root, 'link.pth'));
      await succeeds(convertArguments('dcp_to_torch', DIRECTORY, join(root, 'link.pth'), '--force'));
      const contents = contentsOf(root);
      equal(Object.keys(contents), ['link.pth', 'target.pth']);
      is(contents['link.pth'], '-> target.pth');
      is(statSync(join(root, 'target.pth')).mode & 0o777, 0o640);
      is(readFileSync(join(root, 'target.pth'), 'latin1').startsWith('PK'), true);
    },
  ],
  [
    'a link that leads nowhere makes the file that it names, without --force',
    async root => {
      symlinkSync('target.pth', join(root, 'link.pth'));
      await succeeds(convertArguments('dcp_to_torch', DIRECTORY, join(root, 'link.pth')));
      equal(Object.keys(contentsOf(root)), ['link.pth', 'target.pth']);
      is(contentsOf(root)['link.pth'], '-> target.pth');
    },
  ],
  [
    'over a checkpoint of more ranks: its files go, files of others stay',
    async root => {
      const expected = contentsOf(await converted(root));
      const directory = copyFixture('uneven_shards', root);
      for (const name of ['notes.txt', '__9_0.distcp', '.hidden'])
        writeFileSync(join(directory, name), 'foreign');
      mkdirSync(join(directory, 'logs'));
      writeFileSync(join(directory, 'logs', 'events'), 'foreign');
      const before = contentsOf(directory);
      const args = convertArguments('torch_to_dcp', TORCH_FILE, directory, '--force');
      equal((await succeeds(args)).left_behind, []);
      const foreign = ['.hidden', '__9_0.distcp', 'logs', 'logs/events', 'notes.txt'];
      const kept = Object.fromEntries(foreign.map(name => [name, before[name]]));
      equal(contentsOf(directory), { ...expected, ...kept });
    },
  ],
  [
    'over an index that cannot be read: it is replaced, and nothing else goes',
    async root => {
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
    async root => {
      const source = copyFixture('small_transformer', root);
      damageTensor(source);
      const directory = copyFixture('uneven_shards', root);
      await leavesUnchanged(root, () =>
        refuses(convertArguments('torch_to_dcp', source, directory, '--force'), { code: 'corrupt' }),
      );
    },
  ],
];

suite('faults: --force', ({ each }) => {
  each(forced, ([what]) => what, tell(forced));
});

const skipped: Story[] = [
  [
    'what is there is this source converted: nothing is written',
    async root => {
      const directory = await converted(root);
      const file = join(root, 'out.pth');
      await convertHere(convertArguments('dcp_to_torch', DIRECTORY, file));
      await leavesUnchanged(root, async () => {
        for (const args of [
          convertArguments('torch_to_dcp', TORCH_FILE, directory, '--skip-existing'),
          convertArguments('dcp_to_torch', DIRECTORY, file, '--skip-existing'),
        ]) {
          const { status, crc_checked } = await succeeds(args);
          equal([status, crc_checked], ['up_to_date', true]);
        }
      });
    },
  ],
  [
    'nothing is there: it is written',
    async root => {
      const args = convertArguments('torch_to_dcp', TORCH_FILE, join(root, 'out'), '--skip-existing');
      is((await succeeds(args)).status, 'converted');
      equal(Object.keys(contentsOf(root)), ['out', 'out/.metadata', 'out/__0_0.distcp']);
    },
  ],
  [
    'the source was damaged since',
    async root => {
      const directory = await converted(root);
      const source = copyFixture('small_transformer', root);
      damageTensor(source);
      await leavesUnchanged(root, () =>
        refuses(convertArguments('torch_to_dcp', source, directory, '--skip-existing'), {
          code: 'usage',
          message: /is not this source converted/,
        }),
      );
    },
  ],
];

const others: [what: string, change: (directory: string) => void, refusal: Refusal][] = [
  [
    'one byte differs',
    directory => damageTensor(join(directory, '__0_0.distcp')),
    {
      code: 'usage',
      message: /^The destination exists and is not this source converted: .*__0_0\.distcp, byte \d+/,
      hint: /--force/,
    },
  ],
  [
    'a file is shorter',
    directory => truncateSync(join(directory, '__0_0.distcp'), 5000),
    { code: 'usage', message: /is not this source converted: .*another length .*found 5000 bytes/ },
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
      renameSync(copyFixture('uneven_shards', join(directory, '..')), directory);
    },
    { code: 'usage', message: /is not this source converted/ },
  ],
];

suite('faults: --skip-existing', ({ each }) => {
  each(skipped, ([what]) => what, tell(skipped));

  each(
    others,
    ([what]) => `what is there is something else: ${what}`,
    async ([what, change, refusal]) => {
      const root = scratch({ inMemory: true });
      const directory = await converted(root);
      change(directory);
      const refuse = what === 'one byte differs' ? refuses : refusesHere;
      await leavesUnchanged(root, () =>
        refuse(convertArguments('torch_to_dcp', TORCH_FILE, directory, '--skip-existing'), refusal),
      );
    },
  );
});

const aroundTheSource: Story[] = [
  [
    'a .pth converts into the directory that holds it, again over that, and back beside it',
    async root => {
      const source = copyFixture('small_transformer', root);
      const before = checksum(source);
      await succeeds(convertArguments('torch_to_dcp', source, root));
      equal(Object.keys(contentsOf(root)), ['.metadata', '__0_0.distcp', 'small_transformer.pth']);
      await convertHere(convertArguments('torch_to_dcp', source, root, '--force'));
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
    'relative paths, a dot, missing parents, and a slash at the end',
    async root => {
      copyFixture('small_transformer', root);
      const options = { cwd: root };
      await succeeds(convertArguments('torch_to_dcp', 'small_transformer.pth', '.'), options);
      await succeeds(convertArguments('torch_to_dcp', './small_transformer.pth', 'sub/dir/'), options);
      await succeeds(convertArguments('dcp_to_torch', 'sub/dir/', 'out.pth'), options);
      const contents = contentsOf(root);
      equal(Object.keys(contents), [
        '.metadata',
        '__0_0.distcp',
        'out.pth',
        'small_transformer.pth',
        'sub',
        'sub/dir',
        'sub/dir/.metadata',
        'sub/dir/__0_0.distcp',
      ]);
      equal(contents['sub/dir/.metadata'], contents['.metadata']);
      equal(contents['sub/dir/__0_0.distcp'], contents['__0_0.distcp']);
    },
  ],
];

suite('faults: around the source', ({ each }) => {
  each(aroundTheSource, ([what]) => what, tell(aroundTheSource));
});
