import type { Box } from '../checkpoint/box.js';
import type { EntryPath } from '../checkpoint/checkpoint.js';
import type { DTypeInfo } from '../dtype.js';
import { PyDict } from '../pickle/dict.js';
import { encodePickle } from '../pickle/encode.js';
import { PyGlobal, PyList, PyObject, PyStr, PyTuple, type PyValue } from '../pickle/values.js';

/** Where an item lies. Bytes. */
export interface Place {
  relativePath: string;
  byteOffset: number;
  byteLength: number;
}

/** One key of an index that is to be written. */
export type WrittenEntry =
  | { kind: 'object'; fqn: string; path: EntryPath; place: Place }
  | {
      kind: 'tensor';
      fqn: string;
      path: EntryPath;
      dtype: DTypeInfo;
      shape: readonly number[];
      requiresGrad: boolean;
      chunks: readonly (Box & { place: Place })[];
    };

type WrittenTensor = Extract<WrittenEntry, { kind: 'tensor' }>;

const METADATA = 'torch.distributed.checkpoint.metadata';
const FILESYSTEM = 'torch.distributed.checkpoint.filesystem';
/** What torch 2.9 and newer write in `Metadata.version`. */
const METADATA_VERSION = '1.0.0';

/**
 * Encodes `.metadata` as torch ≥ 2.9 does, in pickle protocol 2. `checkpoint_id` is None: the path would make equal
 * checkpoints differ. `entries` are in the order of the index; items are listed in the order of the files.
 */
export function encodeMetadata(
  entries: readonly WrittenEntry[],
  files: readonly string[],
  saveId: string,
): Uint8Array {
  const fqns = new Map(entries.map(entry => [entry.fqn, new PyStr(entry.fqn)]));
  const fqnOf = (fqn: string): PyStr => fqns.get(fqn)!;
  const names = new Map<string, PyStr>();
  const shared = (text: string): PyStr => {
    let name = names.get(text);
    if (name === undefined) names.set(text, (name = new PyStr(text)));
    return name;
  };
  const instance = (module: string, name: string, fields: [string, PyValue][]): PyObject => {
    const object = new PyObject('newobj', new PyGlobal(module, name), new PyTuple([]));
    object.state = PyDict.of(fields.map(([field, value]) => [shared(field), value]));
    return object;
  };

  const tensorMetadata = (tensor: WrittenTensor): PyObject => {
    const properties = new PyObject('newobj', new PyGlobal(METADATA, 'TensorProperties'), new PyTuple([]));
    properties.state = new PyTuple([
      new PyGlobal('torch', tensor.dtype.name),
      new PyObject(
        'reduce',
        new PyGlobal('torch.serialization', '_get_layout'),
        new PyTuple([shared('torch.strided')]),
      ),
      tensor.requiresGrad,
      new PyObject('reduce', new PyGlobal(METADATA, '_MEM_FORMAT_ENCODING'), new PyTuple([0])),
      false,
    ]);
    const chunks = tensor.chunks.map(({ offsets, sizes }) =>
      instance(METADATA, 'ChunkStorageMetadata', [
        ['offsets', torchSize(offsets)],
        ['sizes', torchSize(sizes)],
      ]),
    );
    return instance(METADATA, 'TensorStorageMetadata', [
      ['properties', properties],
      ['size', torchSize(tensor.shape)],
      ['chunks', new PyList(chunks)],
    ]);
  };
  const storageInfo = ({ relativePath, byteOffset, byteLength }: Place): PyObject =>
    instance(FILESYSTEM, '_StorageInfo', [
      ['relative_path', shared(relativePath)],
      ['offset', byteOffset],
      ['length', byteLength],
    ]);

  const stateDictMetadata = entries.map((entry): [PyValue, PyValue] => [
    fqnOf(entry.fqn),
    entry.kind === 'object'
      ? new PyObject('newobj', new PyGlobal(METADATA, 'BytesStorageMetadata'), new PyTuple([]))
      : tensorMetadata(entry),
  ]);
  const plannerData = entries.map((entry): [PyValue, PyValue] => [
    fqnOf(entry.fqn),
    new PyTuple(entry.path.map(step => (typeof step === 'number' ? step : shared(step)))),
  ]);
  const storageData = itemsOf(entries, files).map(({ fqn, place, chunk }): [PyValue, PyValue] => [
    instance(METADATA, 'MetadataIndex', [
      ['fqn', fqnOf(fqn)],
      ['index', chunk === undefined ? null : chunk.index],
      ...(chunk === undefined ? [] : [['offset', torchSize(chunk.offsets)] as [string, PyValue]]),
    ]),
    storageInfo(place),
  ]);

  return encodePickle(
    instance(METADATA, 'Metadata', [
      ['state_dict_metadata', PyDict.of(stateDictMetadata)],
      ['planner_data', PyDict.of(plannerData)],
      ['storage_data', PyDict.of(storageData)],
      [
        'storage_meta',
        instance(METADATA, 'StorageMeta', [
          ['checkpoint_id', null],
          ['save_id', saveId],
          ['load_id', null],
          ['modules', new PyList()],
        ]),
      ],
      ['version', METADATA_VERSION],
    ]),
  );
}

interface WrittenItem {
  fqn: string;
  place: Place;
  /** Absent for objects. */
  chunk?: { index: number; offsets: readonly number[] };
}

/** All items, in the order of the files: objects of a file lie before its tensors. */
function itemsOf(entries: readonly WrittenEntry[], files: readonly string[]): WrittenItem[] {
  const items = entries.flatMap((entry): WrittenItem[] =>
    entry.kind === 'object'
      ? [{ fqn: entry.fqn, place: entry.place }]
      : entry.chunks.map(({ place, offsets }, index) => ({
          fqn: entry.fqn,
          place,
          chunk: { index, offsets },
        })),
  );
  const order = new Map(files.map((name, i) => [name, i]));
  const fileOf = (item: WrittenItem): number => order.get(item.place.relativePath)!;
  return items.sort((a, b) => fileOf(a) - fileOf(b) || a.place.byteOffset - b.place.byteOffset);
}

function torchSize(sizes: readonly number[]): PyObject {
  return new PyObject('reduce', new PyGlobal('torch', 'Size'), new PyTuple([new PyTuple([...sizes])]));
}
