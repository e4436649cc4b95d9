import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StorageTable } from '../../src/checkpoint/storage.js';
import { ItemReader } from '../../src/dcp/item-window.js';
import { parseTensorItem, readItemPickle } from '../../src/dcp/items.js';
import { decodeMetadata } from '../../src/dcp/metadata.js';
import { MemorySource, readRange } from '../../src/io/source.js';
import { fixturePath } from '../fixtures.js';
import { Random } from '../random.js';
import { equal, is, ok, rejects, suite } from '../suite.js';
import { CountingSource } from '../zip/fixture.js';

/** Items of random bytes, one after the other. */
function randomFile(lengths: readonly number[], random: Random) {
  let byteOffset = 0;
  const items = lengths.map(byteLength => {
    const item = { byteOffset, byteLength };
    byteOffset += byteLength;
    return item;
  });
  return { items, bytes: random.bytes(byteOffset) };
}

/** The stored items of a fixture with one file, by FQN. */
function itemOf(fixture: string, fqn: string) {
  const path = fixturePath(fixture);
  const { storageData } = decodeMetadata(readFileSync(join(path, '.metadata')));
  const { offset, length } = [...storageData].find(([key]) => key.fqn === fqn)![1];
  const bytes = readFileSync(join(path, '__0_0.distcp'));
  return {
    item: { byteOffset: offset, byteLength: length },
    bytes,
    own: bytes.subarray(offset, offset + length),
  };
}

suite('reading items', ({ test, each }) => {
  each(
    [
      [300_000, 200_000, 400_000, 100_000],
      [1577, 1577, 1261, 1641, 900],
      [20, 30, 1, 0, 40],
      [1577, 500_000, 10, 2560, 300_000, 2561],
    ],
    lengths => `items of ${lengths.join(', ')} bytes read as they are, from any place`,
    async lengths => {
      const random = new Random(lengths.length);
      const { items, bytes } = randomFile(lengths, random);
      const reader = new ItemReader(new MemorySource(bytes), items);
      for (const [index, { byteOffset, byteLength }] of items.entries()) {
        const item = await reader.open(index);
        is(item.byteLength, byteLength);
        for (let round = 0; round < 50; round++) {
          const start = random.int(0, byteLength);
          const length = random.int(0, byteLength - start);
          const at = byteOffset + start;
          ok(Buffer.compare(await readRange(item, start, length), bytes.subarray(at, at + length)) === 0);
        }
      }
    },
  );

  test('one read takes the end of an item and the start of the next; what lies between is not read', async () => {
    const { items, bytes } = randomFile([300_000, 300_000, 300_000, 300_000], new Random(1));
    const source = new CountingSource(bytes);
    const reader = new ItemReader(source, items);
    for (let index = 0; index < items.length; index++) await reader.open(index);
    is(source.readCount, items.length + 1);
    ok(source.readByteLength < 3000 * items.length, `${source.readByteLength} bytes`);
  });

  test('many small items come with one read', async () => {
    const { items, bytes } = randomFile(
      Array.from({ length: 400 }, () => 1641),
      new Random(1),
    );
    const source = new CountingSource(bytes);
    const reader = new ItemReader(source, items);
    for (let index = 0; index < items.length; index++) await reader.open(index);
    ok(source.readCount <= 4, `${source.readCount} reads`);
    ok(source.readByteLength < bytes.length + 4 * 1641, `${source.readByteLength} bytes`);
  });

  test('the records of a small item are not read one by one', async () => {
    const { item, own } = itemOf('small_transformer_dcp', 'norm.weight');
    const source = new CountingSource(own);
    const reader = new ItemReader(source, [{ byteOffset: 0, byteLength: own.length }]);
    await parseTensorItem(await reader.open(0), item, 0, new StorageTable());
    is(source.readCount, 1);
  });

  test('a read beyond the item is refused, though the file goes on', async () => {
    const { items, bytes } = randomFile([100, 100], new Random(1));
    const item = await new ItemReader(new MemorySource(bytes), items).open(0);
    await rejects(() => readRange(item, 90, 11), {
      code: 'format',
      message: /item ends too early.*101 bytes.*100 bytes/,
    });
  });

  test('a file that was cut off', async () => {
    const { items, bytes } = randomFile([100, 100], new Random(1));
    const reader = new ItemReader(new MemorySource(bytes.subarray(0, 199)), items);
    await reader.open(0);
    await rejects(() => reader.open(1), {
      code: 'corrupt',
      message: /shorter than the index says.*200 bytes.*199 bytes/,
    });
  });
});

suite('what items hold', ({ test, each }) => {
  test('a storage is placed in the file, not in the item', async () => {
    const { item, bytes, own } = itemOf('small_transformer_dcp', 'norm.weight');
    const storages = new StorageTable();
    const {
      tensor: { storage, dtype, size },
    } = await parseTensorItem(new MemorySource(own), item, 3, storages);
    equal([dtype.name, size], ['float32', [16]]);
    const { file, byteOffset, byteLength, crc32 } = storages.at(storage.storage);
    is(file, 3);
    ok(byteOffset > item.byteOffset && byteOffset + byteLength < item.byteOffset + item.byteLength);
    // Aligned within the item, whatever the item's own place is.
    is((byteOffset - item.byteOffset) % 64, 0);
    is(byteLength, 64);
    ok(crc32 !== undefined);
    // It is the storage: in front of it the header ends with the padding that torch writes.
    is(bytes[byteOffset - 1], 'Z'.charCodeAt(0));
  });

  test('the globals of an object are told', async () => {
    const { item, own } = itemOf('calls_os_system_dcp', 'payload');
    const { globals } = await readItemPickle(new MemorySource(own), item, 0, new StorageTable());
    equal([...globals], ['posix.system']);
  });

  each(
    [
      ['calls_os_system_dcp', 'payload', 'format', /item of a tensor holds something else/],
      ['scalars_dcp', 'ints', 'format', /item of a tensor holds something else/],
      ['quantized_leaf_dcp', 'quantized', 'unsupported', /holds a quantized tensor/],
    ] as const,
    ([fixture, fqn]) => `no tensor: ${fqn} of ${fixture}`,
    async ([fixture, fqn, code, message]) => {
      const { item, own } = itemOf(fixture, fqn);
      await rejects(() => parseTensorItem(new MemorySource(own), item, 0, new StorageTable()), {
        code,
        message,
      });
    },
  );

  each(
    [
      ['nothing', 0, 0],
      ['all but its last byte', 0, -1],
      ['all but its first byte', 1, undefined],
      ['its second half', 800, undefined],
    ] as const,
    ([name]) => `an item of which only ${name} is there`,
    async ([, start, end]) => {
      const { item, own } = itemOf('small_transformer_dcp', 'norm.weight');
      const rest = new MemorySource(own.subarray(start, end));
      await rejects(() => parseTensorItem(rest, item, 0, new StorageTable()), { code: 'format' });
    },
  );
});
