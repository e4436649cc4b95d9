import {
  findTornOverwrite,
  isRecent,
  METADATA_TEMPORARY_NAME,
  type TornOverwrite,
} from '../dcp/directory.js';
import type { DcpCheckpoint } from '../dcp/reader.js';
import { listDirectory } from '../io/listing.js';
import { completenessOf } from './completeness.js';

/**
 * How far the save got that a checkpoint is of.
 *
 * | State           |                                                                                   |
 * | --------------- | --------------------------------------------------------------------------------- |
 * | `complete`      | the index is there, and all that it names                                          |
 * | `saving`        | no index yet, or data newer than it, and something was written moments ago         |
 * | `dead`          | data without an index, and nothing happens any more                                |
 * | `torn`          | data newer than the index: a later save died in this directory                     |
 * | `partly_copied` | the index is there, and files that it names are missing or too short               |
 * | `unreadable`    | the index is there, and cannot be read                                             |
 */
export type SaveState = 'complete' | 'saving' | 'dead' | 'torn' | 'partly_copied' | 'unreadable';

/** Data files that are newer than the index, which torch writes last. */
export function tornOverwriteOf(checkpoint: DcpCheckpoint): TornOverwrite | undefined {
  const files = checkpoint.fileSnapshots.flatMap((snapshot, file) =>
    snapshot === undefined ? [] : [{ name: checkpoint.files[file]!.name, mtimeNs: snapshot.mtimeNs }],
  );
  // Ranks that save their own indexes end at different times: the last of these counts.
  const indexTimeNs = checkpoint.indexSnapshots.reduce(
    (last, { mtimeNs }) => (mtimeNs > last ? mtimeNs : last),
    0n,
  );
  return findTornOverwrite(indexTimeNs, files);
}

/** The state of a checkpoint whose index could be read. */
export function saveStateOf(checkpoint: DcpCheckpoint, nowMs = Date.now()): SaveState {
  if (completenessOf(checkpoint) !== 'complete') return 'partly_copied';
  const { directory } = checkpoint;
  const temporary =
    directory === undefined
      ? undefined
      : listDirectory(directory).find(({ name }) => name === METADATA_TEMPORARY_NAME);
  if (temporary !== undefined) return isRecent(temporary.mtimeNs, nowMs) ? 'saving' : 'torn';
  const torn = tornOverwriteOf(checkpoint);
  if (torn === undefined) return 'complete';
  return isRecent(BigInt(torn.newer[0]!.time.getTime()) * 1_000_000n, nowMs) ? 'saving' : 'torn';
}
