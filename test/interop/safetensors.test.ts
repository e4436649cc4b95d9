import { join } from 'node:path';
import { type CheckpointFormat, type ConvertResult, convert } from '../../src/index.js';
import { PyFloat, PyList } from '../../src/pickle/values.js';
import { type FixtureCase, fixtureCases, fixturePath } from '../fixtures.js';
import { REFUSED } from '../goldens/refused.js';
import { scratch } from '../io/scratch.js';
import { equal, fail, is, ok, suite } from '../suite.js';
import { dict, tensor, torchFile } from '../torch/hand-made.js';
import { Judge } from './judge.js';

/**
 * Torch and the safetensors library load what we write, and find the tensors that they find in the source: from
 * every format to every format. Safetensors come from the first conversion.
 */
const judge = new Judge();

/** Torch itself does not load these, or not as what was saved. */
const NOT_IN_TORCH = (entry: FixtureCase): boolean =>
  entry.name in REFUSED ||
  entry.unsafe === true ||
  // Its directory does not load in torch: the list loses its tensors' places.
  entry.name.startsWith('list_of_empty_dict') ||
  !entry.loads_in_torch ||
  entry.golden_differs_from_load !== undefined;

const definitions = (entry: FixtureCase): string[] =>
  entry.name.startsWith('vanished_class') ? ['--define', 'vanished_package.models.Config'] : [];

const FORMATS: readonly CheckpointFormat[] = ['torch', 'dcp', 'safetensors'];

function pathOf(directory: string, name: string, format: CheckpointFormat): string {
  return join(directory, format === 'torch' ? `${name}.pth` : `${name}_${format}`);
}

async function requireTensors(
  output: string,
  source: string,
  { ties }: Pick<ConvertResult, 'ties'>,
  entry: FixtureCase,
): Promise<void> {
  const without = ties.flatMap(({ dropped }) => dropped.flatMap(name => ['--without', name]));
  const answer = await judge.ask('compare_tensors', output, source, ...without, ...definitions(entry));
  if (!answer.ok) fail(`${output}: ${answer.error}`);
  equal(answer.differences, [], output);
}

suite('interop: from every format to every format', ({ each }) => {
  each(
    fixtureCases.filter(entry => !NOT_IN_TORCH(entry)),
    ({ name, torch }) => `${name} of torch ${torch}`,
    async entry => {
      const source = fixturePath(entry.name, entry.torch);
      const directory = scratch();
      let first: ConvertResult | undefined;
      for (const to of FORMATS) {
        const output = pathOf(directory, 'first', to);
        const result = await convert(source, output, { to });
        if (to === 'safetensors') first = result;
        await requireTensors(output, source, result, entry);
      }
      for (const to of FORMATS) {
        const output = pathOf(directory, 'second', to);
        await convert(pathOf(directory, 'first', 'safetensors'), output, { to });
        await requireTensors(output, source, first!, entry);
      }
    },
  );
});

suite('interop: safetensors', ({ test }) => {
  test('a single file, and shards of a size', async () => {
    const source = fixturePath('fsdp2_adam');
    const directory = scratch();
    const file = join(directory, 'model.safetensors');
    await convert(source, file);
    const shards = join(directory, 'shards');
    const { outputs } = await convert(source, shards, { to: 'safetensors', maxShardByteLength: 500 });
    ok(outputs.length > 6);
    for (const output of [file, shards]) {
      const answer = await judge.ask('compare_tensors', output, source);
      ok(answer.ok, answer.error);
      equal(answer.differences, []);
      is(answer.tensors, 16);
    }
  });

  test('state.json is what state.pth is', async () => {
    const directory = scratch();
    const state = dict({
      step: 3,
      lr: PyFloat.of(1e-4),
      one: PyFloat.of(1),
      large: PyFloat.of(1e22),
      zero: PyFloat.of(-0),
      names: new PyList(['é', '"', true, null]),
      empty: dict({}),
      w: tensor(),
    });
    await convert(torchFile(state), directory, { to: 'safetensors' });
    const answer = await judge.ask('state_json', directory);
    ok(answer.ok, answer.error);
    is(answer.equal, true, String(answer.found));
  });
});
