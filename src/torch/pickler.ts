import { contiguousStride } from '../checkpoint/box.js';
import { ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { VIEW_CONJUGATE, VIEW_NEGATIVE } from '../checkpoint/chunks.js';
import { StorageReference } from '../checkpoint/storage.js';
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
export type PickledStorage =
  | { kind: 'tensor'; entry: TensorEntry; byteLength: number }
  | { kind: 'storage'; reference: StorageReference; byteLength: number; label: string };

/** How a tensor views its storage when it is not simply contiguous: a DCP item keeps that. In elements. */
export interface TensorView {
  storageOffset: number;
  stride: readonly number[];
  /** VIEW_CONJUGATE, VIEW_NEGATIVE. */
  flags: number;
}

/**
 * Writes `data.pkl` of a torch.save archive: entries become rebuild calls, storages become persistent ids. The
 * strings that torch's pickler shares are shared here too, so that the result is torch's, opcode for opcode.
 */
export class TorchPickler {
  readonly storages: PickledStorage[] = [];
  private readonly storageKeys = new Map<number, PyStr>();
  private readonly tensors = new Map<object, PyObject>();
  /** One object each, as the constants of torch's own code are: the memo follows identity. */
  private readonly storageTag = new PyStr('storage');
  private readonly cpu = new PyStr('cpu');

  constructor(
    /** What messages call a storage that belongs to no tensor entry. */
    private readonly label = '',
    private readonly viewOf?: (entry: TensorEntry) => TensorView,
  ) {}

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
    const elementCount = shape.reduce((count, size) => count * size, 1);
    const byteLength = elementCount * dtype.itemSize;
    const key = this.addStorage({ kind: 'tensor', entry, byteLength });
    const view = this.viewOf?.(entry) ?? { storageOffset: 0, stride: contiguousStride(shape), flags: 0 };
    const args: PyValue[] = [
      this.persistentId(
        key,
        dtype.storageClass,
        dtype.storageClass === undefined ? byteLength : elementCount,
      ),
      view.storageOffset,
      new PyTuple([...shape]),
      new PyTuple([...view.stride]),
      false,
      new PyObject('reduce', new PyGlobal('collections', 'OrderedDict'), new PyTuple([])),
    ];
    if (dtype.storageClass === undefined) args.push(dtypeGlobal(dtype));
    if (view.flags !== 0) args.push(viewMetadata(view.flags));
    const version = dtype.storageClass === undefined ? 3 : 2;
    const rebuild = new PyGlobal('torch._utils', `_rebuild_tensor_v${version}`);
    const tensor = new PyObject('reduce', rebuild, new PyTuple(args));
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
    let key = this.storageKeys.get(reference.storage);
    if (key === undefined) {
      const byteLength = elementCount * (dtype?.itemSize ?? 1);
      key = this.addStorage({ kind: 'storage', reference, byteLength, label: this.label || reference.fqn });
      this.storageKeys.set(reference.storage, key);
    }
    return this.persistentId(key, dtype?.storageClass, elementCount, location);
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
