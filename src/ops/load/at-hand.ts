import type { Checkpoint } from '../../checkpoint/checkpoint.js';
import { DcpCheckpoint } from '../../dcp/reader.js';
import { requireUnchanged } from '../../io/snapshot.js';

/** Requires that there are data to read: an index on its own has none. @throws FileError */
export function requireDataAtHand(checkpoint: Checkpoint): void {
  if (checkpoint instanceof DcpCheckpoint && checkpoint.directory === undefined) checkpoint.requireFiles();
}

/**
 * Requires that what was read is the checkpoint that was opened, and not partly a newer one saved over it meanwhile.
 * @throws FileError naming the file that changed.
 */
export function requireSameCheckpoint(checkpoint: Checkpoint): void {
  if (!(checkpoint instanceof DcpCheckpoint)) return;
  const files = checkpoint.fileSnapshots.filter(file => file !== undefined);
  requireUnchanged([...checkpoint.indexSnapshots, ...files]);
}
