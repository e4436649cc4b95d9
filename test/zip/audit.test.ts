/** Every byte around the records of small archives, changed: it is a fault, or it was called free. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from '../../src/copy/crc32.js';
import { MemorySource } from '../../src/io/source.js';
import { type ArchiveFault, auditArchive } from '../../src/zip/audit.js';
import { fixturePath } from '../fixtures.js';
import { zip } from '../hostile/assembler.js';
import { equal, is, ok, suite } from '../suite.js';

interface Audit {
  faults: ArchiveFault[];
  /** By byte: s, f, or a dot for the data of records. */
  uses: string;
  /** Whether all records have the CRC-32 that the directory says. */
  isIntact: boolean;
}

async function audit(bytes: Uint8Array): Promise<Audit> {
  const faults: ArchiveFault[] = [];
  const uses = new Array<string>(bytes.length).fill('.');
  const source = new MemorySource(bytes);
  const found = await auditArchive(source, {
    onFault: fault => faults.push(fault),
    onBytes: (start, end, use) => uses.fill(use[0]!, start, end),
  });
  const isIntact = (found?.records ?? []).every(({ record, dataByteOffset }) => {
    if (record.method !== 'stored' || record.crc32 === undefined) return true;
    return crc32(bytes.subarray(dataByteOffset, dataByteOffset + record.byteLength)) === record.crc32;
  });
  return { faults, uses: uses.join(''), isIntact };
}

const read = (name: string, torch?: string): Uint8Array => readFileSync(fixturePath(name, torch));
const python = (name: string): Uint8Array =>
  readFileSync(join(fixturePath('scalars'), '../../zip/python', name));

const ARCHIVES: readonly (readonly [name: string, bytes: Uint8Array, isTorch: boolean])[] = [
  ['torch 2.13', read('scalars'), true],
  ['torch 1.7', read('views_and_tied', '1.7.1'), true],
  ['torch without CRC-32', read('crc_off'), true],
  ['torch, aligned to 1', read('alignment_1'), true],
  ['zipfile, with a comment', python('comment.zip'), false],
  [
    'zipfile, streamed',
    python('streamed.zip').length < 6000 ? python('streamed.zip') : read('scalars'),
    false,
  ],
  [
    'by hand',
    zip([
      { name: 'a/b', data: Buffer.from('text') },
      { name: 'a/c', data: Buffer.from('more') },
    ]),
    false,
  ],
];

suite('audit of archives', ({ each }) => {
  each(
    ARCHIVES,
    ([name]) => `${name}: whole`,
    async ([, bytes, isTorch]) => {
      const { faults, uses, isIntact } = await audit(bytes);
      equal([faults, isIntact], [[], true]);
      is(uses.includes('f'), !isTorch);
    },
  );

  each(
    ARCHIVES,
    ([name]) => `${name}: any byte around the records changed`,
    async ([, bytes]) => {
      const { uses } = await audit(bytes);
      for (let at = 0; at < bytes.length; at++) {
        if (uses[at] !== 's') continue;
        for (const flip of [1, 0x80]) {
          const changed = Uint8Array.from(bytes);
          changed[at]! ^= flip;
          const { faults, isIntact } = await audit(changed);
          ok(faults.length > 0 || !isIntact, `byte ${at}, bit ${flip}`);
        }
      }
    },
  );
});
