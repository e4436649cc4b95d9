import { ObjectEntry, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { VIEW_CONJUGATE, VIEW_NEGATIVE } from '../../src/checkpoint/chunks.js';
import { StorageReference } from '../../src/checkpoint/storage.js';
import { dtypeOf } from '../../src/dtype.js';
import { decodePickle } from '../../src/pickle/decode.js';
import type { PyDict } from '../../src/pickle/dict.js';
import { PyObject, type PyPersistentId, type PyTuple, type PyValue } from '../../src/pickle/values.js';
import { type TensorView, TorchPickler } from '../../src/torch/pickler.js';
import { equal, is, ok, suite } from '../suite.js';
import { dict, tuple } from './hand-made.js';

function entry(name: string, dtype = 'float32', shape: number[] = [2, 3]): TensorEntry {
  return new TensorEntry(name, [name], dtypeOf(dtype), shape);
}

/** What the pickle says of the tensor under a key: function, arguments, and the parts of its storage's id. */
function written(tree: PyValue, key: string, viewOf?: () => TensorView) {
  const pickler = new TorchPickler({ label: 'label', ...(viewOf === undefined ? {} : { viewOf }) });
  const { value } = decodePickle(pickler.encode(tree));
  const { callable, args } = (value as PyDict).getText(key) as PyObject;
  const [id, ...rest] = args.items;
  return { pickler, callable, id: plain(id), rest: rest.map(plain), value: value as PyDict };
}

function plain(value: PyValue | undefined): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('id' in value) return plain((value as PyPersistentId).id);
  if ('items' in value) return ((value as PyTuple).items as PyValue[]).map(plain);
  if ('path' in value && 'module' in value) return value.path;
  if (value instanceof PyObject) return `${String(plain(value.callable))}()`;
  return Object.fromEntries([...(value as PyDict).entries()]);
}

const path = (callable: PyValue): string => String(plain(callable));

suite('writing tensors into pickles', ({ test, each }) => {
  each(
    [
      [
        'float32',
        [2, 3],
        '_rebuild_tensor_v2',
        ['storage', 'torch.FloatStorage', '0', 'cpu', 6],
        [0, [2, 3], [3, 1], false, 'collections.OrderedDict()'],
      ],
      [
        'bool',
        [],
        '_rebuild_tensor_v2',
        ['storage', 'torch.BoolStorage', '0', 'cpu', 1],
        [0, [], [], false, 'collections.OrderedDict()'],
      ],
      [
        'int64',
        [0, 3],
        '_rebuild_tensor_v2',
        ['storage', 'torch.LongStorage', '0', 'cpu', 0],
        [0, [0, 3], [3, 1], false, 'collections.OrderedDict()'],
      ],
      [
        'uint16',
        [4],
        '_rebuild_tensor_v3',
        ['storage', 'torch.storage.UntypedStorage', '0', 'cpu', 8],
        [0, [4], [1], false, 'collections.OrderedDict()', 'torch.uint16'],
      ],
      [
        'float8_e4m3fn',
        [4],
        '_rebuild_tensor_v3',
        ['storage', 'torch.storage.UntypedStorage', '0', 'cpu', 4],
        [0, [4], [1], false, 'collections.OrderedDict()', 'torch.float8_e4m3fn'],
      ],
    ] as [string, number[], string, unknown[], unknown[]][],
    ([dtype, shape]) => `${dtype} of shape [${shape}]`,
    ([dtype, shape, name, expectedId, expectedRest]) => {
      const { callable, id, rest } = written(dict({ w: entry('w', dtype, shape) }), 'w');
      equal([path(callable), id, rest], [`torch._utils.${name}`, expectedId, expectedRest]);
    },
  );

  each(
    [
      [VIEW_CONJUGATE, { conj: true }],
      [VIEW_NEGATIVE, { neg: true }],
      [VIEW_CONJUGATE | VIEW_NEGATIVE, { neg: true, conj: true }],
    ] as const,
    ([flags]) => `a view with flags ${flags} keeps them, its strides and its offset`,
    ([flags, metadata]) => {
      const view = { storageOffset: 5, stride: [1, 2], flags };
      const { rest } = written(dict({ w: entry('w', 'complex64') }), 'w', () => view);
      equal(rest, [5, [2, 3], [1, 2], false, 'collections.OrderedDict()', metadata]);
    },
  );

  test('keys of storages follow first use; one identity is written once', () => {
    const [a, b, again] = [entry('a'), entry('b'), entry('again')];
    again.identity = a.identity;
    const { pickler, value } = written(dict({ b, a, again }), 'a');
    equal(
      pickler.storages.map(storage => storage.kind === 'tensor' && storage.entry.fqn),
      ['b', 'a'],
    );
    ok(value.getText('a') === value.getText('again'));
    ok(value.getText('a') !== value.getText('b'));
  });

  test('storages inside objects are written once each, with their device and the label of the object', () => {
    const gpu = new StorageReference(7, 'HalfStorage', 'torch.cuda', 4, 'cuda:0');
    const bytes = new StorageReference(8, 'UntypedStorage', 'torch.storage', 3, 'cpu');
    const object = new ObjectEntry('x', ['x']);
    object.value = tuple(gpu, bytes, gpu);
    const pickler = new TorchPickler({ label: 'x' });
    const { value } = decodePickle(pickler.encode(object));
    equal((value as PyTuple).items.map(plain), [
      ['storage', 'torch.HalfStorage', '0', 'cuda:0', 4],
      ['storage', 'torch.storage.UntypedStorage', '1', 'cpu', 3],
      ['storage', 'torch.HalfStorage', '0', 'cuda:0', 4],
    ]);
    equal(
      pickler.storages.map(({ kind, byteLength, ...rest }) => [
        kind,
        byteLength,
        'label' in rest && rest.label,
      ]),
      [
        ['storage', 8, 'x'],
        ['storage', 3, 'x'],
      ],
    );
  });

  test('an object that was not loaded cannot be written', () => {
    let message = '';
    try {
      new TorchPickler().encode(new ObjectEntry('x', ['x']));
    } catch (error) {
      message = (error as Error).message;
    }
    is(message, 'cannot pickle ObjectEntry');
  });
});
