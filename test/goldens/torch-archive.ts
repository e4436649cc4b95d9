/** torch.save archives read with fflate: not with the zip code under test, nor with what it says of storages. */
import { unzipSync } from 'fflate';
import { decodePickle } from '../../src/pickle/decode.js';
import { type PyGlobal, PyPersistentId, PyStr, type PyTuple, type PyValue } from '../../src/pickle/values.js';
import { type Described, goldenOf, type StorageBytes } from './golden-of.js';

export interface UnzippedArchive {
  /** The one top-level directory. */
  root: string;
  /** Below the root, in the order of the central directory. */
  records: Map<string, Uint8Array>;
  /** What `data.pkl` holds, persistent ids as they are. */
  value: PyValue;
}

export function unzipArchive(bytes: Uint8Array): UnzippedArchive {
  const entries = Object.entries(unzipSync(bytes));
  const roots = new Set(entries.map(([name]) => name.slice(0, name.indexOf('/'))));
  const [root] = roots;
  if (root === undefined || roots.size > 1) throw new Error(`top-level directories: ${[...roots].join()}`);
  const records = new Map(entries.map(([name, record]) => [name.slice(root.length + 1), record]));
  return { root, records, value: decodePickle(records.get('data.pkl')!).value };
}

export function goldenOfArchive({ records, value }: UnzippedArchive): Described {
  const bigEndian = text(records.get('byteorder')) === 'big';
  return goldenOf(value, {
    storage: id => (id instanceof PyPersistentId ? storageOf(id, records, bigEndian) : undefined),
  });
}

/** Names of the records of an archive with so many storages, as torch 2.7 and newer write them. */
export function recordNames(storageCount: number): string[] {
  const storages = Array.from({ length: storageCount }, (_, key) => `data/${key}`);
  return [
    'data.pkl',
    '.format_version',
    '.storage_alignment',
    'byteorder',
    ...storages,
    'version',
    '.data/serialization_id',
  ];
}

export const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1');

function storageOf(
  id: PyPersistentId,
  records: UnzippedArchive['records'],
  bigEndian: boolean,
): StorageBytes {
  const [, storageClass, key] = (id.id as PyTuple).items;
  const name = key instanceof PyStr ? key.text : (key as string);
  const bytes = records.get(`data/${name}`);
  if (bytes === undefined) throw new Error(`no record data/${name}`);
  return { identity: name, className: (storageClass as PyGlobal).name, bytes, bigEndian };
}
