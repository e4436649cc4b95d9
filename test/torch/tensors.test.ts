import { VIEW_CONJUGATE, VIEW_NEGATIVE } from '../../src/checkpoint/chunks.js';
import { StorageReference } from '../../src/checkpoint/storage.js';
import { PyFloat, PyGlobal, PyList, PyObject, PyTuple, type PyValue } from '../../src/pickle/values.js';
import { storageDType, tensorFormOf } from '../../src/torch/tensors.js';
import { type ExpectedError, equal, is, ok, suite, throws } from '../suite.js';
import { call, dict, tuple } from './hand-made.js';

const float32 = new StorageReference(5, 'FloatStorage', 'torch', 12, 'cpu');
const untyped = new StorageReference(6, 'UntypedStorage', 'torch.storage', 28, 'cpu');
const hooks = call('collections.OrderedDict');
const dtype = (name: string): PyGlobal => new PyGlobal('torch', name);

/** `_rebuild_tensor_v2` of shape [3, 4], arguments replaced by position. */
function v2(replaced: Record<number, PyValue> = {}, more: PyValue[] = []): PyObject {
  const args = [float32, 0, tuple(3, 4), tuple(4, 1), false, hooks, ...more];
  return call('torch._utils._rebuild_tensor_v2', ...args.map((arg, i) => replaced[i] ?? arg));
}

const v3 = (dtypeValue: PyValue, ...more: PyValue[]): PyObject =>
  call('torch._utils._rebuild_tensor_v3', untyped, 2, tuple(3), tuple(2), true, hooks, dtypeValue, ...more);

const parameter = (inner: PyValue, requiresGrad: boolean): PyObject =>
  call('torch._utils._rebuild_parameter', inner, requiresGrad, hooks);

const withState = (inner: PyValue): PyObject =>
  call('torch._utils._rebuild_parameter_with_state', inner, true, hooks, dict({ mark: true }));

const fromType = (type: string, ...args: PyValue[]): PyObject => {
  const dot = type.lastIndexOf('.');
  const class_ = new PyGlobal(type.slice(0, dot), type.slice(dot + 1));
  return call(
    'torch._tensor._rebuild_from_type_v2',
    new PyGlobal('torch._utils', '_rebuild_tensor_v2'),
    class_,
    tuple(...args),
    dict({}),
  );
};

const classNamed = (module: string, name: string): PyGlobal => new PyGlobal(module, name);

function newobj(path: string): PyObject {
  const { callable } = call(path);
  return new PyObject('newobj', callable, tuple());
}

function built(value: PyObject, state: PyValue): PyObject {
  value.state = state;
  return value;
}

/** Two elements from the fourth on. */
const ofV1 = (
  requiresGrad: boolean,
  typeName: string,
): [string, number, number[], number[], boolean, number, string] => [
  'float32',
  3,
  [2],
  [1],
  requiresGrad,
  0,
  typeName,
];

