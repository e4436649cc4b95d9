import { requireCountable, strideSpan } from '../checkpoint/box.js';
import { VIEW_CONJUGATE, VIEW_NEGATIVE } from '../checkpoint/chunks.js';
import { StorageReference } from '../checkpoint/storage.js';
import { type DTypeInfo, dtypeOf, dtypeOfStorageClass } from '../dtype.js';
import { FormatError, UnsupportedError } from '../errors.js';
import { PyDict } from '../pickle/dict.js';
import { PyGlobal, PyObject, PyTuple, type PyValue, textOf } from '../pickle/values.js';
import { sizeOf } from './size.js';

/** A strided tensor as a torch pickle describes it. Offset, size and stride are elements. */
export interface StridedTensor {
  storage: StorageReference;
  dtype: DTypeInfo;
  storageOffset: number;
  size: number[];
  stride: number[];
  requiresGrad: boolean;
  /** VIEW_CONJUGATE, VIEW_NEGATIVE. */
  flags: number;
  /** `Tensor`, `Parameter`, or these with attributes of their own. */
  typeName: 'Tensor' | 'Parameter' | 'Tensor with attributes' | 'Parameter with attributes';
}

/** What a value is to torch: a strided tensor, a tensor of another kind (sparse, quantized, meta, subclass), or not one. */
export type TensorForm =
  | { kind: 'strided'; tensor: StridedTensor }
  | { kind: 'other'; what: string }
  | { kind: 'none' };

const NONE: TensorForm = { kind: 'none' };

/** Rebuild functions whose result is a tensor, but not a strided one over a storage. By full path. */
const OTHER_TENSORS: Readonly<Record<string, string>> = {
  'torch._utils._rebuild_sparse_tensor': 'sparse tensor',
  'torch._utils._rebuild_sparse_csr_tensor': 'sparse tensor',
  'torch._utils._rebuild_nested_tensor': 'nested tensor',
  'torch._utils._rebuild_qtensor': 'quantized tensor',
  'torch._utils._rebuild_meta_tensor_no_storage': 'meta tensor',
  'torch._utils._rebuild_wrapper_subclass': 'tensor subclass',
  'torch._utils._rebuild_device_tensor_from_cpu_tensor': 'device tensor',
  'torch._utils._rebuild_device_tensor_from_numpy': 'device tensor',
  'torch._utils._rebuild_xla_tensor': 'device tensor',
  'torch.nested._internal.nested_tensor._rebuild_njt': 'nested tensor',
};

/**
 * Recognises the tensors of a torch pickle. The rebuild functions are those of `torch/_utils.py` and
 * `torch/_tensor.py`; docs/formats.md lists their arguments.
 * @throws FormatError where the arguments of a rebuild function are not what torch writes.
 */
export function tensorFormOf(value: PyValue): TensorForm {
  if (!(value instanceof PyObject) || !(value.callable instanceof PyGlobal)) return NONE;
  const path = value.callable.path;
  const args = value.args.items;
  switch (path) {
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2':
    case 'torch._utils._rebuild_tensor_v3':
      return { kind: 'strided', tensor: stridedTensor(path, args) };
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state': {
      const inner = tensorFormOf(args[0] ?? null);
      if (inner.kind !== 'strided') return inner;
      const typeName = path.endsWith('_with_state') ? 'Parameter with attributes' : 'Parameter';
      return { kind: 'strided', tensor: { ...inner.tensor, typeName, requiresGrad: args[1] === true } };
    }
    case 'torch.nn.parameter.Parameter':
    case 'torch.autograd.variable.Variable':
      return variableOf(path, value);
    case 'torch._tensor._rebuild_from_type_v2':
    case 'torch._tensor._rebuild_from_type':
    case 'torch.tensor._rebuild_from_type':
      return rebuiltFromType(args);
    default: {
      const what = OTHER_TENSORS[path];
      return what === undefined ? objectOfTensorClass(path, value) : { kind: 'other', what };
    }
  }
}

/**
 * Parameters and Variables of torch 0.1 to 0.3: called with their tensor, then BUILD of (requires_grad, volatile,
 * hooks); or made empty, then BUILD of (tensor, …, …, requires_grad, hooks). Source: `Tensor.__setstate__` in
 * torch/_tensor.py, which still takes both.
 */
function variableOf(path: string, { args, state }: PyObject): TensorForm {
  const items = state instanceof PyTuple ? state.items : [];
  const hasTensor = items.length === 5;
  const inner = tensorFormOf((hasTensor ? items[0] : args.items[0]) ?? null);
  if (inner.kind !== 'strided') return inner;
  const isParameter = path.endsWith('.Parameter');
  const requiresGrad = (hasTensor ? items[3] : (items[0] ?? args.items[1])) ?? isParameter;
  const typeName = isParameter ? 'Parameter' : 'Tensor';
  return { kind: 'strided', tensor: { ...inner.tensor, typeName, requiresGrad: requiresGrad === true } };
}

const TENSOR_CLASS = /^torch\.(cuda\.)?[A-Z]\w*Tensor$/;

