import { openCheckpoint } from '../../src/index.js';
import { type Part, selectPart } from '../../src/ops/parts.js';
import type { PyValue } from '../../src/pickle/values.js';
import { fixturePath } from '../fixtures.js';
import { equal, is, suite, throws } from '../suite.js';
import { dict, tensor, torchFile } from '../torch/hand-made.js';

/** Entries under these names, each a tensor or 1; dots part dicts. */
async function partOf(names: Record<string, PyValue>, part: Part): Promise<string[]> {
  const checkpoint = await openCheckpoint(torchFile(dict(names)));
  try {
    return selectPart(checkpoint, part).entries.map(({ fqn }) => fqn);
  } finally {
    checkpoint.close();
  }
}

const t = tensor();
const both = { model: dict({ w: t, note: 1 }), optimizer: dict({ state: dict({ w: t }) }), epoch: 1 };

suite('ops/parts', ({ each, test }) => {
  each(
    [
      ['both have a key', both, 'model', ['model.w', 'model.note']],
      ['both have a key', both, 'optim', ['optimizer.state.w']],
      ['both have a key', both, 'all', ['model.w', 'model.note', 'optimizer.state.w', 'epoch']],
      [
        'one level down',
        { app: dict({ model: dict({ w: t }), optim: dict({ s: t }) }) },
        'model',
        ['app.model.w'],
      ],
      ['flat names', { 'model.w': t, 'optim.state.w': t }, 'optim', ['optim.state.w']],
      [
        'the model without a key',
        { 'layers.0': t, step: t, optimizer: dict({ s: t }), lr_scheduler: dict({ last: t }), epoch: 1 },
        'model',
        ['layers.0', 'step'],
      ],
      ['nothing but a model', { 'layers.0': t }, 'model', ['layers.0']],
      [
        'a bare state dict, of which some names begin with model',
        { 'model.embed_tokens.weight': t, 'lm_head.weight': t, note: 1 },
        'model',
        ['model.embed_tokens.weight', 'lm_head.weight'],
      ],
      [
        'a model beside a scheduler',
        { model: dict({ w: t }), lr_scheduler: dict({ last: t }), ema: t },
        'model',
        ['model.w'],
      ],
      [
        "an optimizer's own state dict",
        { state: dict({ w: t }), param_groups: 1 },
        'optim',
        ['state.w', 'param_groups'],
      ],
      ['Lightning', { state_dict: dict({ w: t }), optimizer_states: t, loops: t }, 'model', ['state_dict.w']],
      [
        'Lightning',
        { state_dict: dict({ w: t }), optimizer_states: t, loops: t },
        'optim',
        ['optimizer_states'],
      ],
      [
        'names that only look so',
        { 'optimal.w': t, 'modelling.w': t },
        'model',
        ['optimal.w', 'modelling.w'],
      ],
    ] as [string, Record<string, PyValue>, Part, string[]][],
    ([name, , part]) => `${name}: ${part}`,
    async ([, names, part, expected]) => equal(await partOf(names, part), expected),
  );

  test('no optimizer is an error that tells what is there', async () => {
    const checkpoint = await openCheckpoint(torchFile(dict({ 'layers.0': t })));
    throws(() => selectPart(checkpoint, 'optim'), {
      code: 'usage',
      message: /no part "optim".*found layers/,
    });
    checkpoint.close();
  });

  test('the tree is selected with the entries', async () => {
    const checkpoint = await openCheckpoint(fixturePath('fsdp2_adam'));
    const selected = selectPart(checkpoint, 'model');
    is(selected.entries.length, 4);
    const { toPythonLiteral } = await import('../../src/pickle/literal.js');
    is(
      toPythonLiteral(selected.tree, { external: () => 't' }),
      "{'app': {'model': {'net1.weight': t, 'net1.bias': t, 'net2.weight': t, 'net2.bias': t}}}",
    );
    checkpoint.close();
  });
});