suite('strided tensors in pickles', ({ each }) => {
  /** dtype, offset, size, stride, requires_grad, flags, type. */
  type Expected = [string, number, number[], number[], boolean, number, string];
  const rows: [name: string, value: PyValue, expected: Expected][] = [
    [
      'v1',
      call('torch._utils._rebuild_tensor', float32, 3, tuple(2), tuple(1)),
      ['float32', 3, [2], [1], false, 0, 'Tensor'],
    ],
    ['v2', v2(), ['float32', 0, [3, 4], [4, 1], false, 0, 'Tensor']],
    ['v2 with requires_grad', v2({ 4: true }), ['float32', 0, [3, 4], [4, 1], true, 0, 'Tensor']],
    [
      'v2 of no dimensions',
      v2({ 1: 11, 2: tuple(), 3: tuple() }),
      ['float32', 11, [], [], false, 0, 'Tensor'],
    ],
    [
      'v2 with torch.Size',
      v2({ 2: call('torch.Size', tuple(3, 4)) }),
      ['float32', 0, [3, 4], [4, 1], false, 0, 'Tensor'],
    ],
    [
      'v2 with lists',
      v2({ 2: new PyList([3, 4]), 3: new PyList([1, 3]) }),
      ['float32', 0, [3, 4], [1, 3], false, 0, 'Tensor'],
    ],
    ['v2, expanded', v2({ 3: tuple(0, 0) }), ['float32', 0, [3, 4], [0, 0], false, 0, 'Tensor']],
    [
      'v2 with conj',
      v2({}, [dict({ conj: true })]),
      ['float32', 0, [3, 4], [4, 1], false, VIEW_CONJUGATE, 'Tensor'],
    ],
    [
      'v2 with neg',
      v2({}, [dict({ neg: true, conj: false })]),
      ['float32', 0, [3, 4], [4, 1], false, VIEW_NEGATIVE, 'Tensor'],
    ],
    [
      'v2 with both',
      v2({}, [dict({ neg: true, conj: true })]),
      ['float32', 0, [3, 4], [4, 1], false, VIEW_NEGATIVE | VIEW_CONJUGATE, 'Tensor'],
    ],
    ['v2 over bytes', v2({ 0: untyped }), ['uint8', 0, [3, 4], [4, 1], false, 0, 'Tensor']],
    ['v3', v3(dtype('uint16')), ['uint16', 2, [3], [2], true, 0, 'Tensor']],
    [
      'v3 with metadata',
      v3(dtype('complex32'), dict({ conj: true })),
      ['complex32', 2, [3], [2], true, VIEW_CONJUGATE, 'Tensor'],
    ],
    ['v3 with an old name', v3(dtype('half')), ['float16', 2, [3], [2], true, 0, 'Tensor']],
    ['a Parameter', parameter(v2(), true), ['float32', 0, [3, 4], [4, 1], true, 0, 'Parameter']],
    [
      'a frozen Parameter',
      parameter(v2({ 4: true }), false),
      ['float32', 0, [3, 4], [4, 1], false, 0, 'Parameter'],
    ],
    [
      'a Parameter with attributes',
      withState(v2()),
      ['float32', 0, [3, 4], [4, 1], true, 0, 'Parameter with attributes'],
    ],
    [
      'a Tensor with attributes',
      fromType('torch.Tensor', ...v2().args.items),
      ['float32', 0, [3, 4], [4, 1], false, 0, 'Tensor with attributes'],
    ],
    [
      'a Parameter by its type',
      fromType('torch.nn.parameter.Parameter', ...v2({ 4: true }).args.items),
      ['float32', 0, [3, 4], [4, 1], true, 0, 'Parameter with attributes'],
    ],
  ];
  const v1 = call('torch._utils._rebuild_tensor', float32, 3, tuple(2), tuple(1));
  const PARAMETER = 'torch.nn.parameter.Parameter';
  rows.push(
    [
      'a Parameter of torch 0.3',
      built(call(PARAMETER, v1), tuple(true, false, hooks)),
      ofV1(true, 'Parameter'),
    ],
    ['a frozen one', built(call(PARAMETER, v1), tuple(false, false, hooks)), ofV1(false, 'Parameter')],
    ['one without state', call(PARAMETER, v1), ofV1(true, 'Parameter')],
    ['one called with requires_grad', call(PARAMETER, v1, false), ofV1(false, 'Parameter')],
    [
      'a Variable',
      built(call('torch.autograd.variable.Variable', v1), tuple(false, true, hooks)),
      ofV1(false, 'Tensor'),
    ],
    ['a Variable without state', call('torch.autograd.variable.Variable', v1), ofV1(false, 'Tensor')],
    [
      'a Parameter that is given its tensor by BUILD',
      built(newobj(PARAMETER), tuple(v1, null, null, true, hooks)),
      ofV1(true, 'Parameter'),
    ],
    [
      'a tensor by its class',
      built(newobj('torch.FloatTensor'), tuple(float32, 3, tuple(2), tuple(1))),
      ofV1(false, 'Tensor'),
    ],
    [
      'a tensor by its class, on a GPU, of protocol 1',
      built(
        call(
          'copyreg._reconstructor',
          classNamed('torch.cuda', 'FloatTensor'),
          classNamed('builtins', 'object'),
          null,
        ),
        tuple(float32, 3, tuple(2), tuple(1)),
      ),
      ofV1(false, 'Tensor'),
    ],
  );
  each(
    rows,
    ([name]) => name,
    ([, value, expected]) => {
      const form = tensorFormOf(value);
      ok(form.kind === 'strided');
      const { tensor } = form;
      equal(
        [
          tensor.dtype.name,
          tensor.storageOffset,
          tensor.size,
          tensor.stride,
          tensor.requiresGrad,
          tensor.flags,
          tensor.typeName,
        ],
        expected,
      );
    },
  );
});

