import { ChunkTable, UNRESOLVED, VIEW_NEGATIVE } from '../../src/checkpoint/chunks.js';
import { type StorageRow, StorageTable } from '../../src/checkpoint/storage.js';
import { equal, is, suite } from '../suite.js';

suite('tables in columns', ({ test }) => {
  test('storages come out as they went in, however many', () => {
    const table = new StorageTable();
    const rows: StorageRow[] = Array.from({ length: 500 }, (_, i) => ({
      file: i % 7,
      byteOffset: i * 2 ** 33,
      byteLength: i,
      // A CRC of 0 is one; none is another thing.
      crc32: i % 3 === 0 ? undefined : i % 3 === 1 ? 0 : 0xffffffff,
      bigEndian: i % 2 === 0,
    }));
    equal(
      rows.map(row => table.add(row)),
      rows.map((_, i) => i),
    );
    is(table.count, 500);
    equal(
      rows.map((_, i) => table.at(i)),
      rows,
    );
  });

  test('a storage is placed later', () => {
    const table = new StorageTable();
    const index = table.add({ file: 0, byteOffset: 0, byteLength: 8, crc32: 5 });
    table.place(index, 3, 2 ** 40);
    equal(table.at(index), { file: 3, byteOffset: 2 ** 40, byteLength: 8, crc32: 5, bigEndian: false });
  });

  test('a row that is not there', () => {
    let message = '';
    try {
      new StorageTable().at(0);
    } catch (error) {
      message = (error as Error).message;
    }
    is(message, 'storage 0 of 0');
  });

  test('chunks of different numbers of dimensions', () => {
    const chunks = new ChunkTable(3, 3);
    const boxes = [
      { offsets: [2 ** 40, 1], sizes: [3, 4] },
      { offsets: [], sizes: [] },
      { offsets: [7], sizes: [8] },
    ];
    for (const [chunk, base] of [0, 2, 2].entries()) chunks.setBox(chunk, base, boxes[chunk]!);
    equal(
      boxes.map((_, chunk) => chunks.boxOf(chunk)),
      boxes,
    );
    equal([...chunks.storage], [UNRESOLVED, UNRESOLVED, UNRESOLVED]);
    chunks.setView(2, { storage: 9, storageOffset: 2 ** 41, stride: [5], flags: VIEW_NEGATIVE });
    equal(
      [chunks.storage[2], chunks.storageOffset[2], chunks.strideOf(2), chunks.viewFlags[2]],
      [9, 2 ** 41, [5], VIEW_NEGATIVE],
    );
    equal(chunks.strideOf(0), [0, 0]);
  });
});
