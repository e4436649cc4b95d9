/**
 * Files that no torch would write: torch.save archives of any value, and indexes of real checkpoints changed in
 * one place. Made with the encoder and the zip writer of this project, whose output other tests compare with torch.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodePickle } from '../../src/pickle/decode.js';
import { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import {
  PyGlobal,
  type PyList,
  PyObject,
  PyPersistentId,
  PyTuple,
  type PyValue,
  textOf,
} from '../../src/pickle/values.js';
import { encodeArchive } from '../../src/zip/writer.js';

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');

export interface CraftedTensor {
  /** Key of the storage in the archive. */
  key?: string;
  /** Elements that the persistent id claims. */
  storageElements?: PyValue;
  storageOffset?: PyValue;
  size: readonly PyValue[];
  stride?: readonly PyValue[];
}

/** A float32 tensor as torch pickles it, whatever its numbers are. */
export function craftTensor({
  key = '0',
  storageElements = 4,
  storageOffset = 0,
  size,
  stride = size.map(() => 1),
}: CraftedTensor): PyObject {
  const storage = new PyPersistentId(
    new PyTuple(['storage', new PyGlobal('torch', 'FloatStorage'), key, 'cpu', storageElements]),
  );
  return new PyObject(
    'reduce',
    new PyGlobal('torch._utils', '_rebuild_tensor_v2'),
    new PyTuple([
      storage,
      storageOffset,
      new PyTuple(size),
      new PyTuple(stride),
      false,
      new PyObject('reduce', new PyGlobal('collections', 'OrderedDict'), new PyTuple([])),
    ]),
  );
}

/** A torch.save archive of a pickle and of storages `data/0`, `data/1`, … */
export function craftArchive(pickle: Uint8Array, storages: readonly Uint8Array[] = []): Uint8Array {
  return encodeArchive(
    [
      { name: 'data.pkl', bytes: pickle },
      { name: 'byteorder', bytes: latin1('little') },
      ...storages.map((bytes, key) => ({ name: `data/${key}`, bytes })),
      { name: 'version', bytes: latin1('3\n') },
    ],
    { root: 'crafted', alignment: 64 },
  );
}

export function writeTorchFile(path: string, value: PyValue, storages: readonly Uint8Array[] = []): string {
  writeFileSync(path, craftArchive(encodePickle(value), storages));
  return path;
}

/** A dict with text keys. */
export function dictOf(fields: Record<string, PyValue>): PyDict {
  return PyDict.of(Object.entries(fields));
}

export function torchSize(sizes: readonly PyValue[]): PyObject {
  return new PyObject('reduce', new PyGlobal('torch', 'Size'), new PyTuple([new PyTuple(sizes)]));
}

/** Changes the `.metadata` of a checkpoint. */
export function editIndex(directory: string, edit: (index: IndexEditor) => void): void {
  const path = join(directory, '.metadata');
  const { value } = decodePickle(readFileSync(path), { keepStringIdentity: 'loaded' });
  edit(new IndexEditor(value as PyObject));
  writeFileSync(path, encodePickle(value));
}

export class IndexEditor {
  constructor(readonly metadata: PyObject) {}

  get plannerData(): PyDict {
    return fieldOf(this.metadata, 'planner_data') as PyDict;
  }

  get stateDictMetadata(): PyDict {
    return fieldOf(this.metadata, 'state_dict_metadata') as PyDict;
  }

  get storageData(): PyDict {
    return fieldOf(this.metadata, 'storage_data') as PyDict;
  }

  tensor(fqn: string): PyObject {
    return this.stateDictMetadata.getText(fqn) as PyObject;
  }

  chunks(fqn: string): PyList {
    return fieldOf(this.tensor(fqn), 'chunks') as PyList;
  }

  /** Storage infos of a name, in the order of the index. */
  storageInfos(fqn: string): PyObject[] {
    return [...this.storageData.entries()]
      .filter(([key]) => textOf(fieldOf(key as PyObject, 'fqn')) === fqn)
      .map(([, info]) => info as PyObject);
  }
}

export function fieldOf(object: PyObject, name: string): PyValue | undefined {
  return (object.state as PyDict).getText(name);
}

export function setField(object: PyObject, name: string, value: PyValue): void {
  (object.state as PyDict).set(name, value);
}

/** The numbers of a `torch.Size`. */
export function sizesOf(object: PyObject, name: string): number[] {
  const size = fieldOf(object, name) as PyObject;
  return [...((size.args.items[0] as PyTuple).items as number[])];
}