suite('other values in pickles', ({ each }) => {
  const rows: [name: string, value: PyValue, what: string | undefined][] = [
    ['a class of tensors without a state', newobj('torch.FloatTensor'), undefined],
    [
      'a class that only sounds like it',
      built(newobj('mylib.FloatTensor'), tuple(float32, 0, tuple(1), tuple(1))),
      undefined,
    ],
    ['an empty Parameter', newobj('torch.nn.parameter.Parameter'), undefined],
    [
      'a Parameter of torch 0.3 around something else',
      call('torch.nn.parameter.Parameter', call('torch._utils._rebuild_sparse_tensor', 'layout', tuple())),
      'sparse tensor',
    ],
    ['a subclass', fromType('mylib.MyTensor', ...v2().args.items), 'mylib.MyTensor, a tensor subclass'],
    ['sparse', call('torch._utils._rebuild_sparse_tensor', 'layout', tuple()), 'sparse tensor'],
    [
      'sparse CSR of torch 1.13',
      call('torch._utils._rebuild_sparse_csr_tensor', 'layout', tuple()),
      'sparse tensor',
    ],
    ['nested', call('torch._utils._rebuild_nested_tensor', v2()), 'nested tensor'],
    ['quantized', call('torch._utils._rebuild_qtensor', float32), 'quantized tensor'],
    ['meta', call('torch._utils._rebuild_meta_tensor_no_storage', dtype('float32')), 'meta tensor'],
    ['a wrapper', call('torch._utils._rebuild_wrapper_subclass', 1), 'tensor subclass'],
    ['of another device', call('torch._utils._rebuild_device_tensor_from_numpy', 1), 'device tensor'],
    ['a quantized Parameter', parameter(call('torch._utils._rebuild_qtensor'), true), 'quantized tensor'],
    ['an unknown function of torch', call('torch._utils._rebuild_something', float32), undefined],
    [
      'a function of the same name elsewhere',
      call('mylib._rebuild_tensor_v2', ...v2().args.items),
      undefined,
    ],
    ['a Parameter around no tensor', parameter('text', true), undefined],
    ['a storage', float32, undefined],
    ['a call of a call', new PyObject('reduce', call('builtins.getattr', 1, 2), tuple()), undefined],
    ['None', null, undefined],
    ['a number', 7, undefined],
    ['a dict', dict({}), undefined],
  ];
  each(
    rows,
    ([name]) => name,
    ([, value, what]) =>
      equal(tensorFormOf(value), what === undefined ? { kind: 'none' } : { kind: 'other', what }),
  );
});

