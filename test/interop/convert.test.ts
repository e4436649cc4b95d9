import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { dcpToTorchSave, openCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { PyGlobal, type PyObject, PyTuple } from '../../src/pickle/values.js';
import { alteredFixture } from '../dcp/altered.js';
import { type FixtureCase, fixtureCases, fixturePath, golden } from '../fixtures.js';
import { goldenOfCheckpoint } from '../goldens/golden-of-checkpoint.js';
import { equal, fail, is, ok, type Suite, suite } from '../suite.js';
import { type Answer, Judge, python } from './judge.js';

/**
 * Real torch converts a fixture, we convert it too, and torch compares the two: tree, types, bytes. For state
 * dicts of tensors the files must be equal to the byte.
 */

/** Why torch's result is not the one to be compared with. By case name. */
const TORCH_IS_WRONG: Readonly<Record<string, string>> = {
  calls_os_system: 'names os.system; refused by us, see the tests of the command line',
  calls_os_system_dcp: 'names os.system; refused by us, see the tests of the command line',
  big_endian_untyped: 'torch takes what these storages hold for bytes, and swaps none',
  dtensor_of_rank_0: 'torch writes one shard as if it were all: the rest comes back as uninitialised memory',
  quantized_leaf: 'torch writes an item that it cannot read back; refused by us',
  torn_overwrite: 'converts like any other, and is compared as one; the warning is tested elsewhere',
};

/** Cases whose index torch's reader is handed by fixtures/flows/index_files.py: by itself it cannot read it. */
const ANY_INDEX: Readonly<Record<string, string>> = {
  'single of torch 1.13.1': 'classes of modules that were moved since',
  'rank_metadata of torch 2.14.1':
    'one process reads the index of one rank, and leaves the rest uninitialised',
};

/** Cases with equal values whose pickle differs from torch's, and the cause. */
const OTHER_PICKLE: Readonly<Record<string, string>> = {
  device_tensors: 'torch makes them tensors of the CPU when it loads them; we carry them as they are',
  dtensor_in_tuple:
    'loading a DTensorSpec makes the name of one attribute anew, which is then another str object',
  numpy_1_objects: 'numpy 2 gives its functions their new names when it loads them; we carry the old ones',
  numpy_objects_dcp: 'numpy makes arrays of one dtype share the dtype object when it loads them',
  numpy_big_endian:
    'numpy turns big-endian arrays to little-endian when it loads them; we carry them as they are',
  numpy_big_endian_dcp: 'the same',
  python_objects_dcp:
    'pathlib interns the parts of a path when it loads one: equal parts become one str object',
};

const PRIMARY = fixtureCases.filter(
  entry => !(entry.name in TORCH_IS_WRONG) || entry.name === 'torn_overwrite',
);

const judge = new Judge();

function inTemporaryDirectory(body: (directory: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dcp-interop-'));
    try {
      await body(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
}

const definitions = (entry: FixtureCase): string[] =>
  entry.name.startsWith('vanished_class') ? ['--define', 'vanished_package.models.Config'] : [];

function requireEqual(answer: Answer): void {
  if (!answer.ok) fail(answer.error ?? 'no answer');
  equal(answer.differences, []);
}

function requireSameBytes(entry: FixtureCase, ours: string, torchs: string): void {
  const isEqual = Buffer.compare(readFileSync(ours), readFileSync(torchs)) === 0;
  const exception = OTHER_PICKLE[entry.name];
  if (exception === undefined) ok(isEqual, `${entry.name}: the file differs from torch's`);
  else if (isEqual) fail(`${entry.name} is listed as an exception (${exception}), and is equal`);
}

const label = (entry: FixtureCase): string => `${entry.name} of torch ${entry.torch}`;

const hasZstandard = (): boolean => spawnSync(python(), ['-c', 'import zstandard']).status === 0;
const dataFile = (directory: string): Buffer => readFileSync(join(directory, '__0_0.distcp'));

function skipOrTest(
  define: Suite,
  entry: FixtureCase,
  direction: 'dcp_to_torch' | 'torch_to_dcp',
  body: (directory: string) => Promise<void>,
): void {
  if (entry.name === 'zstd' && !hasZstandard()) {
    define.skip(`${direction}: ${label(entry)}`, 'torch needs the Python package zstandard for it');
  } else if (entry.torch_converts[direction] === true || label(entry) in ANY_INDEX) {
    define.test(`${direction}: ${label(entry)}`, inTemporaryDirectory(body));
  } else {
    define.skip(
      `${direction}: ${label(entry)}`,
      entry.torch_convert_errors?.[direction] ?? 'torch cannot convert it',
    );
  }
}

suite('interop: dcp_to_torch', define => {
  for (const entry of PRIMARY.filter(({ kind }) => kind === 'dcp')) {
    skipOrTest(define, entry, 'dcp_to_torch', async directory => {
      const source = fixturePath(entry.name, entry.torch);
      const [ours, torchs] = ['ours', 'torch'].map(name => {
        mkdirSync(join(directory, name));
        return join(directory, name, 'model.pth');
      }) as [string, string];
      await dcpToTorchSave(source, ours);
      const anyIndex = label(entry) in ANY_INDEX ? ['--any-index'] : [];
      const answer = await judge.ask('dcp_to_torch', source, torchs, ...definitions(entry), ...anyIndex);
      if (!answer.ok) fail(answer.error ?? 'no answer');
      requireEqual(await judge.ask('compare', ours, torchs, ...definitions(entry)));
      requireSameBytes(entry, ours, torchs);
      for (const flags of [['--weights-only'], ['--weights-only', '--mmap']]) {
        const [ourLoad, torchLoad] = await Promise.all(
          [ours, torchs].map(path => judge.ask('load', path, ...flags)),
        );
        is(ourLoad!.ok, torchLoad!.ok, `torch.load ${flags}: ${ourLoad!.error}`);
      }
    });
  }
});

suite('interop: torch_to_dcp', define => {
  for (const entry of PRIMARY.filter(({ kind }) => kind === 'torch')) {
    skipOrTest(define, entry, 'torch_to_dcp', async directory => {
      const source = fixturePath(entry.name, entry.torch);
      const [ours, torchs] = [join(directory, 'ours'), join(directory, 'torch')];
      await torchSaveToDcp(source, ours);
      const answer = await judge.ask('torch_to_dcp', source, torchs, ...definitions(entry));
      if (!answer.ok) fail(answer.error ?? 'no answer');
      requireEqual(await judge.ask('compare_dcp', ours, torchs, ...definitions(entry)));
      requireSameBytes(entry, join(ours, '__0_0.distcp'), join(torchs, '__0_0.distcp'));
    });
  }

  define.test(
    'torch converts what is inside gzip to the same',
    inTemporaryDirectory(async directory => {
      for (const name of ['gzipped_zip', 'gzipped_legacy']) {
        const source = fixturePath(name);
        const [ours, torchs, plain] = ['ours', 'torch', 'plain.pth'].map(part =>
          join(directory, `${name}_${part}`),
        ) as [string, string, string];
        writeFileSync(plain, gunzipSync(readFileSync(source)));
        await torchSaveToDcp(source, ours);
        const answer = await judge.ask('torch_to_dcp', plain, torchs);
        if (!answer.ok) fail(answer.error ?? 'no answer');
        requireEqual(await judge.ask('compare_dcp', ours, torchs));
        ok(Buffer.compare(...([ours, torchs].map(dataFile) as [Buffer, Buffer])) === 0);
      }
    }),
  );

  define.test('TorchScript: the names, types and bytes of its state_dict()', async () => {
    const answer = await judge.ask('torch_script', fixturePath('torch_script'));
    if (!answer.ok) fail(answer.error ?? 'no answer');
    const checkpoint = await openCheckpoint(fixturePath('torch_script'));
    const { tensors } = await goldenOfCheckpoint(checkpoint);
    checkpoint.close();
    const ours = new Map(
      tensors.map(({ path, dtype, shape, requires_grad, sha256 }) => [
        path.join('.'),
        [dtype, shape, requires_grad, sha256],
      ]),
    );
    const theirs = answer.state as Record<string, unknown>;
    equal(Object.fromEntries(Object.keys(theirs).map(name => [name, ours.get(name)])), theirs);
  });

  define.test(
    'into the directory that holds the source, which then loads in torch',
    inTemporaryDirectory(async directory => {
      const source = join(directory, 'model.pth');
      const { copyFileSync } = await import('node:fs');
      copyFileSync(fixturePath('small_transformer'), source);
      await torchSaveToDcp(source, directory);
      ok(existsSync(source));
      const loaded = await judge.ask('load_dcp', directory);
      ok(loaded.ok, loaded.error);
      is(loaded.tensors, golden('small_transformer').tensors.length);
    }),
  );
});

/** Types that an index may claim of float32 items, and of int64 ones. */
const CLAIMED = [
  'float64',
  'float16',
  'bfloat16',
  'int32',
  'uint8',
  'bool',
  'complex64',
  'float8_e4m3fn',
] as const;

suite('interop: items of another element type than the index says', ({ each }) => {
  each(
    CLAIMED,
    dtype => `${dtype}: converted as torch does`,
    dtype =>
      inTemporaryDirectory(async directory => {
        const source = alteredFixture('uneven_shards', index => {
          for (const fqn of ['plain', 'five_rows', 'plain_scalar']) {
            const properties = index.tensor(fqn).getText('properties') as PyObject;
            const [, ...rest] = (properties.state as PyTuple).items;
            properties.state = new PyTuple([new PyGlobal('torch', dtype), ...rest]);
          }
        });
        const [ours, torchs] = ['ours', 'torch'].map(name => {
          mkdirSync(join(directory, name));
          return join(directory, name, 'model.pth');
        }) as [string, string];
        const { warnings } = await dcpToTorchSave(source, ours);
        equal(
          warnings.map(({ kind }) => kind),
          ['other_type'],
        );
        const answer = await judge.ask('dcp_to_torch', source, torchs);
        if (!answer.ok) fail(answer.error ?? 'no answer');
        requireEqual(await judge.ask('compare', ours, torchs));
        ok(readFileSync(ours).equals(readFileSync(torchs)));
      })(),
  );
});

suite('interop: round trips', ({ test }) => {
  test(
    'an Adam of integer ids goes on from its third step with --restore-int-keys, and from its first without',
    inTemporaryDirectory(async directory => {
      const dcp = join(directory, 'dcp');
      await torchSaveToDcp(fixturePath('int_keys'), dcp);
      const restored = join(directory, 'restored.pth');
      await dcpToTorchSave(dcp, restored, { restoreIntKeys: true });
      const text = join(directory, 'text.pth');
      await dcpToTorchSave(dcp, text);
      const [original, ours, without] = await Promise.all(
        [fixturePath('int_keys'), restored, text].map(path => judge.ask('resume_adam', path)),
      );
      equal(ours, original);
      equal([...new Set(ours!.steps as number[])], [4]);
      equal([...new Set(without!.steps as number[])], [1]);
    }),
  );
});