/** Tensors of the very first releases: an object of `torch.FloatTensor` or its kin, BUILD of (storage, offset, size, stride). */
function objectOfTensorClass(path: string, { args, state }: PyObject): TensorForm {
  const [type] = path === 'copyreg._reconstructor' ? args.items : [];
  const className = type instanceof PyGlobal ? type.path : path;
  if (!TENSOR_CLASS.test(className) || !(state instanceof PyTuple) || state.items.length !== 4) return NONE;
  return { kind: 'strided', tensor: stridedTensor(className, state.items) };
}

/** `(function, type, args, state)`: the function's result as `type`, with attributes. */
function rebuiltFromType(args: readonly PyValue[]): TensorForm {
  const [callable, type, innerArgs] = args;
  if (!(callable instanceof PyGlobal) || !(type instanceof PyGlobal) || !(innerArgs instanceof PyTuple)) {
    throw new FormatError('_rebuild_from_type_v2 has other arguments than (function, type, tuple, state)');
  }
  const inner = tensorFormOf(new PyObject('reduce', callable, innerArgs));
  const isParameter = type.path === 'torch.nn.parameter.Parameter';
  if (
    inner.kind === 'strided' &&
    (isParameter || type.path === 'torch.Tensor' || type.path === 'torch._tensor.Tensor')
  ) {
    const typeName = isParameter ? 'Parameter with attributes' : 'Tensor with attributes';
    return { kind: 'strided', tensor: { ...inner.tensor, typeName } };
  }
  return { kind: 'other', what: `${type.path}, a tensor subclass` };
}

/**
 * | function | arguments                                                                     |
 * | -------- | ----------------------------------------------------------------------------- |
 * | (v1)     | storage, offset, size, stride                                                 |
 * | v2       | storage, offset, size, stride, requires_grad, hooks [, metadata]              |
 * | v3       | untyped storage, offset, size, stride, requires_grad, hooks, dtype [, metadata] |
 */
function stridedTensor(path: string, args: readonly PyValue[]): StridedTensor {
  const [storage, storageOffset, size, stride, requiresGrad] = args;
  const isV3 = path.endsWith('_v3');
  if (!(storage instanceof StorageReference)) {
    throw new FormatError(`The first argument of ${path} is not a storage`);
  }
  const dtype = isV3 ? dtypeArgument(args[6]) : storageDType(storage);
  const metadata = isV3 ? args[7] : args[6];
  const tensor: StridedTensor = {
    storage,
    dtype,
    storageOffset: dimension(storageOffset, 'storage offset'),
    size: dimensions(size, 'size'),
    stride: dimensions(stride, 'stride'),
    requiresGrad: requiresGrad === true,
    flags: viewFlags(metadata),
    typeName: 'Tensor',
  };
  if (tensor.size.length !== tensor.stride.length) {
    throw new FormatError('A tensor has a stride of another length than its size', {
      expected: tensor.size.length,
      found: tensor.stride.length,
    });
  }
  requireCountable(tensor.size, tensor.dtype.itemSize);
  requireInside(tensor);
  return tensor;
}

/** Torch refuses such a tensor too, when it sets its storage. */
function requireInside({ storage, storageOffset, size, stride, dtype }: StridedTensor): void {
  const span = strideSpan(size, stride);
  const end = (storageOffset + span) * dtype.itemSize;
  const byteLength = storage.elementCount * storageDType(storage).itemSize;
  if (span === 0 || end <= byteLength) return;
  throw new FormatError('A tensor reaches past the end of its storage', {
    expected: `${end} bytes at least`,
    found: `${byteLength} bytes`,
  });
}

/** The element type of a typed storage; bytes for an untyped one. */
export function storageDType({ classModule, className }: StorageReference): DTypeInfo {
  return dtypeOfClass(classModule, className);
}

/** {@link storageDType} by the names of the class. @throws UnsupportedError where torch has no such class. */
export function dtypeOfClass(module: string, name: string): DTypeInfo {
  const dtype = name === 'UntypedStorage' ? dtypeOf('uint8') : dtypeOfStorageClass(name);
  if (dtype === undefined) {
    throw new UnsupportedError('Unknown storage class', { found: `${module}.${name}` });
  }
  return dtype;
}

function dtypeArgument(value: PyValue | undefined): DTypeInfo {
  if (value instanceof PyGlobal && value.module === 'torch') return dtypeOf(value.name);
  throw new FormatError('A tensor names no element type', { expected: 'a torch dtype' });
}

function dimension(value: PyValue | undefined, what: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  throw new FormatError(`A tensor's ${what} is not a number ≥ 0`, { found: String(value) });
}

function dimensions(value: PyValue | undefined, what: string): number[] {
  const sizes = sizeOf(value);
  if (sizes === undefined) throw new FormatError(`A tensor's ${what} is not a tuple of numbers ≥ 0`);
  return sizes;
}

function viewFlags(metadata: PyValue | undefined): number {
  if (!(metadata instanceof PyDict)) return 0;
  let flags = 0;
  for (const [key, value] of metadata.entries()) {
    if (value !== true) continue;
    const name = textOf(key);
    if (name === 'conj') flags |= VIEW_CONJUGATE;
    else if (name === 'neg') flags |= VIEW_NEGATIVE;
    else throw new UnsupportedError('A tensor carries metadata that is not known', { found: String(name) });
  }
  return flags;
}
