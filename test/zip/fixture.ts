import { readdirSync, readFileSync } from 'node:fs';
import { FileError } from '../../src/errors.js';
import type { ByteSource } from '../../src/io/source.js';
import type { Archive } from '../../src/zip/archive.js';
import { readArchive, readRecord } from '../../src/zip/reader.js';

const folder = new URL('../../../fixtures/zip/', import.meta.url);

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, folder)));
}

export function jsonFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
}

/** Every archive that a release of PyTorch wrote: `torch-2.6.0/views_and_tied.pt` and so on. */
export const torchArchives = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter(name => /^torch-.*\.(pt|ckpt)$/.test(name))
  .sort();

/** Bytes in memory that count their reads, and fail the read of number `failAt`. */
export class CountingSource implements ByteSource {
  readonly name = 'counting';
  readCount = 0;
  readByteLength = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly failAt = Number.POSITIVE_INFINITY,
  ) {}

  get byteLength(): number {
    return this.bytes.length;
  }

  async readInto(target: Uint8Array, byteOffset: number): Promise<void> {
    if (++this.readCount === this.failAt) throw new FileError('The disk is gone');
    this.readByteLength += target.length;
    target.set(this.bytes.subarray(byteOffset, byteOffset + target.length));
  }

  close(): void {}
}

/** All that a reader of an archive can see of it. */
export async function contentOf(
  source: ByteSource,
): Promise<{ root: string; hasCrc: boolean; records: [string, string][] }> {
  const archive: Archive = await readArchive(source);
  const records: [string, string][] = [];
  for (const record of archive.records) {
    const bytes = await readRecord(source, record, { maxByteLength: 1e6 });
    records.push([record.name, Buffer.from(bytes).toString('base64')]);
  }
  return { root: archive.root, hasCrc: archive.hasCrc, records };
}
