import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { ChunkTable, UNRESOLVED } from '../../src/checkpoint/chunks.js';
import { StorageTable } from '../../src/checkpoint/storage.js';
import type { OtherType } from '../../src/dcp/cast-items.js';
import { openDcp } from '../../src/dcp/reader.js';
import { ChunkResolver } from '../../src/dcp/resolve.js';
import { dtypeOf } from '../../src/dtype.js';
import { fixtureCases, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

/** No item here has another type than its tensor. */
const unexpected = async (): Promise<void> => {
  throw new Error('an item of another element type');
};

/** The first item of `column_shards`: [6, 3] of float32. Its CRC in the central directory is at byte 1362. */
const ITEM = readFileSync(join(fixturePath('column_shards'), '__0_0.distcp')).subarray(0, 1641);
const CRC_AT = 1362;

/** Tensors of one chunk each, which lie one after the other in a file; `places` says where the item of each is. */
function tensors(items: readonly Uint8Array[], places = items.map((_, i) => i)) {
  const path = join(scratch({ inMemory: true }), '__0_0.distcp');
  writeFileSync(path, '');
  for (const item of items) appendFileSync(path, item);
  const chunks = new ChunkTable(places.length, 2 * places.length);
  const storages = new StorageTable();
  const entries = places.map((place, i) => {
    const entry = new TensorEntry(`w${i}`, [`w${i}`], dtypeOf('float32'), [6, 3]);
    entry.firstChunk = i;
    entry.chunkCount = 1;
    chunks.setBox(i, 2 * i, { offsets: [0, 0], sizes: [6, 3] });
    chunks.itemByteOffset[i] = place * ITEM.length;
    chunks.itemByteLength[i] = ITEM.length;
    return entry;
  });
  return {
    path,
    entries,
    chunks,
    storages,
    resolver: new ChunkResolver(() => path, chunks, storages, unexpected),
  };
}

function withCrc(crc32: number): Uint8Array {
  const item = Buffer.from(ITEM);
  item.writeUInt32LE(crc32, CRC_AT);
  return item;
}

suite('resolving chunks', ({ test, each }) => {
  test('of items alike only the first is read in full; each keeps its own CRC', async () => {
    const crcs = Array.from({ length: 500 }, (_, i) => i * 7);
    const { entries, chunks, storages, resolver } = tensors(crcs.map(withCrc));
    await resolver.resolve(entries);
    is(resolver.templates.parsedCount, 1);
    equal(
      Array.from(chunks.storage, row => storages.at(row).crc32),
      crcs,
    );
    equal(
      Array.from(chunks.storage, row => storages.at(row).byteOffset),
      crcs.map((_, i) => i * ITEM.length + 704),
    );
  });

  test('an item of several chunks is read once, and they share its storage', async () => {
    const { entries, chunks, storages, resolver } = tensors([withCrc(1), withCrc(2)], [1, 0, 1, 1, 0]);
    await resolver.resolve(entries);
    is(storages.count, 2);
    equal(
      Array.from(chunks.storage, row => storages.at(row).crc32),
      [2, 1, 2, 2, 1],
    );
    equal(chunks.strideOf(3), [3, 1]);
  });

  test('what is resolved is not read again', async () => {
    const { path, entries, storages, resolver } = tensors([withCrc(1), withCrc(2)]);
    await resolver.resolve(entries.slice(0, 1));
    await resolver.resolve(entries);
    is(storages.count, 2);
    writeFileSync(path, '');
    await resolver.resolve(entries);
    is(storages.count, 2);
  });

  test('what could not be converted is not taken for resolved', async () => {
    const { entries, path, chunks, storages } = tensors([ITEM, ITEM]);
    const resolver = new ChunkResolver(() => path, chunks, storages, unexpected);
    const other = Object.assign(new TensorEntry('x', ['x'], dtypeOf('int32'), [6, 3]), {
      firstChunk: 1,
      chunkCount: 1,
    });
    for (let i = 0; i < 2; i++) {
      let failed = false;
      await resolver.resolve([entries[0]!, other]).catch(() => (failed = true));
      ok(failed);
      is(chunks.storage[1], UNRESOLVED);
    }
    await resolver.resolve([entries[0]!]);
  });

  test('a damaged item among good ones is refused, with its own name and place', async () => {
    const damaged = Buffer.from(ITEM);
    damaged[100]! ^= 1; // in the pickle
    const error = await rejects(
      async () => {
        const { entries, resolver } = tensors([ITEM, ITEM, damaged, ITEM]);
        await resolver.resolve(entries);
      },
      { code: 'corrupt', message: /do not match their CRC-32/ },
    );
    equal([error.context.fqn, error.context.byteOffset], ['w2', 2 * ITEM.length]);
  });

  test('an item like others whose chunk has another shape in the index', async () => {
    const { entries, chunks, resolver } = tensors([ITEM, ITEM]);
    chunks.sizes[3] = 2;
    await rejects(() => resolver.resolve(entries), {
      code: 'format',
      message: /another shape than the index says.*\[6, 2\].*\[6, 3\].*\[at w1/,
    });
  });

  test('an item like others whose tensor has another type in the index', async () => {
    const { entries, path, chunks, storages } = tensors([ITEM, ITEM]);
    const handedOn: OtherType[] = [];
    const resolver = new ChunkResolver(
      () => path,
      chunks,
      storages,
      async found => void handedOn.push(found),
    );
    const other = Object.assign(new TensorEntry('x', ['x'], dtypeOf('int32'), [6, 3]), {
      firstChunk: 1,
      chunkCount: 1,
    });
    await resolver.resolve([entries[0]!, other]);
    equal(
      handedOn.map(({ entry, chunk, dtype }) => [entry.fqn, chunk, dtype.name]),
      [['x', 1, 'float32']],
    );
  });

  each(
    fixtureCases.filter(({ kind, torch }) => kind === 'dcp' && torch === '2.13.0'),
    ({ name }) => `${name}: all at once is the same as each chunk by itself`,
    async ({ name, torch }) => {
      const { entries, chunks, storages, files } = await openDcp(fixturePath(name, torch));
      const newResolver = () => new ChunkResolver(file => files[file]!.path, chunks, storages, unexpected);
      const views = (): unknown[] =>
        Array.from(chunks.storage, (row, chunk) => [
          row === UNRESOLVED ? undefined : storages.at(row),
          chunks.storageOffset[chunk],
          chunks.strideOf(chunk),
          chunks.viewFlags[chunk],
        ]);
      const resolved: TensorEntry[] = [];
      for (const entry of entries) {
        if (entry.kind !== 'tensor') continue;
        const outcome = newResolver().resolve([entry]);
        await outcome.then(() => resolved.push(entry)).catch(() => {});
      }
      const singly = views();
      for (const { firstChunk, chunkCount } of resolved) {
        chunks.storage.fill(UNRESOLVED, firstChunk, firstChunk + chunkCount);
      }
      await newResolver().resolve(resolved);
      equal(views(), singly);
    },
  );
});
