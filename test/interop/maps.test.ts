import { join } from 'node:path';
import { convert, type MapOptions } from '../../src/index.js';
import { scratch } from '../io/scratch.js';
import { equal, fail, is, suite } from '../suite.js';
import { type Answer, Judge } from './judge.js';

/**
 * The maps that this package has, against what the projects' own arithmetic makes of random models: bytes, types and
 * shapes, both ways, from and to every format.
 */
const judge = new Judge();

const MODELS = ['many_heads', 'grouped', 'one_group', 'wide_heads'] as const;
const KINDS: readonly (readonly [label: string, flags: readonly string[]])[] = [
  ['bfloat16', []],
  ['float32, weights tied', ['--dtype', 'float32', '--tied']],
];
const PROJECTS = [
  { project: 'torchtitan', map: 'torchtitan-llama3', kinds: KINDS },
  { project: 'megatron', map: 'megatron-gpt', kinds: [...KINDS, ['with biases', ['--bias']] as const] },
  { project: 'megatron_stacked', map: 'megatron-gpt-stacked', kinds: [['with biases', ['--bias']] as const] },
];

async function requireOk(answer: Promise<Answer>): Promise<Answer> {
  const result = await answer;
  if (!result.ok) fail(result.error ?? 'no answer');
  return result;
}

async function requireSame(ours: string, expected: string): Promise<void> {
  const { differences } = await requireOk(judge.ask('compare_tensors', ours, expected));
  equal(differences, [], ours);
}

suite('interop: maps', ({ each }) => {
  each(
    PROJECTS.flatMap(({ kinds, ...rest }) =>
      MODELS.flatMap(model => kinds.map(([label, flags]) => ({ ...rest, model, label, flags }))),
    ),
    ({ project, model, label }) => `${project}: ${model}, ${label}`,
    async ({ project, map: file, model, flags }) => {
      const directory = scratch();
      const made = await requireOk(judge.ask('make_model', project, model, directory, ...flags));
      const [theirs, hf] = [join(directory, 'project.pth'), join(directory, 'hf.pth')];
      const parameters: MapOptions['parameters'] = project.startsWith('megatron')
        ? { padded_vocab_size: made.padded_vocab as number }
        : {};
      const forward: MapOptions = { file, parameters };
      const backward: MapOptions = { ...forward, reverse: true };
      for (const [source, expected, map, name] of [
        [theirs, hf, forward, 'to-hf'],
        [hf, theirs, backward, 'from-hf'],
      ] as const) {
        const torchFile = join(directory, `${name}.pth`);
        await convert(source, torchFile, { to: 'torch', map, check: true, sync: false });
        await requireSame(torchFile, expected);
        const dcp = join(directory, `${name}-dcp`);
        const config = join(directory, 'config.json');
        await convert(source, dcp, { to: 'dcp', map, check: true, sync: false });
        await requireSame(dcp, expected);
        // Back from what was written, through another format.
        const undo = map.reverse === true ? forward : backward;
        const safetensors = join(directory, `${name}-back`);
        await convert(dcp, safetensors, { to: 'safetensors', map: { ...undo, config }, sync: false });
        await requireSame(safetensors, source);
      }
    },
  );
});

suite('interop: transformers', ({ each }) => {
  each(
    [false, true],
    tied => `a model that went to DCP and back${tied ? ', with tied weights' : ''}`,
    async tied => {
      const directory = scratch();
      const [hf, dcp, back] = ['hf', 'dcp', 'back'].map(name => join(directory, name)) as [
        string,
        string,
        string,
      ];
      await requireOk(judge.ask('make_transformer', hf, ...(tied ? ['--tied'] : [])));
      await convert(hf, dcp, { to: 'dcp' });
      await convert(dcp, back, { to: 'safetensors', copyAssets: hf });
      await requireSameModel(back, hf);
    },
  );

  each(
    ['torchtitan-llama3', 'megatron-gpt'],
    file => `a model that went to DCP as ${file} has it, and back`,
    async file => {
      const directory = scratch();
      const [hf, dcp, back] = ['hf', 'dcp', 'back'].map(name => join(directory, name)) as [
        string,
        string,
        string,
      ];
      await requireOk(judge.ask('make_transformer', hf));
      await convert(hf, dcp, { to: 'dcp', map: { file, reverse: true } });
      await convert(dcp, back, { to: 'safetensors', copyAssets: hf, map: { file } });
      await requireSameModel(back, hf);
    },
  );
});

async function requireSameModel(ours: string, original: string): Promise<void> {
  const { problems, different, same_names, same_logits } = await requireOk(
    judge.ask('compare_transformers', ours, original),
  );
  equal(problems, [{}, {}]);
  equal(different, []);
  is(same_names, true);
  is(same_logits, true);
}
