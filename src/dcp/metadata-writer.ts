import type { EntryPath } from '../checkpoint/checkpoint.js';
import type { DTypeInfo } from '../dtype.js';
import { PyDict } from '../pickle/dict.js';
import { encodePickle } from '../pickle/encode.js';
import { PyGlobal, PyList, PyObject, PyStr, PyTuple, type PyValue } from '../pickle/values.js';

/** One row of an index that is to be written: a whole tensor, or an object, as one item of one file. */
export interface WrittenItem {
  fqn: string;
  path: EntryPath;
  relativePath: string;
  byteOffset: number;
  byteLength: number;
  tensor?: { dtype: DTypeInfo; shape: readonly number[]; requiresGrad: boolean };
}

const METADATA = 'torch.distributed.checkpoint.metadata';
const FILESYSTEM = 'torch.distributed.checkpoint.filesystem';
/** What torch 2.9 and newer write in `Metadata.version`. */
const METADATA_VERSION = '1.0.0';

/**
 * Encodes `.metadata` as torch ≥ 2.9 does for a save by one process, in pickle protocol 2. `checkpoint_id` is
 * None: the path would make equal checkpoints differ.
 *
 * @param planned the items in the order of the state dict
 * @param written the same items in the order of the files
 */
export function encodeMetadata(
  planned: readonly WrittenItem[],
  written: readonly WrittenItem[],
  saveId: string,
): Uint8Array {
  const fqns = new Map(planned.map(item => [item.fqn, new PyStr(item.fqn)]));
  const fqnOf = (item: WrittenItem): PyStr => fqns.get(item.fqn)!;
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

  const tensorMetadata = (tensor: NonNullable<WrittenItem['tensor']>): PyObject => {
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
    const chunk = instance(METADATA, 'ChunkStorageMetadata', [
      ['offsets', torchSize(tensor.shape.map(() => 0))],
      ['sizes', torchSize(tensor.shape)],
    ]);
    return instance(METADATA, 'TensorStorageMetadata', [
      ['properties', properties],
      ['size', torchSize(tensor.shape)],
      ['chunks', new PyList([chunk])],
    ]);
  };

  const stateDictMetadata = planned.map((item): [PyValue, PyValue] => [
    fqnOf(item),
    item.tensor === undefined
      ? new PyObject('newobj', new PyGlobal(METADATA, 'BytesStorageMetadata'), new PyTuple([]))
      : tensorMetadata(item.tensor),
  ]);
  const plannerData = planned.map((item): [PyValue, PyValue] => [
    fqnOf(item),
    new PyTuple(item.path.map(step => (typeof step === 'number' ? step : shared(step)))),
  ]);
  const storageData = written.map((item): [PyValue, PyValue] => [
    instance(METADATA, 'MetadataIndex', [
      ['fqn', fqnOf(item)],
      ['index', item.tensor === undefined ? null : 0],
      ...(item.tensor === undefined
        ? []
        : [['offset', torchSize(item.tensor.shape.map(() => 0))] as [string, PyValue]]),
    ]),
    instance(FILESYSTEM, '_StorageInfo', [
      ['relative_path', shared(item.relativePath)],
      ['offset', item.byteOffset],
      ['length', item.byteLength],
    ]),
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

function torchSize(sizes: readonly number[]): PyObject {
  return new PyObject('reduce', new PyGlobal('torch', 'Size'), new PyTuple([new PyTuple([...sizes])]));
}
