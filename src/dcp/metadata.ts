import { hexOf } from '../bytes.js';
import type { Box } from '../checkpoint/box.js';
import { type DTypeInfo, dtypeOf } from '../dtype.js';
import { FormatError } from '../errors.js';
import { type ClassHandler, decodePickle } from '../pickle/decode.js';
import { PyDict } from '../pickle/dict.js';
import { PROTO_CODE } from '../pickle/opcodes.js';
import { PyExternal, PyGlobal, PyList, PyObject, PyTuple, type PyValue, textOf } from '../pickle/values.js';
import { globalsBeyondTorch } from '../torch/globals.js';
import { sizeOf } from '../torch/size.js';
import { ChunkList } from './chunk-list.js';
import { StorageData, type StorageKey, type StoragePlace } from './storage-data.js';

/**
 * The index of a DCP directory, `.metadata`: one pickled `Metadata` object. Its classes moved between modules;
 * all names of a class are one class here. docs/formats.md lists the fields and the releases.
 */
export interface DcpMetadata {
  /** FQN → what is stored under it, in torch's order. */
  stateDictMetadata: [key: PyValue, fqn: string, value: TensorStorageMetadata | BytesStorageMetadata][];
  /** FQN → path; undefined where it was saved without flattening. Elements keep their identity as str objects. */
  plannerData: Map<string, readonly PyValue[]> | undefined;
  storageData: StorageData;
  storageMeta: StorageMeta | undefined;
  version: string | undefined;
  /**
   * FQNs of tensors that Megatron-core's distributed optimizer stored in another shape than they have: one dimension a
   * dimension that was cut, and one of what was left, flat (`mcore_data`, `nd_reformulated_orig_global_shape`).
   */
  reshaped: string[];
  /** Globals that the pickle names beyond the classes of the format. */
  globals: string[];
}

// Shared by all instances until their state is set: an index of a million chunks makes a million of each.
const NO_NUMBERS: number[] = [];
const NO_TEXTS: string[] = [];
const NO_CHUNKS = new ChunkList();
const NO_FIELDS = new PyDict();

/** A class of the format under the names that torch releases pickled it. */
abstract class Folded extends PyExternal {
  // Told to the compiler only: no instance need hold it.
  declare protected readonly external: true;
  abstract override setState(state: PyValue): void;
}

export class TensorStorageMetadata extends Folded {
  /** Set by the state, which an index that passed `decodeMetadata` has. */
  dtype!: DTypeInfo;
  size = NO_NUMBERS;
  chunks = NO_CHUNKS;
  requiresGrad = false;

  setState(state: PyValue): void {
    const fields = requireFields(state, 'TensorStorageMetadata');
    const properties = fields.getText('properties');
    if (!(properties instanceof TensorProperties) || properties.dtype === undefined) {
      throw wrongField('TensorStorageMetadata.properties');
    }
    this.dtype = properties.dtype;
    this.requiresGrad = properties.requiresGrad;
    this.size = requireSize(fields.getText('size'), 'TensorStorageMetadata.size');
    const chunks = fields.getText('chunks');
    if (!(chunks instanceof PyList)) throw wrongField('TensorStorageMetadata.chunks');
    this.chunks = new ChunkList();
    for (const chunk of chunks.items) {
      if (!(chunk instanceof ChunkStorageMetadata)) throw wrongField('TensorStorageMetadata.chunks');
      this.chunks.push(chunk);
    }
  }
}

export class BytesStorageMetadata extends Folded {
  setState(): void {}
}

export class ChunkStorageMetadata extends Folded implements Box {
  offsets = NO_NUMBERS;
  sizes = NO_NUMBERS;

  setState(state: PyValue): void {
    const fields = requireFields(state, 'ChunkStorageMetadata');
    this.offsets = requireSize(fields.getText('offsets'), 'ChunkStorageMetadata.offsets');
    this.sizes = requireSize(fields.getText('sizes'), 'ChunkStorageMetadata.sizes');
  }
}

