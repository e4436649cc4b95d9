import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { openDcp } from '../../src/dcp/reader.js';
import { dcpToTorchSave, inspectCheckpoint } from '../../src/index.js';
import { tornWarning } from '../../src/ops/warnings.js';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, rejects, suite, throws } from '../suite.js';

suite('torn overwrites', ({ test }) => {
  test('data newer than the index is a warning that names the file and both times', async () => {
    const path = copyFixture('torn_overwrite', scratch({ inMemory: true }));
    utimesSync(join(path, '.metadata'), 1_700_000_000, 1_700_000_000);
    for (const rank of [0, 2, 3]) utimesSync(join(path, `__${rank}_0.distcp`), 1_699_999_999, 1_699_999_999);
    utimesSync(join(path, '__1_0.distcp'), 1_700_000_060, 1_700_000_060);
    const checkpoint = await openDcp(path);
    const [warning, ...others] = tornWarning(checkpoint, false);
    equal(others, []);
    is(warning!.kind, 'torn_overwrite');
    match(
      warning!.message,
      /^1 of 4 data files are newer than \.metadata.*__1_0\.distcp is of 2023-11-14T22:14:20\.000Z, \.metadata of 2023-11-14T22:13:20\.000Z/,
    );
    const error = throws(() => tornWarning(checkpoint, true), {
      code: 'corrupt',
      message: /1 of 4 data files are newer: __1_0\.distcp/,
    });
    is(error.context.path, path);
    match(error.hint!, /cp -r/);
  });

  test('conversion and inspection pass it on', async () => {
    const directory = scratch({ inMemory: true });
    const path = copyFixture('torn_overwrite', directory);
    const { warnings } = await dcpToTorchSave(path, join(directory, 'out.pth'));
    equal(
      warnings.map(({ kind }) => kind),
      ['torn_overwrite'],
    );
    equal((await inspectCheckpoint(path)).warnings, warnings);
  });

  test('a checkpoint whose index was written last is none', async () => {
    const path = copyFixture('fsdp2_adam', scratch({ inMemory: true }));
    for (const rank of [0, 1, 2, 3])
      utimesSync(join(path, `__${rank}_0.distcp`), 1_700_000_000, 1_700_000_000);
    equal(tornWarning(await openDcp(path), true), []);
  });

  test('files that are not at hand say nothing', async () => {
    const path = copyFixture('torn_overwrite', scratch({ inMemory: true }));
    const checkpoint = await openDcp(join(path, '.metadata'));
    equal(tornWarning(checkpoint, true), []);
    await rejects(() => dcpToTorchSave(join(path, '.metadata'), join(path, 'x.pth')), { code: 'file' });
  });
});
