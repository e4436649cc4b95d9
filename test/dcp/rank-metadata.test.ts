import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDcp, readFileNames } from '../../src/dcp/reader.js';
import { dcpToTorchSave, inspectCheckpoint } from '../../src/index.js';
import { decodePickle } from '../../src/pickle/decode.js';
import { encodePickle } from '../../src/pickle/encode.js';
import type { PyObject } from '../../src/pickle/values.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, rejects, suite } from '../suite.js';
import { AlteredIndex } from './altered.js';
import { torchSize } from './hand-made.js';

const RELEASE = '2.14.1';
const target = (): string => join(scratch({ inMemory: true }), 'out.pth');
const copy = (): string => copyFixture('rank_metadata', scratch({ inMemory: true }), RELEASE);

suite('an index a rank', ({ test }) => {
  test('what several ranks hold is read once', async () => {
    const { replicas, crcChecked } = await dcpToTorchSave(fixturePath('rank_metadata', RELEASE), target());
    ok(crcChecked);
    // rep.weight and step are whole on each of four ranks; mid.weight is replicated over half the mesh.
    is(replicas, 3 + 3 + 2);
  });

  test('paths, objects and the version are those of the lowest rank', async () => {
    const checkpoint = await openDcp(fixturePath('rank_metadata', RELEASE));
    const paths = checkpoint.entries.map(({ path }) => path.join('/'));
    ok(paths.includes('model/rows.weight') && paths.includes('optim/param_groups/0/lr'), paths.join());
    is(new Set(paths).size, paths.length);
    is(checkpoint.provenance.metadataVersion, '1.0.0');
    const epoch = checkpoint.entries.find(({ fqn }) => fqn === 'epoch');
    ok(epoch?.kind === 'object');
    await checkpoint.loadObjects([epoch]);
    is(epoch.value, 2);
    checkpoint.close();
  });

  test('all its files are those of the checkpoint', async () => {
    equal(
      await readFileNames(fixturePath('rank_metadata', RELEASE)),
      [0, 1, 2, 3].map(rank => `__${rank}_0.distcp`),
    );
  });

  test('a rank in between is missing: it is named, and inspect still tells of the others', async () => {
    const path = copy();
    rmSync(join(path, '__1.metadata'));
    const error = await rejects(() => dcpToTorchSave(path, target()), {
      code: 'file',
      message: /index of rank 1 is missing.*expected 4 indexes, one a rank, found 3; missing: __1\.metadata/,
    });
    match(error.hint!, /use_collectives=False/);
    const report = await inspectCheckpoint(path);
    is(report.completeness, 'ranks_missing');
    equal(report.missingRanks, [1]);
  });

  test('the index of the last rank is missing: its data file tells', async () => {
    const path = copy();
    rmSync(join(path, '__3.metadata'));
    await rejects(() => dcpToTorchSave(path, target()), {
      code: 'file',
      message: /index of rank 3 is missing/,
    });
  });

  test('nothing of the last rank is there: the hole is found', async () => {
    const path = copy();
    rmSync(join(path, '__3.metadata'));
    rmSync(join(path, '__3_0.distcp'));
    const error = await rejects(() => dcpToTorchSave(path, target()), {
      code: 'corrupt',
      message: /stored nowhere/,
    });
    match(error.hint!, /ranks 0 to 2/);
  });

  test('a data file is missing', async () => {
    const path = copy();
    rmSync(join(path, '__2_0.distcp'));
    await rejects(() => dcpToTorchSave(path, target()), { code: 'file', message: /missing: __2_0\.distcp/ });
  });

  test('ranks that say different things of one tensor are refused', async () => {
    const path = copy();
    const file = join(path, '__2.metadata');
    const { value } = decodePickle(readFileSync(file));
    new AlteredIndex(value as PyObject).tensor('model.rows.weight').set('size', torchSize(10, 4));
    writeFileSync(file, encodePickle(value));
    await rejects(() => openDcp(path), {
      code: 'format',
      message:
        /expected a tensor of float32 \[9, 4\], as rank 0 says, found .*\[10, 4\], as rank 2 says.*\[at model\.rows/,
    });
  });

  test('an index that is there for all counts alone', async () => {
    const path = copy();
    renameSync(join(path, '__0.metadata'), join(path, '.metadata'));
    const checkpoint = await openDcp(path);
    is(checkpoint.rankIndexes, undefined);
    await rejects(() => dcpToTorchSave(path, target()), { code: 'corrupt', message: /stored nowhere/ });
  });

  test('one of them on its own is an index without data', async () => {
    const { completeness, tensors } = await inspectCheckpoint(
      join(fixturePath('rank_metadata', RELEASE), '__2.metadata'),
    );
    equal([completeness, tensors], ['index_only', 8]);
  });
});

suite('torch 1.13', ({ test }) => {
  test('an index without planner_data: keys are the top level', async () => {
    const checkpoint = await openDcp(fixturePath('single', '1.13.1'));
    equal(
      checkpoint.entries.map(({ path }) => path),
      [['w'], ['b'], ['step'], ['note']],
    );
    is(checkpoint.provenance.torchEra, '1.13, or saved without flattening');
    checkpoint.close();
  });
});
