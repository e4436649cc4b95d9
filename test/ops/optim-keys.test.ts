import { openCheckpoint } from '../../src/index.js';
import { keyOptimizersByFqn } from '../../src/ops/optim-keys.js';
import { PyDict } from '../../src/pickle/dict.js';
import { PyList, type PyValue } from '../../src/pickle/values.js';
import { equal, rejects, suite } from '../suite.js';
import { dict, tensor, torchFile, tuple } from '../torch/hand-made.js';

const four = tensor({ key: '0' });
const square = tensor({ key: '1', size: tuple(2, 2), stride: tuple(2, 1) });
const records = { 'data/1': new Uint8Array(16) };

const optimizer = (states: [number, PyValue][], ...groups: PyDict[]): PyDict =>
  dict({
    state: PyDict.of(states.map(([id, value]) => [id, dict({ step: 1, exp_avg: value })])),
    param_groups: new PyList(groups),
  });
const group = (ids: PyValue[], more: Record<string, PyValue> = {}): PyDict =>
  dict({ params: new PyList(ids), ...more });
const model = dict({ 'a.weight': square, 'a.running_mean': four, 'b.bias': four });

async function rekeyed(value: PyValue): Promise<unknown> {
  const checkpoint = await openCheckpoint(torchFile(value, records));
  try {
    const { entries } = await keyOptimizersByFqn(checkpoint);
    const rows: unknown[] = [];
    for (const entry of entries) {
      const { path } = entry;
      if (path[0] !== 'optimizer') continue;
      if (path.at(-1) === 'exp_avg') rows.push(path.join('/'));
      if (path.at(-1) === 'params' && entry.kind === 'object') rows.push((entry.value as PyList).items);
    }
    return rows;
  } finally {
    checkpoint.close();
  }
}

suite('ops/optim-keys', ({ each, test }) => {
  test('names by the order of the model, without the buffers of norms', async () =>
    equal(
      await rekeyed(
        dict({
          model,
          optimizer: optimizer(
            [
              [0, square],
              [1, four],
            ],
            group([0, 1]),
          ),
        }),
      ),
      ['optimizer/state/a.weight/exp_avg', 'optimizer/state/b.bias/exp_avg', ['a.weight', 'b.bias']],
    ));

  test('tied weights count once', async () => {
    const tied = dict({ 'a.weight': square, 'c.weight': square, 'b.bias': four });
    equal(await rekeyed(dict({ model: tied, optimizer: optimizer([[1, four]], group([0, 1])) })), [
      'optimizer/state/b.bias/exp_avg',
      ['a.weight', 'b.bias'],
    ]);
  });

  test("the optimizer's own names count, also in several groups", async () => {
    const names = (name: string): Record<string, PyValue> => ({ param_names: new PyList([name]) });
    equal(
      await rekeyed(
        dict({
          model,
          optimizer: optimizer(
            [
              [0, four],
              [1, square],
            ],
            group([0], names('b.bias')),
            group([1], names('a.weight')),
          ),
        }),
      ),
      ['optimizer/state/b.bias/exp_avg', 'optimizer/state/a.weight/exp_avg', ['b.bias'], ['a.weight']],
    );
  });

  each<[string, PyValue, RegExp]>(
    [
      [
        'another number',
        dict({ model, optimizer: optimizer([], group([0, 1, 2])) }),
        /expected 3,.*found 2 in the model/,
      ],
      [
        'another shape',
        dict({ model, optimizer: optimizer([[0, four]], group([0, 1])) }),
        /\[2, 2\], as model\.a\.weight, found \[4\]/,
      ],
      [
        'a state of no parameter',
        dict({ model, optimizer: optimizer([[7, four]], group([0, 1])) }),
        /does not list/,
      ],
      ['several groups', dict({ model, optimizer: optimizer([], group([0]), group([1])) }), /several groups/],
      [
        'names already',
        dict({ model, optimizer: optimizer([], group(['a.weight'])) }),
        /No optimizer whose param_groups/,
      ],
      [
        'two models',
        dict({ model, module: model, optimizer: optimizer([], group([0, 1])) }),
        /several models/,
      ],
    ],
    ([name]) => name,
    ([, value, message]) => rejects(() => rekeyed(value), { code: 'usage', message }),
  );
});