/** State: a tuple (dtype, layout, requires_grad, memory format, pin_memory). Only dtype is used on load. */
export class TensorProperties extends Folded {
  /** Undefined until the state is set. */
  dtype: DTypeInfo | undefined;
  requiresGrad = false;

  setState(state: PyValue): void {
    const dtype = state instanceof PyTuple ? state.items[0] : undefined;
    if (!(state instanceof PyTuple) || !(dtype instanceof PyGlobal) || dtype.module !== 'torch') {
      throw wrongField('TensorProperties');
    }
    this.dtype = dtypeOf(dtype.name);
    this.requiresGrad = state.items[2] === true;
  }
}

class MetadataIndex extends Folded implements StorageKey {
  /** Set by the state. */
  fqn!: string;
  offset: number[] | undefined;
  index: number | undefined;

  constructor(private readonly collected: CollectedStorageData) {
    super();
  }

  setState(state: PyValue): void {
    const fields = requireFields(state, 'MetadataIndex');
    const fqn = textOf(fields.getText('fqn'));
    if (fqn === undefined) throw wrongField('MetadataIndex.fqn');
    this.fqn = fqn;
    const offset = fields.getText('offset');
    if (offset !== undefined && offset !== null) this.offset = requireSize(offset, 'MetadataIndex.offset');
    const index = fields.getText('index');
    if (typeof index === 'number') this.index = index;
  }

  override takeValue(dict: PyDict, value: PyValue): boolean {
    return this.collected.take(dict, this, value);
  }
}

/** Takes the rows of `storage_data` while the dict is built: neither keys nor values are kept. */
class CollectedStorageData {
  private dict: PyDict | undefined;
  private readonly data = new StorageData();

  /** False for what is not a row, not complete yet, or of another dict. */
  take(dict: PyDict, key: MetadataIndex, value: PyValue): boolean {
    if (!(value instanceof StorageInfo) || value.relativePath === undefined || key.fqn === undefined) {
      return false;
    }
    this.dict ??= dict;
    if (dict !== this.dict) return false;
    this.data.add(key, value);
    return true;
  }

  /** All rows of `dict`. */
  rowsOf(dict: PyDict): StorageData {
    const data = dict === this.dict ? this.data : new StorageData();
    for (const [key, value] of dict.entries()) {
      if (!(key instanceof MetadataIndex) || !(value instanceof StorageInfo)) {
        throw wrongField('Metadata.storage_data');
      }
      if (key.fqn === undefined) throw wrongField('MetadataIndex');
      if (value.relativePath === undefined) throw wrongField('_StorageInfo');
      data.add(key, value);
    }
    return data;
  }
}

class StorageInfo extends Folded implements StoragePlace {
  /** Set by the state. */
  relativePath!: string;
  offset = 0;
  length = 0;
  transformDescriptors = NO_TEXTS;

  setState(state: PyValue): void {
    const fields = requireFields(state, '_StorageInfo');
    const relativePath = textOf(fields.getText('relative_path'));
    const offset = fields.getText('offset');
    const length = fields.getText('length');
    if (relativePath === undefined || !isCount(offset) || !isCount(length)) {
      throw wrongField('_StorageInfo');
    }
    this.relativePath = relativePath;
    this.offset = offset;
    this.length = length;
    const descriptors = fields.getText('transform_descriptors');
    if (descriptors instanceof PyList) {
      this.transformDescriptors = descriptors.items.map(item => textOf(item) ?? '?');
    }
  }
}

export class StorageMeta extends Folded {
  saveId: string | undefined;
  /** Whether the field `modules` is there: torch 2.7 and newer write it. */
  hasModules = false;

  setState(state: PyValue): void {
    const fields = requireFields(state, 'StorageMeta');
    this.saveId = textOf(fields.getText('save_id'));
    this.hasModules = fields.getText('modules') !== undefined;
  }
}

