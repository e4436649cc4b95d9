/** Files in the container from before torch 1.6, made by hand. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodePickle } from '../../src/pickle/encode.js';
import { PyGlobal, PyList, PyPersistentId, type PyValue } from '../../src/pickle/values.js';
import { scratch } from '../io/scratch.js';
import { call, countingBytes, dict, tuple } from './hand-made.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;

export interface LegacyParts {
  version: PyValue;
  system: PyValue;
  keys: PyValue;
  /** What follows the pickles. */
  payload: Uint8Array;
}

/** An element count and as many bytes as four float32 have. */
export function storage(count: bigint, bytes: Uint8Array = countingBytes()): Uint8Array {
  const head = Buffer.alloc(8);
  head.writeBigInt64LE(count);
  return Buffer.concat([head, bytes]);
}

export function legacyFileBytes(value: PyValue, parts: Partial<LegacyParts> = {}): Uint8Array {
  const { version = 1001, keys = new PyList(['0']), payload = storage(4n) } = parts;
  const system = parts.system ?? dict({ protocol_version: 1001, little_endian: true });
  return Buffer.concat([...[MAGIC, version, system, value, keys].map(part => encodePickle(part)), payload]);
}

/** A file without storages, with this pickle as its fourth. */
export function legacyFileAround(object: Uint8Array): Uint8Array {
  const [before, after] = [[MAGIC, 1001, dict({})], [new PyList([])]].map(parts =>
    Buffer.concat(parts.map(part => encodePickle(part))),
  );
  return Buffer.concat([before!, object, after!]);
}

export function legacyFile(value: PyValue, parts?: Partial<LegacyParts>): string {
  return writeTorchFile(legacyFileBytes(value, parts));
}

export function writeTorchFile(bytes: Uint8Array, name = 'file.pth'): string {
  const path = join(scratch({ inMemory: true }), name);
  writeFileSync(path, bytes);
  return path;
}

/** `_rebuild_tensor_v2` of a whole storage of float32, that the persistent id may call a part of another. */
export function legacyTensor(elementCount = 4, view: PyValue = null, key = '0', all = 4): PyValue {
  const id = tuple('storage', new PyGlobal('torch', 'FloatStorage'), key, 'cpu', all, view);
  return call(
    'torch._utils._rebuild_tensor_v2',
    new PyPersistentId(id),
    0,
    tuple(elementCount),
    tuple(1),
    false,
    call('collections.OrderedDict'),
  );
}
