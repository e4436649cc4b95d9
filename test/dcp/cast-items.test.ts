import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDcp } from '../../src/dcp/reader.js';
import { dcpToTorchSave } from '../../src/index.js';
import { parseTemporaryName } from '../../src/io/temporary-name.js';
import { PyGlobal } from '../../src/pickle/values.js';
import { golden } from '../fixtures.js';
import { goldenOfArchive, unzipArchive } from '../goldens/torch-archive.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, rejects, suite } from '../suite.js';
import { alteredFixture } from './altered.js';
import { properties } from './hand-made.js';

const target = (): string => join(scratch({ inMemory: true }), 'out.pth');
const claiming = (fqn: string, dtype: string): string =>
  alteredFixture('uneven_shards', index =>
    index.tensor(fqn).set('properties', properties(new PyGlobal('torch', dtype))),
  );
const ownSpools = (): string[] =>
  readdirSync(tmpdir()).filter(name => {
    const parsed = parseTemporaryName(name);
    return parsed?.stem === 'spool' && parsed.owner.pid === process.pid;
  });

suite('items of another element type than the index says', ({ test }) => {
  test('each chunk is converted, the tensor has the type of the index, and it is said', async () => {
    const output = target();
    const { warnings } = await dcpToTorchSave(claiming('five_rows', 'float64'), output);
    equal(
      warnings.map(({ kind }) => kind),
      ['other_type'],
    );
    match(warnings[0]!.message, /^1 tensors .*five_rows: float32 to float64$/);
    const rows = goldenOfArchive(unzipArchive(readFileSync(output))).tensors;
    const found = rows.find(({ path }) => path.join('.') === 'five_rows')!;
    is(found.dtype, 'float64');
    // The other tensors are what they were.
    for (const { path, sha256 } of golden('uneven_shards').tensors) {
      if (path.join('.') === 'five_rows') continue;
      is(rows.find(row => row.path.join('.') === path.join('.'))?.sha256, sha256, path.join('.'));
    }
    equal(ownSpools(), []);
  });

  test('the elements are those of the item, in the other type', async () => {
    const [path, plain] = [claiming('five_rows', 'float64'), claiming('five_rows', 'float32')];
    const valuesOf = async (directory: string): Promise<number[]> => {
      const checkpoint = await openDcp(directory);
      const entry = checkpoint.entries.find(({ fqn }) => fqn === 'five_rows')!;
      ok(entry.kind === 'tensor');
      await checkpoint.resolve([entry]);
      const values: number[] = [];
      for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
        if (checkpoint.chunks.isEmpty(chunk)) continue;
        const { file, byteOffset, byteLength } = checkpoint.storages.at(checkpoint.chunks.storage[chunk]!);
        const bytes = readFileSync(checkpoint.files[file]!.path).subarray(
          byteOffset,
          byteOffset + byteLength,
        );
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        const { itemSize } = entry.dtype;
        for (let at = 0; at < byteLength; at += itemSize) {
          values.push(itemSize === 8 ? view.getFloat64(at, true) : view.getFloat32(at, true));
        }
      }
      checkpoint.close();
      return values;
    };
    const values = await valuesOf(path);
    is(values.length, 15);
    equal(values, await valuesOf(plain));
  });

  test('a type that torch does not convert to is refused', async () => {
    await rejects(() => dcpToTorchSave(claiming('plain', 'bits8'), target()), {
      code: 'unsupported',
      message: /another element type.*expected bits8, found float32.*\[at plain/,
    });
  });
});
