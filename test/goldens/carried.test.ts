/** Tensors that are no strided ones over a storage are carried as objects: byte for byte, storage for storage. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dcpToTorchSave, torchSaveToDcp } from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, ok, suite } from '../suite.js';
import { unzipArchive } from './torch-archive.js';

/** The storages of a file, as hashes, in any order: what two objects share, DCP stores twice. */
function storagesOf(path: string): string[] {
  const { records } = unzipArchive(readFileSync(path));
  const storages = [...records].filter(([name]) => name.startsWith('data/'));
  const hashes = storages.map(([, bytes]) => createHash('sha256').update(bytes).digest('hex'));
  return [...new Set(hashes)].sort();
}

suite('goldens: storages inside objects', ({ each }) => {
  each(
    [
      ...['sparse_in_tuples', 'quantized_in_tuples', 'nested_in_tuples', 'attributes_in_tuples'],
      ...[
        'subclass_in_tuple',
        'dtensor_in_tuple',
        'sharded_tensor_in_tuple',
        'device_tensors',
        'module_in_dict',
      ],
    ],
    name => `${name}: all of them come out of DCP again`,
    async name => {
      const directory = scratch({ inMemory: true });
      await torchSaveToDcp(fixturePath(name), join(directory, 'dcp'));
      await dcpToTorchSave(join(directory, 'dcp'), join(directory, 'back.pth'));
      const storages = storagesOf(fixturePath(name));
      ok(storages.length > 0);
      equal(storagesOf(join(directory, 'back.pth')), storages);
    },
  );
});
