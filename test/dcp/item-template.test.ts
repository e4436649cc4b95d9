import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StorageTable } from '../../src/checkpoint/storage.js';
import { ItemTemplate, ItemTemplates } from '../../src/dcp/item-template.js';
import { ItemReader } from '../../src/dcp/item-window.js';
import { parseTensorItem } from '../../src/dcp/items.js';
import { DcpError } from '../../src/errors.js';
import { MemorySource } from '../../src/io/source.js';
import { fixturePath } from '../fixtures.js';
import { equal, is, ok, suite } from '../suite.js';

/** The first item of `column_shards` as torch 2.13 wrote it: `weight`, [6, 3] of float32, 72 bytes of data. */
const ITEM = readFileSync(join(fixturePath('column_shards'), '__0_0.distcp')).subarray(0, 1641);
const DATA = [704, 776] as const;

/**
 * Read off the bytes by hand: the data's CRC in its data descriptor, the serialization id, its CRC in its data
 * descriptor, both CRCs in the central directory.
 */
const FREE = [
  [780, 784],
  [1024, 1064],
  [1068, 1072],
  [1362, 1366],
  [1483, 1487],
] as const;

const isIn = (ranges: readonly (readonly [number, number])[], at: number): boolean =>
  ranges.some(([start, end]) => at >= start && at < end);

function endsOf(bytes: Uint8Array): ItemReader {
  const item = { byteOffset: 0, byteLength: bytes.length };
  return new ItemReader(new MemorySource(bytes), [item]);
}

/** Reads an item in full: what is known of it then, and its pattern if it can be one. */
async function parse(bytes: Uint8Array) {
  const item = { byteOffset: 0, byteLength: bytes.length };
  const reader = endsOf(bytes);
  await reader.load(0);
  const storages = new StorageTable();
  const { tensor, parsed } = await parseTensorItem(reader.loaded(), item, 0, storages);
  const { storage, ...rest } = tensor;
  const template = parsed && ItemTemplate.of(item, reader, parsed);
  return { view: rest, row: storages.at(storage.storage), template };
}

async function loaded(bytes: Uint8Array): Promise<ItemReader> {
  const reader = endsOf(bytes);
  await reader.load(0);
  return reader;
}

const changed = (at: number): Uint8Array =>
  Uint8Array.from(ITEM, (byte, i) => (i === at ? byte ^ 0x55 : byte));

suite('items as patterns of others', ({ test }) => {
  test('any other byte outside the data: no match; the fields that may differ: a match', async () => {
    const { template } = await parse(ITEM);
    for (let at = 0; at < ITEM.length; at++) {
      const isFree = isIn([DATA, ...FREE], at);
      is(template!.matches(await loaded(changed(at))), isFree, `byte ${at}`);
    }
  });

  test('what matches is what reading it in full gives, and has its own CRC', async () => {
    const { template } = await parse(ITEM);
    for (const at of [DATA, ...FREE].flatMap(([start, end]) => [start, end - 1])) {
      const bytes = changed(at);
      const full = await parse(bytes);
      const { tensor, dataByteOffset, bigEndian } = template!.parsed;
      const { storage: _, ...view } = tensor;
      equal(view, full.view);
      equal(
        { byteOffset: dataByteOffset, byteLength: template!.storageByteLength, bigEndian },
        { byteOffset: full.row.byteOffset, byteLength: full.row.byteLength, bigEndian: full.row.bigEndian },
      );
      is(template!.crc32Of(await loaded(bytes)), full.row.crc32);
    }
    is(template!.crc32Of(await loaded(ITEM)), 0x7e9ace85);
  });

  test('no byte that was changed makes another tensor out of the item unseen', async () => {
    const templates = new ItemTemplates();
    const { template, view } = await parse(ITEM);
    ok(template !== undefined);
    const reader = await loaded(ITEM);
    templates.learn({ byteOffset: 0, byteLength: ITEM.length }, reader, template.parsed);
    let refused = 0;
    for (let at = 0; at < ITEM.length; at++) {
      if (templates.find(ITEM.length, await loaded(changed(at))) !== undefined) continue;
      try {
        equal((await parse(changed(at))).view.dtype, view.dtype);
      } catch (error) {
        if (!(error instanceof DcpError)) throw error;
        refused++;
      }
    }
    ok(refused > 500, `${refused} refused`);
  });

  test('an item saved without checksums: every byte outside the data counts', async () => {
    const bytes = Uint8Array.from(ITEM);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 4 <= bytes.length; at++) {
      const signature = view.getUint32(at, true);
      if (signature === 0x02014b50) view.setUint32(at + 16, 0, true);
      if (signature === 0x08074b50) view.setUint32(at + 4, 0, true);
    }
    const { template, row } = await parse(bytes);
    is(row.crc32, undefined);
    is(template!.crc32Of(await loaded(bytes)), undefined);
    for (const [start] of FREE) {
      const other = Uint8Array.from(bytes);
      other[start]! ^= 1;
      is(template!.matches(await loaded(other)), false, `byte ${start}`);
    }
  });

  test('only the data has a CRC: no pattern, since without it there would be none', async () => {
    const bytes = Uint8Array.from(ITEM);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at + 4 <= bytes.length; at++) {
      if (view.getUint32(at, true) === 0x02014b50 && at !== 1346) view.setUint32(at + 16, 0, true);
    }
    // The pickle's own check would fail: its CRC of 0 then counts.
    view.setUint32(1346 + 16, 0, true);
    const { template } = await parse(bytes);
    view.setUint32(1346 + 16, 5, true);
    is(template!.matches(await loaded(bytes)), false);
  });

  test('patterns are bounded in number', async () => {
    const { template } = await parse(ITEM);
    const templates = new ItemTemplates();
    const reader = await loaded(ITEM);
    for (let i = 0; i < 1000; i++)
      templates.learn({ byteOffset: 0, byteLength: ITEM.length }, reader, template!.parsed);
    is(templates.size, 32);
  });
});
