import { type Checkpoint, openCheckpoint } from '../../src/index.js';
import { renameBySelection, type SelectionOptions, selectByGlobs } from '../../src/ops/selection.js';
import { PyDict } from '../../src/pickle/dict.js';
import { PyList, type PyValue } from '../../src/pickle/values.js';
import { equal, is, rejects, suite } from '../suite.js';
import { dict, tensor, torchFile } from '../torch/hand-made.js';

const t = tensor();

async function selected(value: PyValue, options: SelectionOptions): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(torchFile(value));
  try {
    return renameBySelection(selectByGlobs(checkpoint, options), options);
  } finally {
    checkpoint.close();
  }
}

const paths = async (value: PyValue, options: SelectionOptions): Promise<unknown> =>
  (await selected(value, options)).entries.map(({ path }) => path.join('/'));

const training = dict({
  app: dict({
    model: dict({ 'a.weight': t, 'a.bias': t }),
    optim: dict({ state: dict({ 'a.weight': dict({ step: 1 }) }) }),
  }),
});
const wrapped = dict({
  'module._orig_mod.a._fsdp_wrapped_module.w': t,
  'b.module._checkpoint_wrapped_module.w': t,
});

suite('ops/selection', ({ each, test }) => {
  each<[string, PyValue, SelectionOptions, string[]]>(
    [
      [
        'include',
        training,
        { include: ['*.bias', '*step'] },
        ['app/model/a.bias', 'app/optim/state/a.weight/step'],
      ],
      ['exclude wins', training, { include: ['*model*'], exclude: ['*bias'] }, ['app/model/a.weight']],
      ['unwrap', training, { unwrap: true }, ['model/a.weight', 'model/a.bias', 'optim/state/a.weight/step']],
      [
        'whole keys of a prefix go first, and the others keep theirs',
        training,
        { stripPrefix: 'app.model.' },
        ['a.weight', 'a.bias', 'app/optim/state/a.weight/step'],
      ],
      [
        'what is left of a prefix goes from the text of a key',
        training,
        { include: ['*model*'], stripPrefix: 'app.model.a', layout: 'nested' },
        ['weight', 'bias'],
      ],
      [
        'a prefix is added as keys',
        dict({ 'a.w': t }),
        { addPrefix: 'base.model', layout: 'nested' },
        ['base/model/a.w'],
      ],
      ['or as text', dict({ 'a.w': t }), { addPrefix: 'base.model.' }, ['base.model.a.w']],
      ['wrappers', wrapped, { cleanFqns: true }, ['a.w', 'b.module.w']],
      ['wrappers that are keys', dict({ module: dict({ module: t }) }), { cleanFqns: true }, ['module']],
      ['one rule after the other', dict({ a: t }), { rename: ['s/a/b/', 's/b/c.d/'] }, ['c.d']],
      [
        'a renamed key stays one key',
        training,
        { include: ['*model*'], rename: ['s/a\\./b.0./'], layout: 'nested' },
        ['app/model/b.0.weight', 'app/model/b.0.bias'],
      ],
      [
        'a text that replaces several keys is parted',
        training,
        { include: ['*model*'], rename: ['s/app.model.a/x.y/'], layout: 'nested' },
        ['x/y/weight', 'x/y/bias'],
      ],
      ['flat', dict({ a: dict({ b: t }) }), { layout: 'flat' }, ['a.b']],
    ],
    ([name]) => name,
    async ([, value, options, expected]) => equal(await paths(value, options), expected),
  );

  each<[SelectionOptions, RegExp]>(
    [
      [{ include: ['*none*', '*'] }, /--include \*none\* matches nothing/],
      [{ exclude: ['app.model.a.wieght'] }, /--exclude app\.model\.a\.wieght matches nothing/],
      [{ include: ['*'], exclude: ['*'] }, /Nothing is left/],
      [{ stripPrefix: 'model' }, /--strip-prefix model matches nothing/],
      [{ stripPrefix: 'ap' }, /matches nothing/],
      [{ stripPrefix: '.' }, /needs a prefix/],
      [{ rename: ['s/nowhere/x/'] }, /--rename s\/nowhere\/x\/ matches nothing/],
      [
        { rename: ['s/weight/bias/'] },
        /app\.model\.a\.weight and app\.model\.a\.bias are both app\.model\.a\.bias/,
      ],
      [{ rename: ['s/.*bias//'] }, /without a name.*nothing of app\.model\.a\.bias/s],
      [{ stripPrefix: 'app.model', unwrap: true }, /--strip-prefix app\.model matches nothing/],
    ],
    ([options]) => JSON.stringify(options),
    ([options, message]) => rejects(async () => paths(training, options), { code: 'usage', message }),
  );

  test('unwrap needs one key', async () => {
    await rejects(async () => paths(dict({ a: dict({ b: t }), c: dict({ d: t }) }), { unwrap: true }), {
      code: 'usage',
      message: /2 at the top: a, c/,
    });
  });

  test('a name that leads through another value is refused where dicts nest', async () => {
    await rejects(
      async () => paths(dict({ a: t, b: dict({ c: t }) }), { rename: ['s/^b/a/'], layout: 'nested' }),
      { code: 'usage', message: /leads through a value/ },
    );
  });

  test('int keys and list positions stay what they are', async () => {
    const value = dict({
      o: dict({ state: PyDict.of([[0, dict({ m: t })]]), groups: new PyList([dict({ lr: 1 })]) }),
    });
    const { tree } = await selected(value, { unwrap: true });
    const state = (tree as PyDict).getText('state') as PyDict;
    equal([...state.keys()], [0]);
    is((tree as PyDict).getText('groups') instanceof PyList, true);
  });

  test('names in param_groups are cleaned too', async () => {
    const value = dict({
      state: dict({ 'module.w': dict({ m: t }) }),
      param_groups: new PyList([dict({ params: new PyList(['module.w']) })]),
    });
    const { entries } = await selected(value, { cleanFqns: true, layout: 'nested' });
    equal(
      entries.map(entry => (entry.kind === 'object' ? (entry.value as PyList).items : entry.fqn)),
      ['state.w.m', ['w']],
    );
  });
});
