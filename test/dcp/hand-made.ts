/** Indexes made by hand, for what torch never writes. */
import { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { PyGlobal, PyList, PyObject, PyTuple, type PyValue } from '../../src/pickle/values.js';

const METADATA = 'torch.distributed.checkpoint.metadata';
const FILESYSTEM = 'torch.distributed.checkpoint.filesystem';

export const dict = (fields: Record<string, PyValue>): PyDict => PyDict.of(Object.entries(fields));
export const tuple = (...items: PyValue[]): PyTuple => new PyTuple(items);

export function instance(module: string, name: string, state?: PyValue): PyObject {
  const object = new PyObject('newobj', new PyGlobal(module, name), tuple());
  if (state !== undefined) object.state = state;
  return object;
}

export function torchSize(...sizes: PyValue[]): PyObject {
  return new PyObject('reduce', new PyGlobal('torch', 'Size'), tuple(tuple(...sizes)));
}

/** State of TensorProperties: dtype, layout, requires_grad, memory format, pin_memory. */
export function properties(dtype: PyValue = new PyGlobal('torch', 'float32')): PyObject {
  return instance(METADATA, 'TensorProperties', tuple(dtype, null, false, 0, false));
}

export function chunk(offsets: PyValue, sizes: PyValue): PyObject {
  return instance(METADATA, 'ChunkStorageMetadata', dict({ offsets, sizes }));
}

export function tensor(fields: Record<string, PyValue> = {}): PyObject {
  return instance(
    METADATA,
    'TensorStorageMetadata',
    dict({
      properties: properties(),
      size: torchSize(2, 3),
      chunks: new PyList([chunk(torchSize(0, 0), torchSize(2, 3))]),
      ...fields,
    }),
  );
}

export const object = (): PyObject => instance(METADATA, 'BytesStorageMetadata');

export function metadataIndex(fields: Record<string, PyValue> = {}): PyObject {
  return instance(
    METADATA,
    'MetadataIndex',
    dict({ fqn: 'w', index: 0, offset: torchSize(0, 0), ...fields }),
  );
}

export function storageInfo(fields: Record<string, PyValue> = {}): PyObject {
  return instance(
    FILESYSTEM,
    '_StorageInfo',
    dict({ relative_path: '__0_0.distcp', offset: 0, length: 1577, ...fields }),
  );
}

/** The pickle of an index with one tensor `w` of shape [2, 3], some of its fields replaced. */
export function encodeIndex(fields: Record<string, PyValue> = {}): Uint8Array {
  return encodePickle(
    instance(
      METADATA,
      'Metadata',
      dict({
        state_dict_metadata: dict({ w: tensor() }),
        planner_data: dict({ w: tuple('w') }),
        storage_data: PyDict.of([[metadataIndex(), storageInfo()]]),
        ...fields,
      }),
    ),
  );
}
