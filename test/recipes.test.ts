/** docs/recipes.md: every command is run as it is written, on small checkpoints under the names that it has. */
import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Checkpoint, diffCheckpoints, openCheckpoint } from '../src/index.js';
import { blocksOf, codesOf, readDocument, repository, Sandbox, sectionOf, tableRows } from './documents.js';
import { equal, is, ok, suite } from './suite.js';

const recipes = readDocument('docs/recipes.md');

interface Recipe {
  /** The heading. */
  name: string;
  /** Fixtures by the path that the recipe has for them. */
  given: Readonly<Record<string, string>>;
  /** What the destination must be. */
  check(directory: string): Promise<void>;
}

const HF = { 'hf-base': 'maps/hf' };

/** Opens what a recipe made; tells names and types, and what a format adds. */
async function look(path: string): Promise<{ names: string[]; dtypes: string[]; ranks: number }> {
  const checkpoint: Checkpoint = await openCheckpoint(path);
  const tensors = checkpoint.entries.filter(entry => entry.kind === 'tensor');
  checkpoint.close();
  return {
    names: checkpoint.entries.map(({ fqn }) => fqn).sort(),
    dtypes: [...new Set(tensors.map(({ dtype }) => dtype.name))],
    ranks: checkpoint.files.length,
  };
}

/** Requires the names of the fixture `hf`, and its values as they are or rounded to bfloat16. */
async function requireHf(path: string, dtype: 'float32' | 'bfloat16'): Promise<void> {
  const fixture = join(repository, 'fixtures/maps/hf');
  const made = await look(path);
  equal(made.names, (await look(fixture)).names);
  equal(made.dtypes, [dtype]);
  if (dtype === 'float32') is((await diffCheckpoints(path, fixture)).equal, true);
}

const RECIPES: readonly Recipe[] = [
  {
    name: 'FSDP2 to Hugging Face',
    given: { 'step-1000': 'torch-2.13.0/fsdp2_adam' },
    async check(directory) {
      const { names, dtypes } = await look(join(directory, 'hf'));
      ok(names.length >= 4 && names.every(name => /^(net|norm|embed|layers)/.test(name)), names.join());
      equal(dtypes, ['bfloat16']);
    },
  },
  {
    name: 'torchtitan to Hugging Face',
    given: { 'outputs/checkpoint/step-1000': 'maps/torchtitan', ...HF },
    check: directory => requireHf(join(directory, 'hf'), 'bfloat16'),
  },
  {
    name: 'Hugging Face to torchtitan',
    given: HF,
    async check(directory) {
      const report = await diffCheckpoints(
        join(directory, 'outputs/checkpoint/step-0'),
        join(repository, 'fixtures/maps/torchtitan'),
      );
      const kinds = new Set(report.differences.map(({ kind, fqn }) => `${kind} ${fqn.split('.')[0]}`));
      equal([...kinds].sort(), ['only_in_b lr_scheduler', 'only_in_b optimizer', 'only_in_b train_state']);
      is(report.compared.tensors, 21);
    },
  },
  {
    name: 'accelerate to Hugging Face',
    given: { 'checkpoint-500/pytorch_model_fsdp_0': 'maps/accelerate', ...HF },
    check: directory => requireHf(join(directory, 'hf'), 'float32'),
  },
  {
    name: 'axolotl to Hugging Face',
    given: { 'outputs/checkpoint-500/pytorch_model_fsdp_0': 'maps/accelerate', ...HF },
    check: directory => requireHf(join(directory, 'hf'), 'bfloat16'),
  },
  {
    name: 'Megatron to Hugging Face',
    given: { iter_0001000: 'maps/megatron', ...HF },
    check: directory => requireHf(join(directory, 'hf'), 'bfloat16'),
  },
  {
    name: 'Hugging Face to Megatron',
    given: HF,
    async check(directory) {
      const fixture = join(repository, 'fixtures/maps/megatron');
      const report = await diffCheckpoints(join(directory, 'iter_0000000'), fixture);
      equal(
        report.differences.map(({ kind, fqn }) => [kind, fqn.split('.').at(-1)]),
        [['only_in_b', '_extra_state']],
      );
    },
  },
  {
    name: 'Hugging Face to DCP',
    given: HF,
    async check(directory) {
      const { names, ranks } = await look(join(directory, 'ckpt'));
      ok(names.every(name => name.startsWith('model.model.') || name === 'model.lm_head.weight'));
      is(ranks, 1);
    },
  },
  {
    name: '8 ranks to 4',
    given: { 'step-1000': 'torch-2.13.0/fsdp2_adam' },
    async check(directory) {
      is((await look(join(directory, 'step-1000-of-4'))).ranks, 4);
      const report = await diffCheckpoints(join(directory, 'step-1000'), join(directory, 'step-1000-of-4'));
      is(report.equal, true);
    },
  },
  {
    name: 'One file for torch.load',
    given: { 'step-1000': 'torch-2.13.0/fsdp2_adam' },
    async check(directory) {
      const { names } = await look(join(directory, 'model.pth'));
      ok(names.length > 0 && names.every(name => name.startsWith('app.model.')), names.join());
    },
  },
  {
    name: 'A plain optimizer into a sharded training',
    given: { 'train.pth': 'torch-2.13.0/int_keys.pth', 'ckpt-of-numbers': 'torch-2.13.0/int_keys_dcp' },
    async check(directory) {
      const { names } = await look(join(directory, 'ckpt'));
      ok(names.includes('optimizer.state.0.weight.exp_avg'), names.join());
      ok((await look(join(directory, 'resumed.pth'))).names.length > 0);
    },
  },
];

suite('recipes', ({ each, test }) => {
  test('every recipe is run', () => {
    const headings = [...recipes.matchAll(/^## (.*)$/gm)].map(match => match[1]!);
    equal(
      RECIPES.map(({ name }) => name),
      headings,
    );
    ok(headings.length >= 10);
  });

  test('the README has the same commands', () => {
    const commands = blocksOf(recipes).filter(({ purpose }) => purpose === 'recipe');
    const table = tableRows(sectionOf(readDocument('README.md'), '## To Hugging Face and back'));
    equal(
      table.map(([, command]) => codesOf(command!)[0]),
      commands.map(({ text }) => text.trim()),
    );
  });

  each(
    RECIPES,
    ({ name }) => name,
    async ({ name, given, check }) => {
      const sandbox = new Sandbox();
      for (const [path, fixture] of Object.entries(given)) {
        const copy = join(sandbox.directory, path);
        mkdirSync(dirname(copy), { recursive: true });
        cpSync(join(repository, 'fixtures', fixture), copy, { recursive: true, preserveTimestamps: true });
      }
      const blocks = blocksOf(sectionOf(recipes, `## ${name}`)).filter(({ purpose }) => purpose === 'recipe');
      ok(blocks.length > 0);
      for (const { text } of blocks) {
        const { code, output } = await sandbox.bash(text);
        is(code, 0, output);
      }
      await check(sandbox.directory);
    },
  );
});
