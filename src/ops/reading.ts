import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import { pathKind } from '../io/listing.js';
import { type FileSnapshot, requireUnchanged, takeSnapshot } from '../io/snapshot.js';
import { openCheckpoint } from './open.js';

/** A checkpoint whose data are at hand, and a proof that nothing has written to it since. */
export interface ReadableCheckpoint {
  readonly checkpoint: Checkpoint;
  /** @throws FileError where a file changed or vanished since the checkpoint was opened. */
  requireUnchanged(): void;
}

/**
 * Opens a checkpoint to read tensors from it. The caller closes it.
 * @throws as opening does; FileError and CorruptDataError where data files are missing or short.
 */
export async function openForReading(path: string): Promise<ReadableCheckpoint> {
  // Before the index in the file is read: what changes meanwhile must show.
  const snapshots: FileSnapshot[] = pathKind(path) === 'file' ? [takeSnapshot(path)] : [];
  const checkpoint = await openCheckpoint(path);
  if (checkpoint instanceof DcpCheckpoint) {
    checkpoint.requireFiles();
    snapshots.push(...checkpoint.indexSnapshots);
    snapshots.push(...checkpoint.fileSnapshots.filter(snapshot => snapshot !== undefined));
  } else if (snapshots.length === 0) {
    snapshots.push(...checkpoint.files.map(file => takeSnapshot(file.path)));
  }
  return { checkpoint, requireUnchanged: () => requireUnchanged(snapshots) };
}
