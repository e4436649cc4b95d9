import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CheckpointFormat,
  convert,
  DcpError,
  diffCheckpoints,
  type MapOptions,
  openCheckpoint,
} from '../../src/index.js';
import { repository } from '../documents.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';

/** Checkpoints that torch and safetensors wrote, by the arithmetic of fixtures/maps/projects.py. */
const fixture = (name: string): string => join(repository, 'fixtures/maps', name);
const HF = fixture('hf');

const MAPS = [
  { project: 'torchtitan', file: 'torchtitan-llama3', parameters: {} },
  { project: 'megatron', file: 'megatron-gpt', parameters: { padded_vocab_size: 16 } },
  { project: 'megatron_stacked', file: 'megatron-gpt-stacked', parameters: { padded_vocab_size: 16 } },
] as const;
/** What the checkpoint of a trainer has besides the model. */
const ONLY_THERE = {
  torchtitan: ['optimizer', 'lr_scheduler', 'train_state'],
  megatron: ['_extra_state'],
  megatron_stacked: [],
};
const FORMATS: readonly CheckpointFormat[] = ['torch', 'dcp', 'safetensors'];

async function requireEqual(
  ours: string,
  expected: string,
  onlyThere: readonly string[] = [],
): Promise<void> {
  const { differences, compared } = await diffCheckpoints(ours, expected);
  const roots = differences.map(({ kind, fqn }) => `${kind} ${onlyThere.find(part => fqn.includes(part))}`);
  equal([...new Set(roots)].sort(), onlyThere.map(part => `only_in_b ${part}`).sort());
  ok(compared.tensors >= 9);
}

suite('maps of the package', ({ each }) => {
  each(
    MAPS.flatMap(row => FORMATS.map(to => ({ ...row, to }))),
    ({ project, to }) => `${project}, sharded inside heads, to ${to} as Hugging Face has it, and back`,
    async ({ project, file, parameters, to }) => {
      const directory = scratch();
      const map: MapOptions = { file, config: join(HF, 'config.json'), parameters };
      const hf = join(directory, to === 'torch' ? 'hf.pth' : 'hf');
      await convert(fixture(project), hf, { to, map, part: 'model', check: true });
      await requireEqual(hf, HF);
      const back = join(directory, to === 'torch' ? 'back.pth' : 'back');
      await convert(hf, back, { to, map: { ...map, reverse: true }, check: true });
      const others = ONLY_THERE[project];
      await requireEqual(back, fixture(project), others);
    },
  );
});

const titan: MapOptions = { file: 'torchtitan-llama3', config: join(HF, 'config.json') };

function written(map: object): string {
  const path = join(scratch(), 'map.json');
  writeFileSync(path, JSON.stringify({ version: 1, ...map }));
  return path;
}

const planned = (source: string, map: MapOptions, part: 'model' | 'all' = 'all') =>
  convert(source, join(scratch(), 'out'), { to: 'dcp', dryRun: true, part, map });

suite('what a map leaves out', ({ test }) => {
  const rules = [{ from: 'layers.{i}.attention.{x:any}', drop: true }];

  test('is an error for what no rule names', async () => {
    const error = await planned(fixture('torchtitan'), titan).catch((thrown: unknown) => thrown);
    ok(error instanceof DcpError && error.code === 'usage');
    match(error.message, /does not name an entry .*found 23 such entries.*optimizer/);
  });

  test('is a loss for what a rule drops, and for what it drops unnamed', async () => {
    const { losses, tensors } = await planned(fixture('torchtitan'), {
      file: written({ rules, else: 'drop' }),
    });
    equal(
      losses.map(({ kind, count, first }) => [kind, count, first]),
      [
        ['dropped', 8, 'layers.0.attention.wq.weight'],
        ['unnamed', 36, 'tok_embeddings.weight'],
      ],
    );
    is(tensors, 0);
  });

  test('stays where it is with "keep"', async () => {
    const result = await planned(fixture('torchtitan'), { file: written({ rules, else: 'keep' }) });
    equal(
      result.losses.map(({ kind }) => kind),
      ['dropped'],
    );
    is(result.tensors + result.objects, 36);
  });
});

