/** torch.save files made by hand, for what no fixture holds. Zipped by fflate. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { PyGlobal, PyObject, PyPersistentId, PyTuple, type PyValue } from '../../src/pickle/values.js';
import { scratch } from '../io/scratch.js';

export const tuple = (...items: PyValue[]): PyTuple => new PyTuple(items);
export const dict = (fields: Record<string, PyValue>): PyDict => PyDict.of(Object.entries(fields));
export const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

export function call(path: string, ...args: PyValue[]): PyObject {
  const dot = path.lastIndexOf('.');
  return new PyObject('reduce', new PyGlobal(path.slice(0, dot), path.slice(dot + 1)), tuple(...args));
}

export interface StorageFields {
  key?: PyValue;
  className?: string;
  module?: string;
  location?: PyValue;
  elementCount?: PyValue;
}

/** A persistent id, by default of four float32 with key 0. */
export function storageId({
  key = '0',
  className = 'FloatStorage',
  module = 'torch',
  location = 'cpu',
  elementCount = 4,
}: StorageFields = {}): PyPersistentId {
  return new PyPersistentId(tuple('storage', new PyGlobal(module, className), key, location, elementCount));
}

export interface ViewFields extends StorageFields {
  storageOffset?: PyValue;
  size?: PyValue;
  stride?: PyValue;
  requiresGrad?: boolean;
  /** Arguments behind the hooks: a dtype for v3, metadata. */
  more?: PyValue[];
}

/** `_rebuild_tensor_v2` of a contiguous float32 tensor of shape [4], some of its arguments replaced. */
export function tensor(fields: ViewFields = {}, version = 2): PyObject {
  const { storageOffset = 0, size = tuple(4), stride = tuple(1), requiresGrad = false, more = [] } = fields;
  const hooks = call('collections.OrderedDict');
  return call(
    `torch._utils._rebuild_tensor_v${version}`,
    storageId(fields),
    storageOffset,
    size,
    stride,
    requiresGrad,
    hooks,
    ...more,
  );
}

/** Bytes 0, 1, 2, …: sixteen of them are four float32. */
export const countingBytes = (byteLength = 16): Uint8Array =>
  Uint8Array.from({ length: byteLength }, (_, i) => i);

/** The records of a file, in order; undefined leaves one of the usual ones out. */
export type Records = Record<string, Uint8Array | undefined>;

export function torchFileBytes(value: PyValue, records: Records = {}, root = 'archive'): Uint8Array {
  const all: Records = {
    'data.pkl': encodePickle(value),
    'data/0': countingBytes(),
    version: ascii('3\n'),
    ...records,
  };
  const present = Object.entries(all).filter(
    (entry): entry is [string, Uint8Array] => entry[1] !== undefined,
  );
  return zipSync(Object.fromEntries(present.map(([name, bytes]) => [`${root}/${name}`, bytes])), {
    level: 0,
  });
}

/** Writes such a file; returns its path. */
export function torchFile(value: PyValue, records?: Records, root?: string): string {
  const path = join(scratch({ inMemory: true }), 'file.pth');
  writeFileSync(path, torchFileBytes(value, records, root));
  return path;
}
