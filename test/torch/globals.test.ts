import { openCheckpoint } from '../../src/index.js';
import { globalsBeyondTorch, isDangerousGlobal, loadsWithWeightsOnly } from '../../src/torch/globals.js';
import { fixtureCases, fixturePath } from '../fixtures.js';
import { equal, is, ok, suite } from '../suite.js';

/** `torch._weights_only_unpickler._get_allowed_globals()` of torch 2.13.0, less the modules. */
const ALLOWED: Readonly<Record<string, string>> = {
  _codecs: 'encode',
  builtins: 'bytearray complex set',
  collections: 'Counter OrderedDict',
  'torch.serialization': '_get_layout',
  'torch.storage': 'TypedStorage UntypedStorage',
  'torch.nn.parameter': 'Parameter',
  'torch._tensor': '_rebuild_from_type_v2',
  'torch._utils': `_rebuild_device_tensor_from_cpu_tensor _rebuild_device_tensor_from_numpy
    _rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_parameter _rebuild_parameter_with_state
    _rebuild_qtensor _rebuild_sparse_tensor _rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3
    _rebuild_wrapper_subclass`,
  torch: `BFloat16Storage BFloat16Tensor BoolStorage BoolTensor ByteStorage ByteTensor CharStorage CharTensor
    ComplexDoubleStorage ComplexFloatStorage DoubleStorage DoubleTensor FloatStorage FloatTensor HalfStorage
    HalfTensor IntStorage IntTensor LongStorage LongTensor QInt32Storage QInt8Storage QUInt2x4Storage
    QUInt4x2Storage QUInt8Storage ShortStorage ShortTensor Size Tensor bfloat16 bits16 bits1x8 bits2x4 bits4x2
    bits8 bool complex128 complex32 complex64 device float16 float32 float4_e2m1fn_x2 float64 float8_e4m3fn
    float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int1 int16 int2 int3 int32 int4 int5 int6 int64
    int7 int8 per_channel_affine per_channel_affine_float_qparams per_channel_symmetric per_tensor_affine
    per_tensor_symmetric qint32 qint8 quint2x4 quint4x2 quint8 uint1 uint16 uint2 uint3 uint32 uint4 uint5 uint6
    uint64 uint7 uint8`,
  'torch.cuda': `BFloat16Storage BFloat16Tensor BoolStorage BoolTensor ByteStorage ByteTensor CharStorage
    CharTensor ComplexDoubleStorage ComplexFloatStorage DoubleStorage DoubleTensor FloatStorage FloatTensor
    HalfStorage HalfTensor IntStorage IntTensor LongStorage LongTensor ShortStorage ShortTensor`,
  'torch.sparse': `BFloat16Tensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor
    ShortTensor`,
  'torch.cuda.sparse': `BFloat16Tensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor
    LongTensor ShortTensor`,
};

const allowed = Object.entries(ALLOWED).flatMap(([module, names]) =>
  names.split(/\s+/).map(name => `${module}.${name}`),
);

suite('globals that weights_only accepts', ({ test, each }) => {
  test('all that torch 2.13 accepts', () => {
    is(allowed.length, 144);
    equal(
      allowed.filter(path => !loadsWithWeightsOnly(path)),
      [],
    );
  });

  each(
    [
      'torch.QInt8Tensor',
      'torch.ComplexFloatTensor',
      'torch.cuda.QInt8Storage',
      'torch.sparse.BoolTensor',
      'torch.sparse.FloatStorage',
      'torch.load',
      'torch.int9',
      'torch.float',
      'torch',
      'torch.tensor._rebuild_from_type_v2',
      'torch._utils._rebuild_sparse_csr_tensor',
      'torch.nn.modules.linear.Linear',
      'Xtorch.FloatStorage',
      'torch.FloatStorageX',
      'torchXFloatStorage',
      'builtins.getattr',
      'builtins.frozenset',
      'builtins.slice',
      'collections.defaultdict',
      'numpy.dtype',
      'pathlib.PosixPath',
      'argparse.Namespace',
    ],
    path => `not ${path}`,
    path => is(loadsWithWeightsOnly(path), false),
  );

  test('the others are told sorted', () => {
    equal(globalsBeyondTorch(['torch.Size', 'os.system', 'builtins.set', 'a.b']), ['a.b', 'os.system']);
  });
});