suite('tensors that are told apart by a hole', ({ each }) => {
  const stack = { stack: { dim: 1, over: 'i' } };
  const concat = { concat: { dim: 0, over: 'i', sizes: 'equal', count: 2 } };
  const expertLike = [
    { from: 'layers.{i}.attention.w{x:word}.weight', to: 'w{x:word}', steps: [stack] },
    { from: 'layers.{i}.feed_forward.{x:word}.weight', to: 'all.{x:word}', steps: [concat] },
    {
      from: ['layers.{i}.attention_norm.weight', 'layers.{i}.ffn_norm.weight'],
      to: 'norms',
      steps: [{ stack: 0 }, { pad: { dim: 1, to: 20, of: 16 } }, { stack: { dim: 2, over: 'i' } }],
    },
  ];
  each(
    FORMATS,
    to => `go into one and come out of it, by way of ${to}`,
    async to => {
      const directory = scratch();
      const file = written({ rules: expertLike, else: 'keep' });
      const [joined, back] = ['joined', 'back'].map(name =>
        join(directory, `${name}${to === 'torch' ? '.pth' : ''}`),
      ) as [string, string];
      const map = { file };
      await convert(fixture('torchtitan'), joined, { to, map, part: 'model' });
      const checkpoint = await openCheckpoint(joined);
      const shapes = checkpoint.entries.map(entry => [entry.fqn, entry.kind === 'tensor' ? entry.shape : []]);
      checkpoint.close();
      equal(new Map(shapes as [string, number[]][]).get('wq'), [16, 2, 16]);
      equal(new Map(shapes as [string, number[]][]).get('all.w1'), [40, 16]);
      equal(new Map(shapes as [string, number[]][]).get('norms'), [2, 20, 2]);
      await convert(joined, back, { to, map: { file, reverse: true }, check: true });
      await requireEqual(back, fixture('torchtitan'), ONLY_THERE.torchtitan);
    },
  );
});

suite('ties through a map', ({ test }) => {
  test('stay where a tensor is renamed only', async () => {
    const out = join(scratch(), 'out.pth');
    const file = written({
      rules: [
        { from: 'same_object.a', to: 'x' },
        { from: 'same_object.b', to: 'y' },
      ],
      else: 'drop',
    });
    await convert(fixturePath('tied'), out, { to: 'torch', map: { file } });
    const again = await convert(out, join(scratch(), 'out'), { to: 'safetensors' });
    equal(again.ties, [{ kept: 'x', dropped: ['y'] }]);
  });
});

suite('maps that do not fit', ({ each }) => {
  const one = (rule: object, more: object = {}) => written({ rules: [rule], else: 'drop', ...more });
  const q = 'layers.{i}.attention.wq.weight';
  const rows: readonly (readonly [name: string, map: () => MapOptions, message: RegExp])[] = [
    ['no such file', () => ({ file: 'nowhere/map.json' }), /no such file/],
    ['no such map of the package', () => ({ file: 'torchtitan-lama3' }), /no map .*megatron-gpt/],
    ['a parameter that it lacks', () => ({ ...titan, parameters: { heads: 4 } }), /no parameter heads/],
    [
      'a number that is none',
      () => ({ ...titan, parameters: { n_heads: 1.5 } }),
      /n_heads is no whole number/,
    ],
    [
      'no config where it needs one',
      () => ({ file: 'torchtitan-llama3' }),
      /n_heads has no value .*num_attention_heads/,
    ],
    [
      'heads that do not divide the rows',
      () => ({ ...titan, parameters: { n_heads: 3 } }),
      /sizes are not those .*layers\.0\.attention\.wq\.weight.*rules\[5\]\.steps\[0\]\.view/,
    ],
    ['a name that nothing has', () => ({ file: one({ from: 'a', to: 'b' }) }), /nothing that rules\[0\]/],
    [
      'two rules for one entry',
      () => ({
        file: written({
          rules: [
            { from: q, to: q },
            { from: '{x:any}', drop: true },
          ],
        }),
      }),
      /Two names of the map match one entry/,
    ],
    [
      'one name for two results',
      () => ({
        file: one({
          from: ['layers.{i}.attention_norm.weight', 'layers.{i}.ffn_norm.weight'],
          to: ['a.{i}', 'a.{i}'],
        }),
      }),
      /two results one name .*a\.0/,
    ],
    [
      'half of what goes together',
      () => ({
        file: one({ from: ['norm.weight', 'no.bias'], to: 'ab', steps: [{ stack: 0 }] }),
      }),
      /lacks what rules\[0\] .*expected no\.bias/,
    ],
    [
      'shapes that differ',
      () => ({
        file: one({
          from: ['tok_embeddings.weight', 'layers.0.attention.wq.weight'],
          to: 'ab',
          steps: [{ concat: 1 }],
        }),
      }),
      /do not fit together .*rules\[0\]\.steps\[0\]\.concat/,
    ],
    [
      'steps for an object',
      () => ({ file: one({ from: 'train_state.step', to: 'step', steps: [{ view: [1] }] }) }),
      /steps for tensors/,
    ],
    [
      'a range that is too long',
      () => ({
        file: one({
          from: 'layers.{i}.ffn_norm.weight',
          to: 'norms',
          steps: [{ narrow: { dim: 0, length: 99 } }, { stack: { dim: 0, over: 'i' } }],
        }),
      }),
      /not so many positions/,
    ],
    [
      'a reversal that is not possible',
      () => ({ file: one({ from: q, to: q, steps: [{ view: [-1] }] }), reverse: true }),
      /cannot be reversed: rules\[0\]\.steps\[0\]\.view .*"from"/,
    ],
  ];
  each(
    rows,
    ([name]) => name,
    async ([name, map, message]) => {
      const part = name === 'steps for an object' ? 'all' : 'model';
      const error = await planned(fixture('torchtitan'), map(), part).catch((thrown: unknown) => thrown);
      ok(error instanceof DcpError, String(error));
      match(error.message, message);
    },
  );
});