suite('rebuild functions with other arguments than torch’s', ({ each }) => {
  const rows: [name: string, value: PyValue, expected: ExpectedError][] = [
    [
      'no storage',
      v2({ 0: 'storage' }),
      { code: 'format', message: /first argument of torch\._utils\._rebuild_tensor_v2 is not a storage/ },
    ],
    ['no arguments', call('torch._utils._rebuild_tensor_v2'), { code: 'format', message: /not a storage/ }],
    [
      'a negative offset',
      v2({ 1: -1 }),
      { code: 'format', message: /storage offset is not a number ≥ 0.*found -1/ },
    ],
    ['an offset that is a float', v2({ 1: PyFloat.of(0) }), { code: 'format', message: /storage offset/ }],
    ['an offset beyond 2^53', v2({ 1: 2n ** 60n }), { code: 'format', message: /storage offset/ }],
    ['an offset that is a bool', v2({ 1: true }), { code: 'format', message: /storage offset/ }],
    ['a negative size', v2({ 2: tuple(3, -4) }), { code: 'format', message: /size is not a tuple/ }],
    ['a size that is a number', v2({ 2: 12 }), { code: 'format', message: /size is not a tuple/ }],
    ['a size of text', v2({ 2: tuple('3', '4') }), { code: 'format', message: /size is not a tuple/ }],
    ['a negative stride', v2({ 3: tuple(-4, 1) }), { code: 'format', message: /stride is not a tuple/ }],
    [
      'no stride',
      call('torch._utils._rebuild_tensor', float32, 0, tuple(1)),
      { code: 'format', message: /stride is not a tuple/ },
    ],
    [
      'a stride of another length',
      v2({ 3: tuple(1) }),
      { code: 'format', message: /stride of another length.*expected 2, found 1/ },
    ],
    [
      'v3 without dtype',
      call('torch._utils._rebuild_tensor_v3', untyped, 0, tuple(1), tuple(1), false, hooks),
      { code: 'format', message: /no element type/ },
    ],
    [
      'v3 with a dtype of numpy',
      v3(new PyGlobal('numpy', 'uint16')),
      { code: 'format', message: /no element type/ },
    ],
    ['v3 with text as dtype', v3('uint16'), { code: 'format', message: /no element type/ }],
    [
      'v3 with a type that cannot be stored',
      v3(dtype('int4')),
      { code: 'unsupported', message: /torch\.int4/ },
    ],
    [
      'metadata of another kind',
      v2({}, [dict({ zero: true })]),
      { code: 'unsupported', message: /metadata that is not known.*found zero/ },
    ],
    [
      'a type without arguments',
      call('torch._tensor._rebuild_from_type_v2', new PyGlobal('torch._utils', '_rebuild_tensor_v2')),
      { code: 'format', message: /_rebuild_from_type_v2 has other arguments/ },
    ],
    [
      'a type that is no class',
      call('torch._tensor._rebuild_from_type_v2', new PyGlobal('a', 'b'), 'Tensor', tuple(), null),
      { code: 'format', message: /_rebuild_from_type_v2 has other arguments/ },
    ],
    [
      'a storage class that nobody knows',
      v2({ 0: new StorageReference(0, 'Int4Storage', 'torch', 1, 'cpu') }),
      { code: 'unsupported', message: /Unknown storage class.*torch\.Int4Storage/ },
    ],
  ];
  each(
    rows,
    ([name]) => name,
    ([, value, expected]) => throws(() => tensorFormOf(value), expected),
  );
});

suite('element types of storages', ({ test, each }) => {
  each(
    [
      ['FloatStorage', 'torch', 'float32'],
      ['FloatStorage', 'torch.cuda', 'float32'],
      ['BFloat16Storage', 'anything', 'bfloat16'],
      ['UntypedStorage', 'torch.storage', 'uint8'],
      ['QUInt4x2Storage', 'torch', 'quint4x2'],
    ] as const,
    ([name, module]) => `${module}.${name}`,
    ([name, module, expected]) =>
      is(storageDType(new StorageReference(0, name, module, 1, 'cpu')).name, expected),
  );

  test('a tensor is known wherever it stands', () => {
    const inTuple = new PyTuple([v2()]);
    is(tensorFormOf(inTuple).kind, 'none');
    is(tensorFormOf(inTuple.items[0]!).kind, 'strided');
  });
});
