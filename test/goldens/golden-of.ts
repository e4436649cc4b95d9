/**
 * The golden of Python values as we hold them, in the form that fixtures/flows/golden.py gives of the objects
 * themselves: rows of tensors, and the tree.
 */
import { ObjectEntry, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { dtypeOf, dtypeOfStorageClass } from '../../src/dtype.js';
import { PyDict } from '../../src/pickle/dict.js';
import {
  PyByteArray,
  type PyExternal,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  type PyPersistentId,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import type { GoldenObject, GoldenPath, GoldenTensor, GoldenValue } from '../fixtures.js';
import { type StridedElements, sha256OfElements } from './elements.js';

/** A storage that a value refers to, with its bytes. */
export interface StorageBytes {
  /** One object a storage: tensors with the same one share memory. */
  identity: unknown;
  className: string;
  bytes: Uint8Array;
  bigEndian: boolean;
}

/** What the leaves of a value stand for. */
export interface Leaves {
  storage(value: PyExternal | PyPersistentId): StorageBytes | undefined;
  /** The row of an entry, its path and storage number left to the encoder. */
  tensor?(entry: TensorEntry): { row: TensorRow; storage?: StorageBytes };
}

export type TensorRow = Omit<GoldenTensor, 'path'>;
export type Described = { tensors: GoldenTensor[]; tree: GoldenValue };

export function goldenOf(value: PyValue, leaves: Leaves): Described {
  const encoder = new Encoder(leaves);
  const tree = encoder.encode(value, [], false);
  return { tensors: encoder.rows, tree };
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Classes that Python calls mappings, besides dict. */
const MAPPINGS = /^collections\.(OrderedDict|defaultdict|Counter)$/;

class Encoder {
  readonly rows: GoldenTensor[] = [];
  private readonly storageNumbers = new Map<unknown, number>();
  private readonly firstPath = new Map<PyValue, GoldenPath>();
  private readonly above = new Map<PyValue, GoldenPath>();
  private depthInObjects = 0;

  constructor(private readonly leaves: Leaves) {}

  encode(entryOrValue: PyValue, path: GoldenPath, inside: boolean): GoldenValue {
    const value = entryOrValue instanceof ObjectEntry ? loaded(entryOrValue) : entryOrValue;
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    if (typeof value === 'number') return value;
    if (typeof value === 'bigint') return { int: String(value) };
    if (value instanceof PyStr) return value.text;
    if (value instanceof PyFloat) return { float: '', bits: bitsOf(value) };
    if (value instanceof Uint8Array) return { bytes: hex(value) };
    if (value instanceof PyGlobal) return { global: [value.module, value.name] };
    if (value instanceof TensorEntry) {
      const { row, storage } = this.leaves.tensor!(value);
      return this.add(path, row, storage, inside);
    }
    if (value instanceof PyObject) {
      const tensor = this.tensorOf(value);
      if (tensor !== undefined) return this.add(path, tensor.row, tensor.storage, inside);
    }
    if (value instanceof PyTuple) return { tuple: this.sequence(value.items, path, true) };
    const known =
      this.above.get(value) ?? (this.depthInObjects === 0 ? this.firstPath.get(value) : undefined);
    if (known !== undefined) return { same_as: known };
    if (this.depthInObjects === 0) this.firstPath.set(value, path);
    this.above.set(value, path);
    const encoded = this.container(value, path, inside);
    this.above.delete(value);
    return encoded;
  }

  private container(value: PyValue, path: GoldenPath, inside: boolean): GoldenValue {
    if (value instanceof PyList) return { list: this.sequence(value.items, path, inside) };
    if (value instanceof PyDict) return { dict: this.pairs([...value.entries()], path, inside) };
    if (value instanceof PyByteArray) return { bytearray: hex(value.bytes) };
    if (value instanceof PySet) return { set: value.items.map(item => this.encode(item, path, true)) };
    if (value instanceof PyFrozenSet)
      return { frozenset: value.items.map(item => this.encode(item, path, true)) };
    if (value instanceof PyObject) return { object: this.object(value, path, inside) };
    const storage = this.leaves.storage(value as PyExternal | PyPersistentId);
    if (storage === undefined)
      throw new Error(`no golden for ${value?.constructor.name} at ${path.join('.')}`);
    return { storage: { byte_length: storage.bytes.length } };
  }

  private sequence(items: readonly PyValue[], path: GoldenPath, inside: boolean): GoldenValue[] {
    return items.map((item, i) => this.encode(item, [...path, i], inside));
  }

  private pairs(
    entries: readonly (readonly [PyValue, PyValue])[],
    path: GoldenPath,
    inside: boolean,
  ): [GoldenValue, GoldenValue][] {
    return entries.map(([key, item]) => [
      this.encode(key, path, true),
      this.encode(item, [...path, pathKey(key)], inside),
    ]);
  }

  private object(value: PyObject, path: GoldenPath, inside: boolean): GoldenObject {
    if (value.kwargs !== undefined || value.stateSetter !== undefined)
      throw new Error('goldens have no such objects');
    this.depthInObjects++;
    const object: GoldenObject = {
      how: value.how,
      callable: this.encode(value.callable, [...path, 'callable'], true),
      args: { tuple: this.sequence(value.args.items, [...path, 'args'], true) },
    };
    if (value.state !== undefined) object.state = this.encode(value.state, [...path, 'state'], true);
    this.depthInObjects--;
    const isMapping = value.callable instanceof PyGlobal && MAPPINGS.test(value.callable.path);
    const inner = inside || !isMapping;
    if (value.listItems !== undefined) object.list_items = this.sequence(value.listItems, path, inner);
    if (value.dictItems !== undefined) object.dict_items = this.pairs(value.dictItems, path, inner);
    return object;
  }

  private add(
    path: GoldenPath,
    row: TensorRow,
    storage: StorageBytes | undefined,
    inside: boolean,
  ): GoldenValue {
    const index = this.rows.length;
    const numbered: GoldenTensor = { path, ...row };
    if (storage !== undefined) {
      const identity = storage.bytes.length === 0 ? `empty ${index}` : storage.identity;
      if (!this.storageNumbers.has(identity)) this.storageNumbers.set(identity, this.storageNumbers.size);
      numbered.storage = this.storageNumbers.get(identity)!;
      numbered.storage_byte_length = storage.bytes.length;
    }
    if (inside) numbered.inside_object = true;
    this.rows.push(numbered);
    return { tensor: index };
  }

  /** The row of a tensor in the form in which torch pickles it; undefined for every other object. */
  private tensorOf(value: PyObject): { row: TensorRow; storage?: StorageBytes } | undefined {
    if (!(value.callable instanceof PyGlobal)) return undefined;
    const { items: args } = value.args;
    switch (value.callable.path) {
      case 'torch._utils._rebuild_tensor_v2':
        return this.strided(args, dtypeOfStorageClass(this.storageAt(args[0]).className)!.name, args[6]);
      case 'torch._utils._rebuild_tensor_v3':
        return this.strided(args, nameOf(args[6]), args[7]);
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state': {
        const { row, storage } = this.innerTensor(args[0]);
        const attributes = args.length === 4 ? { attributes: true } : {};
        return withStorage(
          { ...row, requires_grad: args[1] as boolean, type: 'Parameter', ...attributes },
          storage,
        );
      }
      case 'torch._tensor._rebuild_from_type_v2': {
        const inner = new PyObject('reduce', args[0]!, args[2] as PyTuple);
        const { row, storage } = this.innerTensor(inner);
        const attributes = row.sha256 === undefined ? {} : { attributes: true };
        return withStorage({ ...row, type: nameOf(args[1]), ...attributes }, storage);
      }
      case 'torch._utils._rebuild_qtensor': {
        const dtype = dtypeOfStorageClass(this.storageAt(args[0]).className)!.name;
        return { row: { ...plain(dtype), shape: numbersOf(args[2]), layout: 'strided' } };
      }
      case 'torch._utils._rebuild_sparse_tensor': {
        const parts = (args[1] as PyTuple).items;
        const layout = textIn(args[0]);
        const values = this.innerTensor(parts[layout === 'sparse_coo' ? 1 : 2]);
        const shape = numbersOf(parts[layout === 'sparse_coo' ? 2 : 3]);
        return { row: { ...plain(values.row.dtype), shape, layout } };
      }
      case 'torch._utils._rebuild_nested_tensor':
        return { row: { ...plain(this.innerTensor(args[0]).row.dtype), layout: 'nested' } };
      case 'torch.nested._internal.nested_tensor._rebuild_njt': {
        const values = this.innerTensor((args[0] as PyDict).getText('values'));
        return { row: { ...plain(values.row.dtype), layout: 'nested' } };
      }
      case 'torch._utils._rebuild_meta_tensor_no_storage': {
        const view = { shape: numbersOf(args[1]), stride: numbersOf(args[2]), storage_offset: 0 };
        return { row: { ...plain(nameOf(args[0])), ...view, device: 'meta' } };
      }
      case 'torch._utils._rebuild_wrapper_subclass': {
        const view = {
          shape: numbersOf(args[2]),
          stride: numbersOf(args[3]),
          storage_offset: args[4] as number,
        };
        return { row: { ...plain(nameOf(args[1])), ...view } };
      }
      default:
        return undefined;
    }
  }

  private innerTensor(value: PyValue | undefined): { row: TensorRow; storage?: StorageBytes } {
    const found = value instanceof PyObject ? this.tensorOf(value) : undefined;
    if (found === undefined) throw new Error('a rebuild function without its tensor');
    return found;
  }

  private storageAt(value: PyValue | undefined): StorageBytes {
    const storage = this.leaves.storage(value as PyExternal | PyPersistentId);
    if (storage === undefined) throw new Error('a rebuild function without its storage');
    return storage;
  }

  private strided(args: readonly PyValue[], dtype: string, metadata: PyValue | undefined) {
    const storage = this.storageAt(args[0]);
    const isSet = (name: string): boolean => metadata instanceof PyDict && metadata.getText(name) === true;
    const view: StridedElements = {
      dtype: dtypeOf(dtype),
      storageOffset: args[1] as number,
      shape: numbersOf(args[2]),
      stride: numbersOf(args[3]),
      conj: isSet('conj'),
      neg: isSet('neg'),
    };
    return { row: { ...rowOf(view, storage), requires_grad: args[4] as boolean }, storage };
  }
}

/** The row of a plain strided tensor. */
export function rowOf(view: StridedElements, storage: StorageBytes): TensorRow {
  return {
    ...plain(view.dtype.name),
    shape: [...view.shape],
    stride: [...view.stride],
    storage_offset: view.storageOffset,
    ...(view.conj === true ? { conj: true as const } : {}),
    ...(view.neg === true ? { neg: true as const } : {}),
    sha256: sha256OfElements(view, storage.bytes, storage.bigEndian),
  };
}

function plain(dtype: string): TensorRow {
  return { dtype, requires_grad: false, type: 'Tensor' };
}

function withStorage(
  row: TensorRow,
  storage: StorageBytes | undefined,
): { row: TensorRow; storage?: StorageBytes } {
  return storage === undefined ? { row } : { row, storage };
}

function loaded(entry: ObjectEntry): PyValue {
  if (entry.value === undefined) throw new Error(`${entry.fqn} was not loaded`);
  return entry.value;
}

function bitsOf({ high, low }: PyFloat): string {
  return [high, low].map(half => (half >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Of keys that are neither text nor ints only the kind is told: no golden that is compared names one in a path. */
function pathKey(key: PyValue): string | number {
  if (typeof key === 'string' || typeof key === 'number') return key;
  if (key instanceof PyStr) return key.text;
  return typeof key === 'bigint' ? Number(key) : `<${key?.constructor.name ?? 'None'}>`;
}

function nameOf(value: PyValue | undefined): string {
  if (!(value instanceof PyGlobal)) throw new Error('a rebuild function without its type');
  return value.name;
}

function numbersOf(value: PyValue | undefined): number[] {
  const tuple = value instanceof PyObject ? value.args.items[0] : value;
  return [...(tuple as PyTuple).items] as number[];
}

/** The layout in `_get_layout('torch.sparse_coo')`. */
function textIn(layout: PyValue | undefined): string {
  const text = (layout as PyObject).args.items[0];
  return (text instanceof PyStr ? text.text : (text as string)).replace('torch.', '');
}
