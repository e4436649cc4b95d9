import { createHash } from 'node:crypto';
import { crc32 } from '../../src/copy/crc32.js';
import { encodeDataDescriptor, encodeDirectory, encodeLocalHeader } from '../../src/zip/encode.js';
import {
  dataDescriptorByteLength,
  dataDescriptorByteOffset,
  type LayoutRecord,
  layoutArchive,
} from '../../src/zip/layout.js';
import { equal, is, suite, throws } from '../suite.js';
import { jsonFixture } from './fixture.js';

interface Zip64 {
  note: string;
  byte_length: number;
  records: {
    name: string;
    byte_length: number;
    crc32: number;
    local_header_byte_offset: number;
    local_header: string;
    data_byte_offset: number;
    data_descriptor: string;
  }[];
  directory_byte_offset: number;
  directory_and_end: string;
}

interface Large {
  storage_count: number;
  byte_length: number;
  data_pkl: { byte_length: number; crc32: number };
  serialization_id: string;
  headers_and_descriptors_sha256: string;
  directory_and_end_sha256: string;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

suite('layoutArchive, at 4 GiB as PyTorch', ({ each }) => {
  each(
    jsonFixture('torch-2.13.0/zip64.json') as Zip64[],
    ({ note }) => note,
    golden => {
      const layout = layoutArchive({
        root: 'big',
        alignment: 64,
        records: golden.records.map(({ name, byte_length }) => ({ name, byteLength: byte_length })),
      });
      const rows = golden.records.map((record, i) => ({
        ...record,
        local_header_byte_offset: layout.localHeaderByteOffsets[i],
        local_header: hex(encodeLocalHeader(layout, i)),
        data_byte_offset: layout.dataByteOffsets[i],
        data_descriptor: hex(encodeDataDescriptor(layout, i, record.crc32)),
      }));
      equal(rows, golden.records);
      is(layout.directoryByteOffset, golden.directory_byte_offset);
      is(layout.byteLength, golden.byte_length);
      const crcs = golden.records.map(record => record.crc32);
      is(hex(encodeDirectory(layout, crcs)), golden.directory_and_end);
    },
  );
});

suite('layoutArchive, with many storages as PyTorch', ({ each }) => {
  each(
    jsonFixture('torch-2.13.0/large.json') as Large[],
    ({ storage_count }) => `${storage_count} storages`,
    golden => {
      const texts = { '.format_version': '1', '.storage_alignment': '64', byteorder: 'little' };
      const small = (name: string, text: string): LayoutRecord & { crc: number } => {
        const bytes = new TextEncoder().encode(text);
        return { name, byteLength: bytes.length, crc: crc32(bytes) };
      };
      const records = [
        { name: 'data.pkl', byteLength: golden.data_pkl.byte_length, crc: golden.data_pkl.crc32 },
        ...Object.entries(texts).map(([name, text]) => small(name, text)),
        ...Array.from({ length: golden.storage_count }, (_, i) => ({
          name: `data/${i}`,
          byteLength: 1,
          crc: crc32(Uint8Array.of(i % 256)),
        })),
        small('version', '3\n'),
        small('.data/serialization_id', golden.serialization_id),
      ];
      const layout = layoutArchive({ root: 'large', alignment: 64, records });
      const around = createHash('sha256');
      records.forEach((record, i) => {
        around.update(encodeLocalHeader(layout, i)).update(encodeDataDescriptor(layout, i, record.crc));
      });
      const directory = encodeDirectory(
        layout,
        records.map(record => record.crc),
      );
      is(layout.byteLength, golden.byte_length);
      is(around.digest('hex'), golden.headers_and_descriptors_sha256);
      is(createHash('sha256').update(directory).digest('hex'), golden.directory_and_end_sha256);
    },
  );
});

suite('layoutArchive', ({ test, each }) => {
  test('leaves no byte between the parts', () => {
    const records = [5, 0, 1, 64, 63].map((byteLength, i) => ({ name: `data/${i}`, byteLength }));
    const layout = layoutArchive({ root: 'r', alignment: 64, records });
    let at = 0;
    for (let i = 0; i < records.length; i++) {
      is(layout.localHeaderByteOffsets[i], at);
      is(layout.dataByteOffsets[i], at + encodeLocalHeader(layout, i).length);
      is(layout.dataByteOffsets[i]! % 64, 0);
      is(dataDescriptorByteOffset(layout, i), layout.dataByteOffsets[i]! + records[i]!.byteLength);
      is(encodeDataDescriptor(layout, i, 1).length, dataDescriptorByteLength(layout, i));
      at = dataDescriptorByteOffset(layout, i) + dataDescriptorByteLength(layout, i);
    }
    is(layout.directoryByteOffset, at);
    is(layout.byteLength, at + encodeDirectory(layout, [1, 0, 1, 1, 1]).length);
  });

  test('aligns exactly beyond 2^50 bytes', () => {
    const records = [
      { name: 'a', byteLength: 2 ** 52 },
      { name: 'b', byteLength: 1 },
    ];
    const layout = layoutArchive({ root: 'r', alignment: 7, records });
    is(layout.dataByteOffsets[0], 63); // 30 + 3 of name + 20 of zip64 + 4 = 57, and 6 of padding
    is(layout.localHeaderByteOffsets[1], 63 + 2 ** 52 + 24);
    is(layout.dataByteOffsets[1], 87 + 2 ** 52 + 49 + 2); // 30 + 3 + 12 + 4 = 49; 2^52 is 2 modulo 7
  });

  test('can be sent to a worker', () => {
    const layout = layoutArchive({ root: 'r', alignment: 64, records: [{ name: 'a', byteLength: 3 }] });
    equal(encodeLocalHeader(structuredClone(layout), 0), encodeLocalHeader(layout, 0));
  });

  const a = [{ name: 'a', byteLength: 1 }];
  const refused: [what: string, options: Parameters<typeof layoutArchive>[0], message: RegExp][] = [
    ['alignment 0', { root: 'r', records: a, alignment: 0 }, /alignment.*found 0/],
    ['half an alignment', { root: 'r', records: a, alignment: 1.5 }, /alignment/],
    ['padding longer than its length field', { root: 'r', records: a, alignment: 65536 }, /alignment/],
    ['an empty root', { root: '', records: a, alignment: 64 }, /top-level directory/],
    ['two roots in one', { root: 'a/b', records: a, alignment: 64 }, /top-level directory/],
    ['no records', { root: 'r', records: [], alignment: 64 }, /at least one record/],
    [
      'an empty name',
      { root: 'r', records: [{ name: '', byteLength: 1 }], alignment: 64 },
      /not a file name/,
    ],
    [
      'a directory',
      { root: 'r', records: [{ name: 'a/', byteLength: 0 }], alignment: 64 },
      /not a file name/,
    ],
    [
      'a name that climbs',
      { root: 'r', records: [{ name: '../a', byteLength: 1 }], alignment: 64 },
      /'\.\.'/,
    ],
    ['equal names', { root: 'r', records: [...a, { name: 'A', byteLength: 1 }], alignment: 64 }, /same name/],
    ['a negative length', { root: 'r', records: [{ name: 'a', byteLength: -1 }], alignment: 64 }, /-1 bytes/],
    [
      'a name of 64 KiB',
      { root: 'r', records: [{ name: 'ä'.repeat(32767), byteLength: 1 }], alignment: 64 },
      /too long/,
    ],
    [
      'more bytes than numbers can count',
      {
        root: 'r',
        alignment: 64,
        records: [
          { name: 'a', byteLength: 2 ** 53 - 1 },
          { name: 'b', byteLength: 1 },
        ],
      },
      /too large/,
    ],
  ];
  each(
    refused,
    ([what]) => `refuses ${what}`,
    ([, options, message]) => {
      throws(() => layoutArchive(options), { code: 'usage', message });
    },
  );
});
