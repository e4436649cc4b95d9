import { isDangerousGlobal, leadsAstray, loadsWithWeightsOnly } from './globals.js';

/**
 * What is known of a class or function that a pickle names.
 *
 * | Verdict        |                                                                                          |
 * | -------------- | ---------------------------------------------------------------------------------------- |
 * | `weights_only` | `torch.load(weights_only=True)` takes it without being asked                              |
 * | `known`        | a data type of Python, numpy or torch, or a class of the format: making one runs no code of the file |
 * | `unknown`      | everything else: what it does is in whatever module of that name is installed             |
 * | `dangerous`    | it runs commands or code, or leads to what does                                           |
 */
export type GlobalVerdict = 'weights_only' | 'known' | 'unknown' | 'dangerous';

/** Exact names: a class beside a known one may do anything. */
const KNOWN: ReadonlySet<string> = new Set([
  ...[
    'bool bytes bytearray complex dict float frozenset int list object range set slice str tuple',
    'NoneType Ellipsis NotImplemented',
  ].flatMap(names => names.split(' ').map(name => `builtins.${name}`)),
  ...'OrderedDict Counter defaultdict deque UserDict UserList'.split(' ').map(name => `collections.${name}`),
  ...'date datetime time timedelta timezone tzinfo'.split(' ').map(name => `datetime.${name}`),
  ...['PosixPath', 'WindowsPath', 'PurePosixPath', 'PureWindowsPath', 'Path', 'PurePath'].flatMap(name => [
    `pathlib.${name}`,
    `pathlib._local.${name}`,
  ]),
  'argparse.Namespace',
  'types.SimpleNamespace',
  'decimal.Decimal',
  'fractions.Fraction',
  'uuid.UUID',
  'uuid.SafeUUID',
  'copyreg._reconstructor',
  '_codecs.encode',
  ...['', '_'].flatMap(prefix =>
    ['_reconstruct', 'scalar', '_frombuffer'].flatMap(name => [
      `numpy.${prefix}core.multiarray.${name}`,
      `numpy.${prefix}core.numeric.${name}`,
    ]),
  ),
  'numpy.ndarray',
  'numpy.dtype',
  'numpy.matrix',
  'numpy.ma.core._mareconstruct',
  'numpy.ma.core.MaskedArray',
  ...'bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128 str_ bytes_ longlong ulonglong bool'
    .split(' ')
    .map(name => `numpy.${name}`),
  ...'__randomstate_ctor __generator_ctor __bit_generator_ctor'
    .split(' ')
    .map(name => `numpy.random._pickle.${name}`),
  ...'_mt19937.MT19937 _pcg64.PCG64 _pcg64.PCG64DXSM _philox.Philox _sfc64.SFC64'
    .split(' ')
    .map(name => `numpy.random.${name}`),
  'torch.Generator',
  'torch.memory_format',
  'torch.layout',
  'torch.dtype',
  'torch.Tag',
  ...'restore_type_tag build_intlist build_tensorlist build_doublelist build_boollist build_tensor_from_id'
    .split(' ')
    .map(name => `torch.jit._pickle.${name}`),
  'torch._utils._rebuild_sparse_csr_tensor',
  'torch._utils._rebuild_xla_tensor',
  'torch._tensor._rebuild_from_type',
  'torch._C._distributed_c10d.ReduceOp',
  'torch.distributed._shard.sharded_tensor.api.ShardedTensor',
  'torch.distributed.tensor.DTensor',
  'torch.distributed._tensor.api.DTensor',
  'torch.distributed._shard.sharded_tensor.api.ShardedTensor.ProcessGroupState',
  'torch.distributed.remote_device._remote_device',
  'torch.nested._internal.nested_tensor._rebuild_njt',
  'torch._dynamo.decorators._DimRange',
  'torch._C.Generator',
  're._compile',
  'megatron.core.dist_checkpointing.strategies.torch.MCoreMetadata',
  'megatron.core.dist_checkpointing.strategies.torch.MCoreSavePlan',
]);

/** Classes, by the modules of torch that define them; a name with a small first letter may be any function. */
const KNOWN_CLASS = new RegExp(
  `^torch\\.(${[
    'distributed\\.(_shard\\.)?checkpoint\\.(metadata|filesystem|planner)',
    'distributed\\._shard\\.(sharded_tensor\\.(metadata|shard)|metadata|sharding_spec(\\.\\w+)*)',
    'distributed\\.(_)?tensor\\.(placement_types|_dtensor_spec|device_mesh|api)',
    'distributed\\.tensor\\._\\w+',
    'distributed\\.(_\\.)?device_mesh',
    'distributed\\._mesh_layout',
    'distributed\\.remote_device',
    'nn\\.modules\\.\\w+',
    'nn\\.parameter',
    'nn\\.utils\\.parametrize',
    'ao\\.nn\\.\\w+(\\.\\w+)*',
    'optim\\.\\w+',
    'amp\\.\\w+',
    'cuda\\.amp\\.\\w+',
    'nested\\._internal\\.\\w+',
    'masked\\.maskedtensor\\.core',
  ].join('|')})\\._?[A-Z]\\w*$`,
);

/** Named tuples that functions of torch return: `torch.return_types.max`. */
const RETURN_TYPE = /^torch\.return_types\.\w+$/;

/** Encodings of memory formats in the indexes of DCP, as an enum member or its class. */
const MEMORY_FORMAT = /^torch\.distributed\.[\w.]+\._?MEM_FORMAT_ENCODING(\.[A-Z_]+)?$/;

/** @param name may have dots: an attribute of an attribute. In Python 3 names. */
export function verdictOf(module: string, name: string): GlobalVerdict {
  const path = `${module}.${name}`;
  if (loadsWithWeightsOnly(path)) return 'weights_only';
  if (KNOWN.has(path)) return 'known';
  if (path === 'builtins.getattr' || leadsAstray(name) || isDangerousGlobal(path)) return 'dangerous';
  if (RETURN_TYPE.test(path) || KNOWN_CLASS.test(path) || MEMORY_FORMAT.test(path)) return 'known';
  // Classes of a TorchScript program: its code is in its archive, and Python has no module of that name.
  if (path.startsWith('__torch__.')) return 'known';
  return 'unknown';
}

const RANK: Record<GlobalVerdict, number> = { weights_only: 0, known: 1, unknown: 2, dangerous: 3 };

/** The verdict of a global that goes by two names: what is written, and what Python 3 takes it for. */
export function worseVerdict(a: GlobalVerdict, b: GlobalVerdict): GlobalVerdict {
  return RANK[a] >= RANK[b] ? a : b;
}
