/** The golden of an opened checkpoint: its bytes are read from the files where the checkpoint says they lie. */
import { readFileSync } from 'node:fs';
import type { Checkpoint, ObjectEntry, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { UNRESOLVED, VIEW_CONJUGATE, VIEW_NEGATIVE } from '../../src/checkpoint/chunks.js';
import { StorageReference } from '../../src/checkpoint/storage.js';
import { dtypeOf } from '../../src/dtype.js';
import type { GoldenTensor } from '../fixtures.js';
import { elementBytes, type StridedElements, sha256OfElements } from './elements.js';
import { type Described, goldenOf, rowOf, type StorageBytes, type TensorRow } from './golden-of.js';

export const tensorsOf = (checkpoint: Checkpoint): TensorEntry[] =>
  checkpoint.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');

export const objectsOf = (checkpoint: Checkpoint): ObjectEntry[] =>
  checkpoint.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');

/** Resolves all tensors, loads all objects, and describes the tree. */
export async function goldenOfCheckpoint(checkpoint: Checkpoint): Promise<Described> {
  await checkpoint.resolve(tensorsOf(checkpoint));
  await checkpoint.loadObjects(objectsOf(checkpoint));
  const storages = new SourceStorages(checkpoint);
  return goldenOf(checkpoint.tree, {
    storage: value =>
      value instanceof StorageReference ? storages.at(value.storage, value.className) : undefined,
    tensor: entry => tensorRow(checkpoint, storages, entry),
  });
}

/** The strided view that a resolved chunk is. */
export function viewOfChunk(checkpoint: Checkpoint, entry: TensorEntry, chunk: number): StridedElements {
  const { chunks } = checkpoint;
  return {
    dtype: entry.dtype,
    shape: chunks.boxOf(chunk).sizes,
    stride: chunks.strideOf(chunk),
    storageOffset: chunks.storageOffset[chunk]!,
    conj: (chunks.viewFlags[chunk]! & VIEW_CONJUGATE) !== 0,
    neg: (chunks.viewFlags[chunk]! & VIEW_NEGATIVE) !== 0,
  };
}

class SourceStorages {
  private readonly files = new Map<string, Uint8Array>();

  constructor(private readonly checkpoint: Checkpoint) {}

  at(storage: number, className: string): StorageBytes {
    const { file, byteOffset, byteLength, bigEndian } = this.checkpoint.storages.at(storage);
    const { path } = this.checkpoint.files[file]!;
    if (!this.files.has(path)) this.files.set(path, readFileSync(path));
    const bytes = this.files.get(path)!.subarray(byteOffset, byteOffset + byteLength);
    return { identity: storage, className, bytes, bigEndian: bigEndian === true };
  }
}

function tensorRow(
  checkpoint: Checkpoint,
  storages: SourceStorages,
  entry: TensorEntry,
): { row: TensorRow; storage?: StorageBytes } {
  if (checkpoint.format === 'dcp' || entry.chunkCount > 1)
    return { row: assembledRow(checkpoint, storages, entry) };
  const storage = storages.at(checkpoint.chunks.storage[entry.firstChunk]!, '');
  const [type = '', ...attributes] = (entry.typeName ?? 'Tensor').split(' with ');
  const row: Partial<GoldenTensor> = {
    ...rowOf(viewOfChunk(checkpoint, entry, entry.firstChunk), storage),
    requires_grad: entry.requiresGrad,
    type,
    ...(attributes.length === 0 ? {} : { attributes: true }),
  };
  return { row: row as TensorRow, storage };
}

/** A DCP tensor, put together chunk by chunk. Bytes that no chunk holds stay FE. */
function assembledRow(checkpoint: Checkpoint, storages: SourceStorages, entry: TensorEntry): TensorRow {
  const { chunks } = checkpoint;
  const { itemSize, name } = entry.dtype;
  const count = entry.shape.reduce((product, size) => product * size, 1);
  const bytes = new Uint8Array(count * itemSize).fill(0xfe);
  const wholeStride = entry.shape.map((_, d) =>
    entry.shape.slice(d + 1).reduce((product, size) => product * size, 1),
  );
  for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
    if (chunks.storage[chunk] === UNRESOLVED) continue;
    const { offsets, sizes } = chunks.boxOf(chunk);
    const storage = storages.at(chunks.storage[chunk]!, '');
    const elements = elementBytes(viewOfChunk(checkpoint, entry, chunk), storage.bytes, storage.bigEndian);
    for (let element = 0; element * itemSize < elements.length; element++) {
      let rest = element;
      let at = 0;
      for (let d = sizes.length - 1; d >= 0; d--) {
        at += (offsets[d]! + (rest % sizes[d]!)) * wholeStride[d]!;
        rest = Math.floor(rest / sizes[d]!);
      }
      bytes.set(elements.subarray(element * itemSize, (element + 1) * itemSize), at * itemSize);
    }
  }
  return {
    dtype: name,
    shape: [...entry.shape],
    requires_grad: entry.requiresGrad,
    type: 'Tensor',
    sha256: sha256OfElements(
      { dtype: dtypeOf('uint8'), shape: [bytes.length], stride: [1], storageOffset: 0 },
      bytes,
    ),
  };
}
