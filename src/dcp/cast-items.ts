import { elementCountOf, wholeBox } from '../checkpoint/box.js';
import { type Checkpoint, TensorEntry } from '../checkpoint/checkpoint.js';
import { ChunkTable } from '../checkpoint/chunks.js';
import { TensorGatherer } from '../checkpoint/gather.js';
import { canCast } from '../copy/cast.js';
import { runCopy } from '../copy/copy.js';
import { CopyPlanBuilder } from '../copy/plan.js';
import type { DTypeInfo } from '../dtype.js';
import { UnsupportedError, withContextAsync } from '../errors.js';
import type { Spool } from '../io/spool.js';

/** A resolved chunk whose item has another element type than the index says of its tensor. */
export interface OtherType {
  entry: TensorEntry;
  chunk: number;
  /** Of the item. */
  dtype: DTypeInfo;
}

/**
 * Converts a chunk's elements to the type of its tensor, as torch's load planner does with `copy_`, into the spool:
 * its view is then one of ordinary bytes. The checksum of the item is checked on the way.
 * @returns where in the spool the elements begin, row-major.
 * @throws UnsupportedError for types that torch does not convert, CorruptDataError, FileError.
 */
export async function castIntoSpool(
  { files, chunks, storages }: Pick<Checkpoint, 'files' | 'chunks' | 'storages'>,
  { entry, chunk, dtype }: OtherType,
  spool: Spool,
): Promise<number> {
  const { sizes } = chunks.boxOf(chunk);
  const path = files[storages.at(chunks.storage[chunk]!).file]!.path;
  return withContextAsync({ fqn: entry.fqn, path }, async () => {
    if (!canCast(dtype, entry.dtype)) {
      throw new UnsupportedError('A stored chunk has another element type than the index says', {
        expected: entry.dtype.name,
        found: dtype.name,
        hint: 'Torch does not convert between these types either.',
      });
    }
    // The chunk as a tensor of its own: what it is of the whole matters not here.
    const stored = new TensorEntry(entry.fqn, entry.path, dtype, sizes);
    stored.chunkCount = 1;
    const table = new ChunkTable(1, sizes.length);
    table.setBox(0, 0, wholeBox(sizes));
    table.setView(0, {
      storage: chunks.storage[chunk]!,
      storageOffset: chunks.storageOffset[chunk]!,
      stride: chunks.strideOf(chunk),
      flags: chunks.viewFlags[chunk]!,
    });
    const byteLength = elementCountOf(sizes) * entry.dtype.itemSize;
    const byteOffset = spool.reserve(byteLength);
    const plan = new CopyPlanBuilder();
    const output = plan.addOutput({ name: spool.path, byteLength: byteOffset + byteLength });
    plan.beginRecord(output, byteOffset, byteLength, { from: dtype, to: entry.dtype });
    new TensorGatherer({ files, storages, chunks: table }, plan).addTensor(stored);
    await runCopy(plan.build(), [spool.path], {});
    return byteOffset;
  });
}
