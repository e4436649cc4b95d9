import { contiguousStride, elementCountOf } from '../checkpoint/box.js';
import { castOf, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { VIEW_CONJUGATE, VIEW_NEGATIVE } from '../checkpoint/chunks.js';
import { StorageReference } from '../checkpoint/storage.js';
import type { RecordCast } from '../copy/plan.js';
import { type DTypeInfo, dtypeOfStorageClass } from '../dtype.js';
import { PyDict } from '../pickle/dict.js';
import { encodePickle } from '../pickle/encode.js';
import {
  type PyExternal,
  PyGlobal,
  PyObject,
  PyPersistentId,
  PyStr,
  PyTuple,
  type PyValue,
} from '../pickle/values.js';

/** A storage that a pickle refers to, in the order of first use: its position is its key `data/<position>`. */
export type PickledStorage = {
  byteLength: number;
  /** Of its elements, on the way: `byteLength` counts what they are converted to. */
  cast?: RecordCast | undefined;
} & (
  | { kind: 'tensor'; entry: TensorEntry; stride: readonly number[] }
  | { kind: 'storage'; row: number; dtype: DTypeInfo | undefined; label: string }
);

/** How a tensor views its storage when it is not simply contiguous: a DCP item keeps that. In elements. */
export interface TensorView {
  storageOffset: number;
  stride: readonly number[];
  /** VIEW_CONJUGATE, VIEW_NEGATIVE. */
  flags: number;
  /** Row of the checkpoint's StorageTable that is written as it is, for all that view it. Else it has its own. */
  storage?: { row: number; elementCount: number };
}

export interface PicklerOptions {
  /** What messages call a storage that belongs to no tensor entry. */
  label?: string;
  /** Without it tensors are contiguous, each with a storage of its own. */
  viewOf?: (entry: TensorEntry) => TensorView | undefined;
  /** Write `Parameter` and `requires_grad` as the source has them. */
  keepParameters?: boolean;
}

/**
 * Writes `data.pkl` of a torch.save archive: entries become rebuild calls, storages become persistent ids. The
 * strings that torch's pickler shares are shared here too, so that the result is torch's, opcode for opcode.
 */
export class TorchPickler {
  readonly storages: PickledStorage[] = [];
  private readonly storageKeys = new Map<number, PyStr>();
  private readonly label: string;
  private readonly tensors = new Map<object, PyObject>();
  /** One object each, as the constants of torch's own code are: the memo follows identity. */
  private readonly storageTag = new PyStr('storage');
  private readonly cpu = new PyStr('cpu');

  constructor(private readonly options: PicklerOptions = {}) {
    this.label = options.label ?? '';
  }

  encode(value: PyValue): Uint8Array {
    return encodePickle(value, { external: external => this.replace(external) });
  }

  private replace(value: PyExternal): PyValue {
    if (value instanceof TensorEntry) return this.tensor(value);
    if (value instanceof StorageReference) return this.storage(value);
    if (value instanceof ObjectEntry && value.value !== undefined) return value.value;
    throw new Error(`cannot pickle ${value.constructor.name}`);
  }

  /** `_rebuild_tensor_v2`, or `_v3` for types that torch has no storage class for. */
  private tensor(entry: TensorEntry): PyObject {
    const known = this.tensors.get(entry.identity);
    if (known !== undefined) return known;
    const { dtype, shape } = entry;
    const view = this.options.viewOf?.(entry) ?? contiguousView(shape);
    const elementCount = view.storage?.elementCount ?? elementCountOf(shape);
    const byteLength = elementCount * dtype.itemSize;
    const key =
      view.storage === undefined
        ? this.addStorage({ kind: 'tensor', entry, stride: view.stride, byteLength, cast: castOf(entry) })
        : this.sharedStorage(entry, view.storage.row, byteLength);
    const { keepParameters = false } = this.options;
    const isParameter = keepParameters && entry.typeName?.startsWith('Parameter') === true;
    const args: PyValue[] = [
      this.persistentId(
        key,
        dtype.storageClass,
        dtype.storageClass === undefined ? byteLength : elementCount,
      ),
      view.storageOffset,
      new PyTuple([...shape]),
      new PyTuple([...view.stride]),
      keepParameters && !isParameter && entry.requiresGrad,
      emptyOrderedDict(),
    ];
    if (dtype.storageClass === undefined) args.push(dtypeGlobal(dtype));
    if (view.flags !== 0) args.push(viewMetadata(view.flags));
    const version = dtype.storageClass === undefined ? 3 : 2;
    const rebuild = new PyGlobal('torch._utils', `_rebuild_tensor_v${version}`);
    const data = new PyObject('reduce', rebuild, new PyTuple(args));
    const tensor = isParameter ? parameter(data, entry.requiresGrad) : data;
    this.tensors.set(entry.identity, tensor);
    return tensor;
  }

  /**
   * A storage inside an object. Torch names its class in module `torch`, whatever the source did, and makes the
   * tuple anew for each reference; only the key is one str object.
   */
  private storage(reference: StorageReference): PyPersistentId {
    const { className, elementCount, location } = reference;
    const dtype = dtypeOfStorageClass(className);
    const key = this.keyOfRow(reference.storage, {
      kind: 'storage',
      row: reference.storage,
      dtype: dtype ?? elementTypeOf(reference),
      byteLength: elementCount * (dtype?.itemSize ?? 1),
      label: this.label || reference.fqn,
    });
    return this.persistentId(key, dtype?.storageClass, elementCount, location);
  }

  private sharedStorage(entry: TensorEntry, row: number, byteLength: number): PyStr {
    const { dtype, fqn: label } = entry;
    return this.keyOfRow(row, { kind: 'storage', row, dtype, byteLength, label, cast: castOf(entry) });
  }

  private keyOfRow(row: number, storage: PickledStorage): PyStr {
    let key = this.storageKeys.get(row);
    if (key === undefined) this.storageKeys.set(row, (key = this.addStorage(storage)));
    return key;
  }

  private addStorage(storage: PickledStorage): PyStr {
    return new PyStr(String(this.storages.push(storage) - 1));
  }

  private persistentId(
    key: PyStr,
    storageClass: string | undefined,
    elementCount: number,
    location = 'cpu',
  ): PyPersistentId {
    return new PyPersistentId(
      new PyTuple([
        this.storageTag,
        storageClass === undefined
          ? new PyGlobal('torch.storage', 'UntypedStorage')
          : new PyGlobal('torch', storageClass),
        key,
        location === 'cpu' ? this.cpu : location,
        elementCount,
      ]),
    );
  }
}

function contiguousView(shape: readonly number[]): TensorView {
  return { storageOffset: 0, stride: contiguousStride(shape), flags: 0 };
}

function emptyOrderedDict(): PyObject {
  return new PyObject('reduce', new PyGlobal('collections', 'OrderedDict'), new PyTuple([]));
}

/** `_rebuild_parameter(data, requires_grad, hooks)`, `torch/nn/parameter.py`. */
function parameter(data: PyObject, requiresGrad: boolean): PyObject {
  const rebuild = new PyGlobal('torch._utils', '_rebuild_parameter');
  return new PyObject('reduce', rebuild, new PyTuple([data, requiresGrad, emptyOrderedDict()]));
}

/** Undefined where nothing tells what an untyped storage holds. */
function elementTypeOf({ elementType }: StorageReference): DTypeInfo | undefined {
  return elementType === 'several' ? undefined : elementType;
}

function dtypeGlobal(dtype: DTypeInfo): PyGlobal {
  return new PyGlobal('torch', dtype.name);
}

function viewMetadata(flags: number): PyDict {
  const metadata = new PyDict();
  // In this order, as the hash map of torch's C++ code gives it.
  if ((flags & VIEW_NEGATIVE) !== 0) metadata.set('neg', true);
  if ((flags & VIEW_CONJUGATE) !== 0) metadata.set('conj', true);
  return metadata;
}
