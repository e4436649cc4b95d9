import { type Box, contiguousStride, elementCountOf, intersection } from '../../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../../checkpoint/checkpoint.js';
import { UNRESOLVED } from '../../checkpoint/chunks.js';
import { Gatherers, type TensorSource } from '../../checkpoint/gather.js';
import { type LocalShard, selectionsOf } from '../../checkpoint/local-shard.js';
import { requireCast } from '../../copy/cast.js';
import { type CopyProgress, copyToMemory } from '../../copy/copy.js';
import type { CrcReport } from '../../copy/ledger.js';
import { CopyPlanBuilder } from '../../copy/plan.js';
import { dtypeOf } from '../../dtype.js';
import { withContext } from '../../errors.js';
import { requireDataAtHand, requireSameCheckpoint } from '../reading.js';

export interface ReadOptions {
  /** Compute and check the CRC-32s of what is read whole. Default true. */
  crc?: boolean;
  /** Threads; 0 reads on the calling thread. Default: as many as pay off. */
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}

/** A part of a tensor and the memory that it goes to. */
export interface TensorRead {
  entry: TensorEntry;
  /** Where the entry's bytes are, if not where the checkpoint's entries are: tensors inside objects. */
  source?: TensorSource;
  shard: LocalShard;
  /** Element type of the memory: elements are converted to it. */
  dtype: string;
  /** Room for exactly the elements of the shard, row-major. */
  target: Uint8Array;
}

/**
 * Reads parts of tensors into memory, in one plan: only the runs that are asked for, each once for a target.
 * @throws UnsupportedError where torch cannot convert the elements, and as `Checkpoint.resolve` and `copyToMemory`.
 * After an error some of the memory is filled.
 */
export async function readTensors(
  checkpoint: Checkpoint,
  reads: readonly TensorRead[],
  options: ReadOptions = {},
): Promise<CrcReport> {
  requireDataAtHand(checkpoint);
  for (const { entry, dtype } of reads) {
    withContext({ fqn: entry.fqn }, () => requireCast(entry.dtype, dtypeOf(dtype)));
  }
  const wanted = new Map<TensorEntry, Box[]>();
  for (const { entry, source, shard } of reads) {
    if (source !== undefined) continue;
    const boxes = wanted.get(entry);
    if (boxes === undefined)
      wanted.set(
        entry,
        shard.boxes.map(({ box }) => box),
      );
    else boxes.push(...shard.boxes.map(({ box }) => box));
  }
  // Places the storages of a torch file also where only objects are read.
  await checkpoint.resolve([...wanted.keys()], (entry, stored) =>
    wanted.get(entry)!.some(box => intersection(box, stored) !== undefined),
  );
  const plan = new CopyPlanBuilder();
  const gatherers = new Gatherers(plan);
  const buffers: Uint8Array[] = [];
  for (const { entry, source = checkpoint, shard, dtype, target } of inFileOrder(checkpoint, reads)) {
    if (shard.boxes.length === 0) continue;
    const to = dtypeOf(dtype);
    const byteLength = elementCountOf(shard.shape) * to.itemSize;
    if (target.length !== byteLength)
      throw new Error(`${target.length} bytes for ${byteLength} of ${entry.fqn}`);
    const output = plan.addOutput({ name: entry.fqn, byteLength });
    buffers.push(target);
    plan.beginRecord(output, 0, byteLength, { from: entry.dtype, to });
    const stride = contiguousStride(shard.shape);
    for (const { selection, recordOffset } of selectionsOf(shard)) {
      gatherers.of(source).addSelection(entry, selection, stride, recordOffset);
    }
  }
  const built = plan.build();
  const { crc } = await copyToMemory(built, buffers, options);
  requireSameCheckpoint(checkpoint, built);
  return crc;
}

/** By where their first bytes are: files are then read from front to back. */
function inFileOrder(checkpoint: Checkpoint, reads: readonly TensorRead[]): TensorRead[] {
  const place = ({ entry, source = checkpoint }: TensorRead): [number, number] => {
    const { chunks, storages } = source;
    const row = entry.chunkCount === 0 ? UNRESOLVED : chunks.storage[entry.firstChunk]!;
    if (row === UNRESOLVED) return [Number.POSITIVE_INFINITY, 0];
    const { file, byteOffset } = storages.at(row);
    return [file, byteOffset + chunks.storageOffset[entry.firstChunk]! * entry.storedDtype.itemSize];
  };
  return reads
    .map(read => ({ read, at: place(read) }))
    .sort((a, b) => (a.at[0] === b.at[0] ? a.at[1] - b.at[1] : a.at[0] - b.at[0]))
    .map(({ read }) => read);
}
