/** Copies of fixtures with one thing wrong. */
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, TensorEntry } from '../../../src/checkpoint/checkpoint.js';
import { openCheckpoint } from '../../../src/index.js';
import { copyFixture } from '../../fixtures.js';
import { scratch } from '../../io/scratch.js';

export function copyOf(name: string, torch?: string): string {
  return copyFixture(name, scratch({ inMemory: true }), torch);
}

/** Changes a file and keeps its time. */
export function edit(path: string, change: (bytes: Buffer) => Uint8Array): void {
  const { atime, mtime } = statSync(path);
  writeFileSync(path, change(readFileSync(path)));
  utimesSync(path, atime, mtime);
}

export function flip(path: string, byteOffset: number): void {
  edit(path, bytes => {
    bytes[byteOffset]! ^= 0x40;
    return bytes;
  });
}

/** Seconds that a file is older than now. */
export function setAge(path: string, seconds: number): void {
  const time = Date.now() / 1000 - seconds;
  utimesSync(path, time, time);
}

/** Where the first chunk of a tensor has its bytes: the file, relative to a directory, and the byte. */
export async function placeOf(
  path: string,
  fqn: string,
  chunk = 0,
): Promise<{ file: string; byteOffset: number }> {
  const checkpoint: Checkpoint = await openCheckpoint(path);
  try {
    const entry = checkpoint.entries.find(
      (one): one is TensorEntry => one.fqn === fqn && one instanceof TensorEntry,
    )!;
    await checkpoint.resolve([entry]);
    const { file, byteOffset } = checkpoint.storages.at(checkpoint.chunks.storage[entry.firstChunk + chunk]!);
    return { file: checkpoint.files[file]!.name, byteOffset };
  } finally {
    checkpoint.close();
  }
}

export async function flipTensor(path: string, fqn: string, chunk = 0) {
  const place = await placeOf(path, fqn, chunk);
  flip(statSync(path).isDirectory() ? join(path, place.file) : path, place.byteOffset);
  return place;
}
