import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UNRESOLVED } from '../../src/checkpoint/chunks.js';
import { type Checkpoint, openCheckpoint } from '../../src/index.js';
import { type FixtureCase, fixtureCases, fixturePath, type GoldenItem, golden } from '../fixtures.js';
import { equal, is, suite } from '../suite.js';
import { goldenOfCheckpoint, tensorsOf, viewOfChunk } from './golden-of-checkpoint.js';
import { normalForm } from './normal-form.js';
import { goldenOfArchive, unzipArchive } from './torch-archive.js';

const FILES = fixtureCases.filter(({ kind, name }) => kind === 'torch' && name !== 'cyclic');
/** Without the directory whose items hold what no chunk can be. */
const DIRECTORIES = fixtureCases.filter(({ kind, name }) => kind === 'dcp' && name !== 'quantized_leaf_dcp');

const label = ({ name, torch }: FixtureCase): string => `${name} of torch ${torch}`;

async function withOpened(
  entry: FixtureCase,
  body: (checkpoint: Checkpoint) => Promise<void>,
): Promise<void> {
  const checkpoint = await openCheckpoint(fixturePath(entry.name, entry.torch));
  try {
    await body(checkpoint);
  } finally {
    checkpoint.close();
  }
}

suite('goldens: what a file holds', ({ each }) => {
  each(FILES, label, entry =>
    withOpened(entry, async checkpoint => {
      equal(normalForm(await goldenOfCheckpoint(checkpoint)), normalForm(golden(entry.name, entry.torch)));
    }),
  );
});

suite('goldens: what a directory holds', ({ each }) => {
  each(DIRECTORIES, label, entry =>
    withOpened(entry, async checkpoint => {
      const { tensors, dcp } = golden(entry.name, entry.torch);
      // The bytes of a torn save are of two steps; the golden tells the first.
      const options = { lostInDcp: true, withoutBytes: entry.newer_than_metadata !== undefined };
      const found = await goldenOfCheckpoint(checkpoint);
      equal(normalForm(found, options), normalForm({ tensors, tree: dcp!.tree }, options));
    }),
  );
});

type TensorItem = Extract<GoldenItem, { kind: 'tensor' }>;

suite('goldens: how stored items are viewed', ({ each }) => {
  // Compressed items and safetensors images cannot be taken apart here; what they become is compared above.
  const readable = DIRECTORIES.filter(({ name }) => !/^(zstd|safetensors_image)/.test(name));
  each(readable, label, entry =>
    withOpened(entry, async checkpoint => {
      const tensors = tensorsOf(checkpoint);
      await checkpoint.resolve(tensors);
      const items = golden(entry.name, entry.torch).dcp!.items.filter(
        (item): item is TensorItem => item.kind === 'tensor',
      );
      is(tensors.length, items.length);
      for (const [position, tensor] of tensors.entries()) {
        for (const [i, chunk] of items[position]!.chunks.entries()) {
          equal(
            foundView(checkpoint, tensor.firstChunk + i, tensor),
            // A rank without rows stores an item too; nothing of it is needed.
            chunk.sizes.includes(0) ? undefined : storedView(checkpoint.path, chunk),
          );
        }
      }
    }),
  );
});

function foundView(
  checkpoint: Checkpoint,
  chunk: number,
  tensor: Parameters<typeof viewOfChunk>[1],
): unknown {
  const storage = checkpoint.chunks.storage[chunk]!;
  if (storage === UNRESOLVED) return undefined;
  const { dtype, shape, stride, storageOffset, conj, neg } = viewOfChunk(checkpoint, tensor, chunk);
  return [dtype.name, shape, stride, storageOffset, conj, neg, checkpoint.storages.at(storage).byteLength];
}

function storedView(
  directory: string,
  { relative_path, offset, length }: TensorItem['chunks'][number],
): unknown {
  const file = readFileSync(join(directory, relative_path));
  const [row] = goldenOfArchive(unzipArchive(file.subarray(offset, offset + length))).tensors;
  const { dtype, shape, stride, storage_offset, conj, neg, storage_byte_length } = row!;
  return [dtype, shape, stride, storage_offset, conj === true, neg === true, storage_byte_length];
}
