import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ObjectEntry } from '../../src/checkpoint/checkpoint.js';
import { dcpToTorchSave } from '../../src/index.js';
import { restoreIntKeys } from '../../src/ops/int-keys.js';
import { PyDict } from '../../src/pickle/dict.js';
import { PyList, PyStr, type PyValue } from '../../src/pickle/values.js';
import { fixturePath, golden } from '../fixtures.js';
import { normalForm } from '../goldens/normal-form.js';
import { goldenOfArchive, unzipArchive } from '../goldens/torch-archive.js';
import { scratch } from '../io/scratch.js';
import { equal, ok, rejects, suite, throws } from '../suite.js';

const dict = (fields: Record<string, PyValue>): PyDict => PyDict.of(Object.entries(fields));

/** A value as a DCP entry, loaded. */
function entry(value: PyValue): ObjectEntry {
  const made = new ObjectEntry('x', ['x']);
  made.value = value;
  return made;
}

/** An optimizer of torch ≥ 2.4: `params` of each group is one object. */
const optimizer = (stateKeys: PyValue[], ...params: PyValue[][]): PyDict =>
  dict({
    state: PyDict.of(stateKeys.map(key => [key, dict({ step: 1 })])),
    param_groups: new PyList(params.map(ids => dict({ lr: entry(1), params: entry(new PyList(ids)) }))),
  });

const stateKeys = (tree: PyValue | undefined): PyValue[] => [
  ...((tree as PyDict).getText('state') as PyDict).keys(),
];

suite('int keys of optimizers', ({ test, each }) => {
  test('Adam’s state comes back as torch.save has it', async () => {
    const file = join(scratch({ inMemory: true }), 'x.pth');
    await dcpToTorchSave(fixturePath('int_keys_dcp'), file, { restoreIntKeys: true });
    const written = goldenOfArchive(unzipArchive(readFileSync(file)));
    equal(normalForm(written, { lostInDcp: true }), normalForm(golden('int_keys'), { lostInDcp: true }));
  });

  test('without being asked keys stay text', async () => {
    const file = join(scratch({ inMemory: true }), 'x.pth');
    await dcpToTorchSave(fixturePath('int_keys_dcp'), file);
    const written = goldenOfArchive(unzipArchive(readFileSync(file)));
    const { tensors, dcp } = golden('int_keys_dcp');
    equal(
      normalForm(written, { lostInDcp: true }),
      normalForm({ tensors, tree: dcp!.tree }, { lostInDcp: true }),
    );
  });

  each(
    ['fsdp2_adam', 'small_transformer_dcp', 'scalars_dcp'],
    name => `${name} has no such optimizer`,
    async name => {
      const target = join(scratch({ inMemory: true }), 'x.pth');
      await rejects(() => dcpToTorchSave(fixturePath(name), target, { restoreIntKeys: true }), {
        code: 'usage',
        message: /No optimizer whose param_groups name its parameters by int/,
      });
    },
  );

  each(
    [
      [['0', '1', '10'], [[0, 1, 10]], [0, 1, 10]],
      [
        ['1', '0'],
        [[0], [1]],
        [1, 0],
      ],
      [[new PyStr('0'), 'x'], [[0]], [0, 'x']],
      [['0', '5'], [[0]], [0, '5']],
      [['00', '+1', '-1', '1.0', ' 1', '1e0', ''], [[0, 1, -1]], ['00', '+1', '-1', '1.0', ' 1', '1e0', '']],
      [['9007199254740993'], [[0]], ['9007199254740993']],
      [[], [[]], []],
    ] as [PyValue[], number[][], PyValue[]][],
    ([keys, params]) => `keys ${JSON.stringify(keys)} with params ${JSON.stringify(params)}`,
    ([keys, params, expected]) => equal(stateKeys(restoreIntKeys(optimizer(keys, ...params))), expected),
  );

  test('wherever an optimizer stands, and nothing else', () => {
    const tree = dict({
      model: dict({ '0': 1, state: dict({ '0': 2 }) }),
      optimizers: new PyList([optimizer(['0'], [0]), dict({ deep: optimizer(['1'], [1]) })]),
    });
    const restored = restoreIntKeys(tree);
    const [first, second] = (restored.getText('optimizers') as PyList).items;
    equal(stateKeys(first), [0]);
    equal(stateKeys((second as PyDict).getText('deep')), [1]);
    equal(restored.getText('model'), tree.getText('model'));
    // The tree that was given is as it was.
    equal(stateKeys((tree.getText('optimizers') as PyList).items[0]), ['0']);
  });

  test('an index of torch before 2.4 keeps param_groups as one object', () => {
    const group = dict({ lr: 1, params: new PyList([0]) });
    const tree = dict({ state: dict({ '0': dict({}) }), param_groups: entry(new PyList([group])) });
    equal(stateKeys(restoreIntKeys(tree)), [0]);
  });

  test('entries are shared, values are kept', () => {
    const before = optimizer(['0'], [0]);
    const after = restoreIntKeys(before);
    ok((after.getText('state') as PyDict).get(0) === (before.getText('state') as PyDict).getText('0'));
    equal([...after.keys()], ['state', 'param_groups']);
  });

  each(
    [
      ['no param_groups', dict({ state: dict({ '0': 1 }) })],
      ['no state', dict({ param_groups: new PyList([dict({ params: new PyList([0]) })]) })],
      ['params by name', optimizer(['0'], ['weight'])],
      ['one group by name', optimizer(['0'], [0], ['weight'])],
      ['a group without params', dict({ state: dict({}), param_groups: new PyList([dict({ lr: 1 })]) })],
      ['param_groups as a dict', dict({ state: dict({}), param_groups: dict({}) })],
      ['a group that is a number', dict({ state: dict({}), param_groups: new PyList([1]) })],
      ['an empty tree', dict({})],
    ] as [string, PyDict][],
    ([name]) => `not an optimizer: ${name}`,
    ([, tree]) => throws(() => restoreIntKeys(tree), { code: 'usage', message: /No optimizer/ }),
  );
});
