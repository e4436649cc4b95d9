/** A save that died in the directory of a finished one: half of every weight is of another step, all else is right. */
import { spawnSync } from 'node:child_process';
import { statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, suite } from '../suite.js';
import { leavesUnchanged } from './contents.js';
import { convertArguments, convertHere, refuses, runDcp, succeeds } from './run-dcp.js';

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

  test('times that no calendar has are told as the last one that has a name', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('torn_overwrite', root);
    const path = join(source, '__2_0.distcp');
    const { status } = spawnSync('touch', ['-d', '@9999999999999', path]);
    // Neither every `touch` nor every file system knows such a time.
    if (status !== 0 || statSync(path, { bigint: true }).mtimeMs < 8_640_000_000_000_000n) return;
    const { warnings } = await convertHere(convertArguments('dcp_to_torch', source, join(root, 'out.pth')));
    match(warnings[0]!.message, /__2_0\.distcp is of \+275760-09-13T00:00:00\.000Z/);
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
    const { warnings } = await convertHere(
      convertArguments('dcp_to_torch', source, join(root, 'out.pth'), '--strict'),
    );
    equal(warnings, []);
  });
});
