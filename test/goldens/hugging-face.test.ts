import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { convert, openCheckpoint } from '../../src/index.js';
import { copyFixture, fixtureCases, fixturePath, golden } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, ok, rejects, suite } from '../suite.js';
import { goldenOfCheckpoint } from './golden-of-checkpoint.js';
import { flattenGolden } from './state-dict.js';

const CASES = fixtureCases.filter(({ kind }) => kind === 'safetensors');

type Row = { path: (string | number)[]; dtype: string; shape?: number[]; sha256?: string };
const rows = (tensors: readonly Row[]): unknown[] =>
  tensors
    .map(({ path, dtype, shape, sha256 }) => [path.join('.'), dtype, shape, sha256])
    .sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));

suite('goldens: safetensors of ranks', ({ each, test }) => {
  each(
    CASES,
    ({ name, torch }) => `${name} of torch ${torch} opens`,
    async ({ name, torch }) => {
      const checkpoint = await openCheckpoint(fixturePath(name, torch));
      const { tensors } = await goldenOfCheckpoint(checkpoint);
      checkpoint.close();
      equal(rows(tensors), rows(golden(name, torch).tensors));
      ok(flattenGolden(golden(name, torch).tree).length === tensors.length);
    },
  );

  // Torch's own consolidation writes zeros for 0-d tensors, and fails on integers and bool.
  each(
    CASES.flatMap(entry => [
      { entry, to: 'torch' as const },
      { entry, to: 'safetensors' as const },
    ]),
    ({ entry, to }) => `${entry.name} of torch ${entry.torch} converts to ${to}`,
    async ({ entry: { name, torch }, to }) => {
      const output = join(scratch({ inMemory: true }), to === 'torch' ? 'out.pth' : 'out.safetensors');
      await convert(fixturePath(name, torch), output, { to });
      const checkpoint = await openCheckpoint(output);
      const { tensors } = await goldenOfCheckpoint(checkpoint);
      checkpoint.close();
      equal(rows(tensors), rows(golden(name, torch).tensors));
    },
  );

  test('a rank in between is missing: the hole is found, which torch leaves uninitialised', async () => {
    const path = copyFixture('hf_sharded', scratch({ inMemory: true }), '2.14.1');
    rmSync(join(path, 'shard-00002-model-00001-of-00001.safetensors'));
    await rejects(() => convert(path, join(scratch(), 'out.pth')), {
      code: 'corrupt',
      message: /stored nowhere.*first gap/,
    });
  });
});