/** Torch refuses or accepts these for another reason than what their pickles name. */
const OTHER_REASON: Readonly<Record<string, string>> = {
  cyclic: 'we refuse to open it',
  ...Object.fromEntries(
    [
      ...['pickle_protocol_4', 'pickle_protocol_5', 'zip_protocol_0', 'zip_protocol_1', 'legacy_protocol_0'],
      ...['legacy_protocol_1', 'legacy_protocol_4', 'legacy_protocol_5'],
    ].map(name => [name, 'torch does not know the opcodes of this protocol']),
  ),
  legacy_all_dtypes: 'torch cannot read the element types that it wrote into it',
  gzipped_zip: 'torch takes no file of gzip by its path',
  gzipped_legacy: 'the same',
  nested_tensor_leaf: 'its classes are accepted once torch.nested._internal is imported',
  nested_in_tuples: 'the same',
  dtensor_of_rank_0: 'its classes are accepted once torch.distributed.tensor is imported',
  dtensor_in_tuple: 'the same',
};

suite('globals of real files', ({ each }) => {
  each(
    fixtureCases.filter(({ kind, name }) => kind === 'torch' && !(name in OTHER_REASON)),
    ({ name, torch }) => `${name} of torch ${torch}: torch with weights_only takes what we say it takes`,
    async ({ name, torch, loads_weights_only, loads_weights_only_error }) => {
      const checkpoint = await openCheckpoint(fixturePath(name, torch));
      checkpoint.close();
      const { globals } = checkpoint.provenance;
      equal(globals.length === 0, loads_weights_only);
      // Torch names the first one that it meets, those of `builtins` without their module.
      const named = /GLOBAL (\S+)/.exec(loads_weights_only_error ?? '')?.[1];
      if (named === undefined) return;
      ok(
        globals.includes(named.includes('.') ? named : `builtins.${named}`),
        `${named} is not in ${globals.join(', ')}`,
      );
    },
  );
});

suite('globals that run commands or code', ({ each }) => {
  each(
    [
      'os.system',
      'posix.system',
      'nt.system',
      'subprocess.Popen',
      'builtins.eval',
      'builtins.exec',
      'builtins.__import__',
      'builtins.compile',
      'builtins.open',
      'importlib.import_module',
      'runpy.run_path',
      'pickle.loads',
      '_pickle.loads',
      'marshal.loads',
      'types.CodeType',
      'types.FunctionType',
      'operator.attrgetter',
      'operator.methodcaller',
      'torch.load',
      'torch.hub.load',
      'ctypes.CDLL',
      'shutil.rmtree',
      'socket.socket',
      'webbrowser.open',
      'sys.exit',
      'os.path.join',
      'torch.os.system',
      'numpy.testing._private.utils.runstring',
      'builtins.print.__class__.__base__.__subclasses__',
      'torch.storage._load_from_bytes',
      'pkgutil.resolve_name',
    ],
    path => path,
    path => is(isDangerousGlobal(path), true),
  );

  each(
    [
      'collections.OrderedDict',
      'oss.system',
      'osmium.x',
      'mylib.os.system',
      'builtins.evaluate',
      'builtins.set',
      'codecs.encode',
      'code_search.Model',
      'torch.loader.Config',
      'torch.nn.modules.linear.Linear',
      'urllib.parse.ParseResult',
      'operator.itemgetter',
      ...allowed.slice(0, 12),
    ],
    path => `not ${path}`,
    path => is(isDangerousGlobal(path), false),
  );
});
