import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { rankOfFile } from '../dcp/entries.js';
import { DcpCheckpoint } from '../dcp/reader.js';

/** What is at hand of a checkpoint. */
export type Completeness = 'complete' | 'ranks_missing' | 'files_missing' | 'files_short' | 'index_only';

export interface InspectedFile {
  relativePath: string;
  /** Null where the file is not at hand. */
  byteLength: number | null;
  /** Only where the file is shorter: where the last item ends that the index places in it. */
  requiredByteLength?: number;
  rank: number | null;
}

/** The data files, each with the length that the index wants of it where it is shorter. */
export function inspectFiles(checkpoint: Checkpoint): InspectedFile[] {
  const ends = checkpoint instanceof DcpCheckpoint ? checkpoint.itemEnds() : undefined;
  return checkpoint.files.map((file, i) => {
    const { name, byteLength } = file;
    const end = ends?.[i];
    const isShort = byteLength !== undefined && end !== undefined && byteLength < end;
    return {
      relativePath: name,
      byteLength: byteLength ?? null,
      ...(isShort ? { requiredByteLength: end } : {}),
      rank: rankOfFile(file) ?? null,
    };
  });
}

export function completenessOf(checkpoint: Checkpoint): Completeness {
  if (!(checkpoint instanceof DcpCheckpoint)) return 'complete';
  if (checkpoint.directory === undefined) return 'index_only';
  if (missingRanksOf(checkpoint).length > 0) return 'ranks_missing';
  const files = inspectFiles(checkpoint);
  if (files.some(file => file.byteLength === null)) return 'files_missing';
  return files.some(file => file.requiredByteLength !== undefined) ? 'files_short' : 'complete';
}

/** Ranks that saved an index of their own, where it is not at hand. */
export function missingRanksOf(checkpoint: Checkpoint): number[] {
  return checkpoint instanceof DcpCheckpoint ? [...(checkpoint.rankIndexes?.missing ?? [])] : [];
}
