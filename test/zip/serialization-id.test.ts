import { crc32 } from '../../src/copy/crc32.js';
import { MemorySource } from '../../src/io/source.js';
import { readArchive, readRecord } from '../../src/zip/reader.js';
import { serializationIdOfCrcs, serializationIdOfNames } from '../../src/zip/serialization-id.js';
import { is, suite, throws } from '../suite.js';
import { fixture, jsonFixture, torchArchives } from './fixture.js';

const ID = '.data/serialization_id';
const byteCrc = (value: number): number => crc32(Uint8Array.of(value));
const textCrc = (text: string): number => crc32(new TextEncoder().encode(text));

interface Large {
  storage_count: number;
  data_pkl: { byte_length: number; crc32: number };
  serialization_id: string;
}

suite('serialization id', ({ test, each }) => {
  each(
    jsonFixture('torch-2.13.0/large.json') as Large[],
    ({ storage_count }) => `of a file of ${storage_count} storages`,
    ({ storage_count: count, data_pkl, serialization_id }) => {
      const keys = Array.from({ length: count }, (_, i) => `data/${i}`);
      const names = ['data.pkl', '.format_version', '.storage_alignment', 'byteorder', ...keys, 'version'];
      const crcs = [
        data_pkl.crc32,
        ...['1', '64', 'little'].map(textCrc),
        ...keys.map((_, i) => byteCrc(i % 256)),
        textCrc('3\n'),
      ];
      is(serializationIdOfNames(names) + serializationIdOfCrcs(crcs), serialization_id);
    },
  );

  each(
    torchArchives.filter(name => !/torch-1\./.test(name)),
    name => name,
    async name => {
      const source = new MemorySource(fixture(name));
      const archive = await readArchive(source);
      const hashed = archive.records.filter(record => record.name !== ID);
      const crcs = hashed.filter(record => record.byteLength > 0).map(record => record.crc32 ?? 0);
      const id = await readRecord(source, archive.find(ID)!, { maxByteLength: 40 });
      is(
        serializationIdOfNames(hashed.map(record => record.name)) + serializationIdOfCrcs(crcs),
        new TextDecoder().decode(id),
      );
    },
  );

  test('of no CRC is 20 zeros', () => is(serializationIdOfCrcs([]), '0'.repeat(20)));

  test('of no record is 20 zeros', () => is(serializationIdOfNames([]), '0'.repeat(20)));

  test('is not known for more records than the growth of the set is', () => {
    throws(() => serializationIdOfNames(new Array(12_117_690)), {
      code: 'limit',
      message: /12117689 records/,
    });
  });

  // PyTorch 2.14 wrote this half for a file without a tensor.
  test('depends on the order of names', () => {
    const names = ['data.pkl', '.format_version', '.storage_alignment', 'byteorder', 'version'];
    is(serializationIdOfNames(names), '02908468677762923104');
    is(serializationIdOfNames(names.toReversed()) === '02908468677762923104', false);
  });
});
