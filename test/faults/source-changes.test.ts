/** Sources of more than one moment: changed while they are read, or overwritten in part by a save that died. */
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  cpSync,
  openSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, suite } from '../suite.js';
import { bigSource, interveneIn } from './big-source.js';
import { contentsOf, leavesUnchanged } from './contents.js';
import {
  checkRefusal,
  convertArguments,
  type Refusal,
  refuses,
  runDcp,
  sideBySide,
  succeeds,
} from './run-dcp.js';

suite('faults: a torn overwrite', ({ test }) => {
  const says =
    /1 of 4 data files are newer than \.metadata, which torch writes last \(__1_0\.distcp is of .*Z, \.metadata of .*Z\)/;

  test('converting warns on stderr and in the document, and exits 0', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('torn_overwrite', root);
    const args = convertArguments('dcp_to_torch', source, join(root, 'out.pth'));
    const { warnings } = await succeeds(args);
    const [warning] = warnings as { kind: string; message: string }[];
    is(warning?.kind, 'torn_overwrite');
    match(warning!.message, says);
    const { exitCode, stderr, stdout } = await runDcp([...args, '--force']);
    is(exitCode, 0);
    match(stderr, says);
    match(stderr, /^dcp: warning: .*cp -r does that, cp -a does not/);
    match(stdout, /^Converted/);
  });

  test('with --strict it is refused', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('torn_overwrite', root);
    await leavesUnchanged(root, () =>
      refuses(convertArguments('dcp_to_torch', source, join(root, 'out.pth'), '--strict'), {
        code: 'corrupt',
        message: /^Data files are newer than the index/,
        expected: 'data written before .metadata, as torch does',
        found: /^1 of 4 data files are newer: __1_0\.distcp is of .*Z, \.metadata of .*Z$/,
        hint: /cp -r/,
        path: /torn_overwrite$/,
      }),
    );
  });

  test('inspect shows the warning', async () => {
    const source = copyFixture('torn_overwrite', scratch({ inMemory: true }));
    const { warnings } = await succeeds(['inspect', source]);
    equal(
      (warnings as { kind: string }[]).map(({ kind }) => kind),
      ['torn_overwrite'],
    );
    const { exitCode, stdout } = await runDcp(['inspect', source]);
    is(exitCode, 0);
    match(stdout, /^WARNING +1 of 4 data files are newer/m);
  });

  test('files as old as the index, to the nanosecond, give no warning', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('torn_overwrite', root);
    for (const name of ['.metadata', '__0_0.distcp', '__1_0.distcp', '__2_0.distcp', '__3_0.distcp'])
      utimesSync(join(source, name), 1_700_000_000, 1_700_000_000);
    const { warnings } = await succeeds(
      convertArguments('dcp_to_torch', source, join(root, 'out.pth'), '--strict'),
    );
    equal(warnings, []);
  });
});

/** Gives a file other bytes of the same length and its old time back. */
function overwriteQuietly(path: string): void {
  const { atime, mtime, size } = statSync(path);
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(64, 0x55), 0, 64, size >> 1);
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

interface Change {
  what: string;
  change(path: string): void;
  refusal: Refusal;
}

const changed = (how: RegExp): Refusal => ({
  code: 'file',
  message: new RegExp(`^The source changed while it was read: ${how.source}`),
  hint: /run the conversion again/,
});

const changes: Change[] = [
  {
    what: 'another modification time',
    change: path => utimesSync(path, 1, 1),
    refusal: changed(/its modification time differs \(expected \d+ bytes of .*Z, found \d+ bytes of 1970/),
  },
  {
    what: 'a longer file',
    change: path => appendFileSync(path, 'x'),
    refusal: changed(/its size differs, its modification time differs/),
  },
  {
    what: 'another file under its name',
    change: path => {
      copyFileSync(path, `${path}.new`);
      const { atime, mtime } = statSync(path);
      utimesSync(`${path}.new`, atime, mtime);
      renameSync(`${path}.new`, path);
    },
    refusal: changed(/another file has its name/),
  },
  {
    what: 'a file that vanished',
    change: path => renameSync(path, `${path}.gone`),
    refusal: { code: 'file', message: /it is gone|no such file/ },
  },
  {
    what: 'a file cut off',
    change: path => truncateSync(path, 1 << 20),
    refusal: { code: 'file', message: /ends too early|its size differs/ },
  },
];

suite('faults: a source that changes during the conversion', ({ each, test }) => {
  each(
    changes,
    ({ what }) => `torch.save file: ${what}`,
    sideBySide(changes, async ({ change, refusal }) => {
      const root = scratch({ inMemory: true });
      const source = join(root, 'model.pth');
      copyFileSync((await bigSource()).torchFile, source);
      const ending = await interveneIn(
        [...convertArguments('torch_to_dcp', source, join(root, 'out')), '--json'],
        () => change(source),
      );
      checkRefusal(ending, refusal);
      const others = Object.keys(contentsOf(root)).filter(name => !name.startsWith('model.pth'));
      equal(others, []);
    }),
  );

  const partsOfDirectory = ['.metadata', '__0_0.distcp'];
  each(
    partsOfDirectory,
    name => `DCP directory: ${name}`,
    sideBySide(partsOfDirectory, async name => {
      const root = scratch({ inMemory: true });
      const source = join(scratch({ inMemory: true }), 'ckpt');
      cpSync((await bigSource()).directory, source, { recursive: true });
      const ending = await interveneIn(
        [...convertArguments('dcp_to_torch', source, join(root, 'out.pth')), '--json'],
        () => utimesSync(join(source, name), 1, 1),
      );
      const error = checkRefusal(ending, changed(/its modification time differs/));
      is(error.path, join(source, name));
      equal(contentsOf(root), {});
    }),
  );

  test('bytes changed behind its back are found by their checksum', async () => {
    const root = scratch({ inMemory: true });
    const source = join(root, 'model.pth');
    copyFileSync((await bigSource()).torchFile, source);
    overwriteQuietly(source);
    await leavesUnchanged(root, () =>
      refuses(convertArguments('torch_to_dcp', source, join(root, 'out')), {
        code: 'corrupt',
        message: /CRC-32/,
        fqn: /^layer\d+\.weight$/,
      }),
    );
  });
});