class MetadataObject extends Folded {
  fields = NO_FIELDS;

  setState(state: PyValue): void {
    this.fields = requireFields(state, 'Metadata');
  }
}

type Handler = new (collected: CollectedStorageData) => Folded;

const OLD = 'torch.distributed._shard.checkpoint';
const NEW = 'torch.distributed.checkpoint';
const SHARDED = 'torch.distributed._shard.sharded_tensor.metadata';

/** Every name that a class of the format had: ≤ 1.13, 2.0–2.2, ≥ 2.3. */
const CLASSES: ReadonlyMap<string, Handler> = new Map<string, Handler>(
  (
    [
      [
        MetadataObject,
        `${OLD}.metadata.Metadata`,
        `${NEW}.metadata.Metadata`,
        // A subclass of Megatron-core, with a field `mcore_data` of its own.
        'megatron.core.dist_checkpointing.strategies.torch.MCoreMetadata',
      ],
      [MetadataIndex, `${OLD}.metadata.MetadataIndex`, `${NEW}.metadata.MetadataIndex`],
      [
        TensorStorageMetadata,
        `${OLD}.metadata.TensorStorageMetadata`,
        `${NEW}.metadata.TensorStorageMetadata`,
      ],
      [BytesStorageMetadata, `${OLD}.metadata.BytesStorageMetadata`, `${NEW}.metadata.BytesStorageMetadata`],
      [ChunkStorageMetadata, `${OLD}.metadata.ChunkStorageMetadata`, `${NEW}.metadata.ChunkStorageMetadata`],
      [TensorProperties, `${SHARDED}.TensorProperties`, `${NEW}.metadata.TensorProperties`],
      [StorageInfo, `${OLD}.filesystem._StorageInfo`, `${NEW}.filesystem._StorageInfo`],
      [StorageMeta, `${NEW}.metadata.StorageMeta`],
    ] as [Handler, ...string[]][]
  ).flatMap(([handler, ...names]) => names.map((name): [string, Handler] => [name, handler])),
);

/**
 * Other globals that a `.metadata` names by its format, besides those that torch's `weights_only` knows (element
 * types, sizes, layouts): enum members and paths.
 */
const FORMAT_GLOBALS =
  /^(builtins\.getattr|torch\.distributed\..*MEM_FORMAT_ENCODING|pathlib(\._local)?\.(Posix|Windows|PurePosix|PureWindows)Path)$/;

function classHandlers(collected: CollectedStorageData): Map<string, ClassHandler> {
  return new Map<string, ClassHandler>([
    ...[...CLASSES].map(([name, Class]): [string, ClassHandler] => [
      name,
      { create: () => new Class(collected) },
    ]),
    // A size is its tuple of numbers: an index of a million chunks has three million of them.
    ['torch.Size', { create: ({ items: [size] }) => (size instanceof PyTuple ? size : undefined) }],
  ]);
}

/** Beyond this a `.metadata` is not read: the pickle of a million chunks has about 250 MB. */
export const MAX_METADATA_BYTE_LENGTH = 2 ** 31 - 1;

/**
 * Decodes `.metadata` of torch 1.13 to 2.14, pickle protocols 2 to 5.
 * @throws FormatError where it is not a Metadata object, or a field is not what torch writes.
 */
