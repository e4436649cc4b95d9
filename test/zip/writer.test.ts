import { unzipSync } from 'fflate';
import { encodeArchive } from '../../src/zip/writer.js';
import { equal, is, suite } from '../suite.js';
import { fixture, torchArchives } from './fixture.js';

/** The root and the payloads in order, by fflate. */
function unzipped(archive: Uint8Array): { root: string; records: { name: string; bytes: Uint8Array }[] } {
  const files = Object.entries(unzipSync(archive));
  const root = files[0]![0].split('/')[0]!;
  return { root, records: files.map(([name, bytes]) => ({ name: name.slice(root.length + 1), bytes })) };
}

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);

suite('encodeArchive', ({ test, each }) => {
  each(
    torchArchives,
    name => `rebuilds ${name} to the byte`,
    name => {
      const original = fixture(name);
      const { root, records } = unzipped(original);
      const alignment = text(records.find(record => record.name === '.storage_alignment')?.bytes) ?? '64';
      const withCrc = !name.endsWith('no_crc.pt');
      const rebuilt = encodeArchive(records, { root, alignment: Number(alignment), withCrc });
      equal(Buffer.from(rebuilt), Buffer.from(original));
    },
  );

  test('is read by another reader, with any name and an empty record', () => {
    const records = [
      { name: 'data.pkl', bytes: new TextEncoder().encode('pickle') },
      { name: 'data/重み', bytes: Uint8Array.from({ length: 1000 }, (_, i) => i) },
      { name: 'data/1', bytes: new Uint8Array(0) },
    ];
    for (const alignment of [1, 3, 64, 4096]) {
      equal(unzipped(encodeArchive(records, { root: 'größe', alignment })), { root: 'größe', records });
    }
  });

  test('takes records that are parts of larger buffers', () => {
    const buffer = Uint8Array.from([9, 9, 1, 2, 3, 9]);
    const archive = encodeArchive([{ name: 'x', bytes: buffer.subarray(2, 5) }], {
      root: 'r',
      alignment: 64,
    });
    equal(unzipped(archive).records[0]!.bytes, Uint8Array.of(1, 2, 3));
    is(archive[64], 1);
  });
});
