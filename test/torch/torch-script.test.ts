import { openCheckpoint } from '../../src/index.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { PyGlobal, PyList, PyObject, type PyValue } from '../../src/pickle/values.js';
import { fixturePath } from '../fixtures.js';
import { type ExpectedError, equal, rejects, suite } from '../suite.js';
import { ascii, call, dict, tensor, torchFile, tuple } from './hand-made.js';

function module(attributes: Record<string, PyValue>, name = 'Net'): PyObject {
  const made = new PyObject('newobj', new PyGlobal('__torch__', name), tuple());
  made.state = dict({ training: true, _is_full_backward_hook: null, ...attributes });
  return made;
}

async function fqnsOf(value: PyValue, constants: PyValue = tuple()): Promise<string[]> {
  const records = { 'constants.pkl': encodePickle(constants), 'constants/0': new Uint8Array(16) };
  const checkpoint = await openCheckpoint(torchFile(value, records));
  const fqns = checkpoint.entries.map(({ kind, fqn }) => `${fqn}${kind === 'tensor' ? '' : ' (object)'}`);
  checkpoint.close();
  return fqns;
}

suite('TorchScript archives', ({ each, test }) => {
  test('parameters and buffers under the names of state_dict()', async () => {
    const checkpoint = await openCheckpoint(fixturePath('torch_script'));
    equal(
      checkpoint.entries.filter(({ kind }) => kind === 'tensor').map(({ fqn }) => fqn),
      [
        ...[
          'scale',
          'rows.0',
          'rows.1',
          'by_name.one',
          'layers.0.weight',
          'layers.0.bias',
          'layers.1.weight',
        ],
        ...['layers.1.bias', 'layers.1.running_mean', 'layers.1.running_var', 'layers.1.num_batches_tracked'],
        ...['tied.weight', 'tied.bias'],
      ],
    );
    equal(checkpoint.format, 'torchscript');
    checkpoint.close();
  });

  each(
    [
      ['attributes that every module has are left out', module({ w: tensor() }), tuple(), ['w']],
      ['submodules', module({ a: module({ w: tensor() }), b: module({}) }), tuple(), ['a.w']],
      ['other attributes are objects', module({ n: 3, w: tensor() }), tuple(), ['n (object)', 'w']],
      [
        'lists and dicts with their types',
        module({
          l: call('torch.jit._pickle.build_tensorlist', new PyList([tensor(), tensor()])),
          d: call('torch.jit._pickle.restore_type_tag', dict({ k: tensor() }), 'Dict[str, Tensor]'),
        }),
        tuple(),
        ['l.0', 'l.1', 'd.k'],
      ],
      ['constants, but for those that are no tensors', module({}), tuple(tensor(), 3), ['CONSTANTS.c0']],
      [
        'an attribute that is called CONSTANTS',
        module({ CONSTANTS: module({ w: tensor() }) }),
        tuple(tensor()),
        ['CONSTANTS.w', 'CONSTANTS#.c0'],
      ],
      ['a value that is no module', tensor(), tuple(), ['']],
    ] as [string, PyValue, PyValue, string[]][],
    ([name]) => name,
    async ([, value, constants, expected]) => equal(await fqnsOf(value, constants), expected),
  );

  const shared = module({ w: tensor() });
  const cyclic = module({});
  (cyclic.state as ReturnType<typeof dict>).set('self', cyclic);
  test('a submodule in two places has its weights in both', async () => {
    equal(await fqnsOf(module({ a: shared, b: shared })), ['a.w', 'b.w']);
  });

  each(
    [
      ['a module inside itself', cyclic, {}, { code: 'format', message: /holds itself/ }],
      [
        'the layout from before torch 1.4',
        dict({}),
        { 'data.pkl': undefined, 'model.json': ascii('{}') },
        { code: 'unsupported', message: /TorchScript archive in the layout from before torch 1\.4/ },
      ],
      [
        'constants that are no pickle',
        module({}),
        { 'constants.pkl': ascii('x') },
        { code: 'format', message: /record constants\.pkl/ },
      ],
    ] as [string, PyValue, Record<string, Uint8Array | undefined>, ExpectedError][],
    ([name]) => name,
    async ([, value, records, expected]) => {
      const path = torchFile(value, { 'constants.pkl': encodePickle(tuple()), ...records });
      await rejects(() => openCheckpoint(path), expected);
    },
  );
});
