import { elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, Entry } from '../checkpoint/checkpoint.js';
import { rankOfFile } from '../dcp/entries.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import { type EntryPart, entryParts } from './parts.js';

/** How much of a checkpoint the weights are, the optimizer's state, and all else. */
export interface PartShare {
  part: EntryPart;
  tensors: number;
  objects: number;
  /** Elements of its tensors. */
  parameters: number;
  /** Bytes of its tensors. */
  byteLength: number;
}

/** What is stored in one file, as the index tells. */
export interface FileShare {
  /** Stored items of at least a byte: chunks and objects of a DCP checkpoint, tensors of safetensors, storages of a torch file. */
  items: number;
  /** Bytes of these. */
  itemByteLength: number;
}

/** What one rank wrote. */
export interface RankShare extends FileShare {
  rank: number;
  files: number;
}

const PART_ORDER: readonly EntryPart[] = ['model', 'optim', 'other'];

/** Parts that have entries: the model, the optimizer, the rest. */
export function partShares(entries: readonly Entry[]): PartShare[] {
  const partOf = entryParts(entries);
  const shares = new Map(
    PART_ORDER.map(part => [part, { part, tensors: 0, objects: 0, parameters: 0, byteLength: 0 }]),
  );
  for (const entry of entries) {
    const share = shares.get(partOf(entry))!;
    if (entry.kind === 'object') {
      share.objects++;
      continue;
    }
    const elementCount = elementCountOf(entry.shape);
    share.tensors++;
    share.parameters += elementCount;
    share.byteLength += elementCount * entry.dtype.itemSize;
  }
  return [...shares.values()].filter(({ tensors, objects }) => tensors + objects > 0);
}

/** What is stored in each file, in the order of `checkpoint.files`. */
export function fileShares(checkpoint: Checkpoint): FileShare[] {
  const shares = checkpoint.files.map(() => ({ items: 0, itemByteLength: 0 }));
  const add = (file: number, byteLength: number): void => {
    const share = shares[file];
    // An empty box may have no item, or one without bytes.
    if (share === undefined || byteLength === 0) return;
    share.items++;
    share.itemByteLength += byteLength;
  };
  const { chunks, storages, entries } = checkpoint;
  if (checkpoint.format === 'torch' || checkpoint.format === 'torchscript') {
    for (let row = 0; row < storages.count; row++) {
      const { file, byteLength } = storages.at(row);
      add(file, byteLength);
    }
    return shares;
  }
  for (let chunk = 0; chunk < chunks.count; chunk++) {
    add(chunks.itemFile[chunk]!, chunks.itemByteLength[chunk]!);
  }
  if (checkpoint instanceof DcpCheckpoint) {
    for (const entry of entries) {
      const place = entry.kind === 'object' ? checkpoint.placeOfObject(entry) : undefined;
      if (place !== undefined) add(place.file, place.byteLength);
    }
  }
  return shares;
}

/** What each rank wrote, by the names of its files, in the order of the ranks. */
export function rankShares({ files }: Checkpoint, shares: readonly FileShare[]): RankShare[] {
  const byRank = new Map<number, RankShare>();
  for (const [i, file] of files.entries()) {
    const rank = rankOfFile(file);
    if (rank === undefined) continue;
    const share = byRank.get(rank) ?? { rank, files: 0, items: 0, itemByteLength: 0 };
    share.files++;
    share.items += shares[i]!.items;
    share.itemByteLength += shares[i]!.itemByteLength;
    byRank.set(rank, share);
  }
  return [...byRank.values()].sort((a, b) => a.rank - b.rank);
}