export function decodeMetadata(bytes: Uint8Array): DcpMetadata {
  if (bytes[0] !== PROTO_CODE) {
    throw new FormatError('The index is not a pickle', {
      expected: 'a file that begins with 80, as pickles of protocol 2 and newer do',
      found: bytes.length === 0 ? 'an empty file' : `one that begins with ${hexOf(bytes.subarray(0, 4))}`,
    });
  }
  const globals = new Set<string>();
  const collected = new CollectedStorageData();
  const { value } = decodePickle(bytes, {
    keepStringIdentity: 'loaded',
    classHandlers: classHandlers(collected),
    onGlobal: global => globals.add(global.path),
  });
  if (!(value instanceof MetadataObject)) {
    throw new FormatError('The pickle holds no Metadata object of torch.distributed.checkpoint', {
      found:
        value instanceof PyObject && value.callable instanceof PyGlobal ? value.callable.path : typeof value,
    });
  }
  const meta = value.fields.getText('storage_meta');
  const version = textOf(value.fields.getText('version'));
  return {
    stateDictMetadata: stateDictMetadata(value.fields.getText('state_dict_metadata')),
    plannerData: plannerData(value.fields.getText('planner_data')),
    storageData: storageData(value.fields.getText('storage_data'), collected),
    storageMeta: meta instanceof StorageMeta ? meta : undefined,
    version,
    reshaped: reshapedFqns(value.fields.getText('mcore_data')),
    globals: globalsBeyondTorch(globals).filter(path => !CLASSES.has(path) && !FORMAT_GLOBALS.test(path)),
  };
}

function reshapedFqns(mcoreData: PyValue | undefined): string[] {
  if (!(mcoreData instanceof PyDict)) return [];
  return [...mcoreData.entries()].flatMap(([key, fields]) => {
    const fqn = textOf(key);
    const isReshaped = fields instanceof PyDict && fields.getText(RESHAPED) !== undefined;
    return fqn !== undefined && isReshaped ? [fqn] : [];
  });
}

const RESHAPED = 'nd_reformulated_orig_global_shape';

function stateDictMetadata(value: PyValue | undefined): DcpMetadata['stateDictMetadata'] {
  if (!(value instanceof PyDict)) throw wrongField('Metadata.state_dict_metadata');
  const rows: DcpMetadata['stateDictMetadata'] = [];
  for (const [key, stored] of value.entries()) {
    const fqn = textOf(key);
    if (fqn === undefined) throw wrongField('Metadata.state_dict_metadata');
    const isTensor = stored instanceof TensorStorageMetadata && stored.dtype !== undefined;
    if (!isTensor && !(stored instanceof BytesStorageMetadata)) {
      throw wrongField('Metadata.state_dict_metadata').addContext({ fqn });
    }
    rows.push([key, fqn, stored]);
  }
  return rows;
}

function plannerData(value: PyValue | undefined): DcpMetadata['plannerData'] {
  if (value === undefined || value === null) return undefined;
  if (!(value instanceof PyDict)) throw wrongField('Metadata.planner_data');
  const paths = new Map<string, readonly PyValue[]>();
  for (const [key, path] of value.entries()) {
    const fqn = textOf(key);
    if (fqn === undefined || !(path instanceof PyTuple)) throw wrongField('Metadata.planner_data');
    if (path.items.length === 0 || !path.items.every(isStep)) {
      throw wrongField('Metadata.planner_data').addContext({ fqn });
    }
    paths.set(fqn, path.items);
  }
  return paths;
}

function storageData(value: PyValue | undefined, collected: CollectedStorageData): StorageData {
  if (!(value instanceof PyDict)) throw wrongField('Metadata.storage_data');
  return collected.rowsOf(value);
}

/** The fields of a dataclass's state by name; one that an old pickle lacks is undefined. */
function requireFields(state: PyValue, className: string): PyDict {
  if (state instanceof PyDict) return state;
  throw wrongField(className);
}

function requireSize(value: PyValue | undefined, what: string): number[] {
  const size = sizeOf(value);
  if (size === undefined) throw wrongField(what);
  return size;
}

/** Whether `value` can stand in a path: a position of a list, or a key as text. */
function isStep(value: PyValue): boolean {
  return isCount(value) || textOf(value) !== undefined;
}

/** Whether `value` is an int ≥ 0 that a number holds exactly. */
function isCount(value: PyValue | undefined): value is number {
  return typeof value === 'number' && value >= 0;
}

function wrongField(what: string): FormatError {
  return new FormatError(`${what} is not what torch writes`);
}
