/** Archives are recognised by one that is laid out alike; every byte that is changed is seen. */
import { readFileSync } from 'node:fs';
import { MemorySource } from '../../src/io/source.js';
import { auditArchive } from '../../src/zip/audit.js';
import type { ArchiveLayout } from '../../src/zip/layout.js';
import { ArchivePattern } from '../../src/zip/pattern.js';
import { encodeArchive } from '../../src/zip/writer.js';
import { fixturePath } from '../fixtures.js';
import { Random } from '../random.js';
import { equal, is, ok, suite } from '../suite.js';

async function layoutOf(bytes: Uint8Array): Promise<ArchiveLayout> {
  const audited = await auditArchive(new MemorySource(bytes), { onFault() {}, onBytes() {} });
  ok(audited?.layout !== undefined, 'it is not as torch writes');
  return audited.layout;
}

/** What is read of an archive, behind other bytes. */
function readOf(pattern: ArchivePattern, bytes: Uint8Array): { read: Buffer; at: number } {
  const parts = pattern.extents.map(({ start, end }) => bytes.subarray(start, end));
  return { read: Buffer.concat([Buffer.from('in front'), ...parts]), at: 8 };
}

function matches(pattern: ArchivePattern, bytes: Uint8Array): boolean {
  const { read, at } = readOf(pattern, bytes);
  return pattern.matches(read, at);
}

const random = new Random(5);
const make = (...lengths: number[]): Uint8Array =>
  encodeArchive(
    lengths.map((length, i) => ({ name: `data/${i}`, bytes: random.bytes(length) })),
    { root: 'archive', alignment: 64 },
  );

const ARCHIVES: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['of torch 2.13', readFileSync(fixturePath('scalars'))],
  ['of torch 1.7', readFileSync(fixturePath('views_and_tied', '1.7.1'))],
  ['without CRC-32', readFileSync(fixturePath('crc_off'))],
  ['with a record of its alignment', readFileSync(fixturePath('alignment_1'))],
  ['with an empty record', make(0, 10, 0)],
  ['with a long record between short ones', make(100, 20_000, 100)],
];

suite('patterns of archives', ({ each, test }) => {
  each(
    ARCHIVES,
    ([name]) => `an archive ${name}: each changed byte is a difference, or data`,
    async ([, bytes]) => {
      const pattern = new ArchivePattern(await layoutOf(bytes));
      ok(matches(pattern, bytes));
      const isStructure = new Set(
        pattern.structure.flatMap(({ start, end }) =>
          Array.from({ length: end - start }, (_, i) => start + i),
        ),
      );
      const alignment = pattern.records.find(({ entryName }) => entryName.endsWith('.storage_alignment'));
      for (let at = 0; at < bytes.length; at++) {
        const changed = Uint8Array.from(bytes);
        changed[at]! ^= 1 << random.int(0, 7);
        const isAlignment =
          alignment !== undefined &&
          at >= alignment.dataByteOffset &&
          at < alignment.dataByteOffset + alignment.byteLength;
        is(matches(pattern, changed), !isStructure.has(at) && !isAlignment, `byte ${at}`);
      }
    },
  );

  each(
    ARCHIVES,
    ([name]) => `an archive ${name}: places, lengths and checksums of its records`,
    async ([, bytes]) => {
      const audited = await auditArchive(new MemorySource(bytes), { onFault() {}, onBytes() {} });
      const pattern = new ArchivePattern(audited!.layout!);
      const { read, at } = readOf(pattern, bytes);
      equal(
        pattern.records.map(({ entryName, dataByteOffset, byteLength }, i) => [
          entryName,
          dataByteOffset,
          byteLength,
          pattern.crcOf(i, read, at),
        ]),
        audited!.records.map(({ record, dataByteOffset }) => [
          record.entryName,
          dataByteOffset,
          record.byteLength,
          record.crc32 ?? 0,
        ]),
      );
      for (const { dataByteOffset, byteLength, readOffset } of pattern.records) {
        is(readOffset !== undefined, byteLength <= 4096);
        if (readOffset === undefined) continue;
        const data = bytes.subarray(dataByteOffset, dataByteOffset + byteLength);
        equal(
          new Uint8Array(read.subarray(at + readOffset, at + readOffset + byteLength)),
          new Uint8Array(data),
        );
      }
    },
  );

  test('other data match, in the same and in no other lengths', async () => {
    const pattern = new ArchivePattern(await layoutOf(make(100, 20_000, 100)));
    equal(pattern.extents.length, 2);
    ok(matches(pattern, make(100, 20_000, 100)));
    ok(!matches(pattern, make(101, 20_000, 100)));
    ok(!matches(pattern, make(100, 20_001, 99)));
  });
});
