import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { CopyPlan } from '../copy/plan.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import { requireUnchanged } from '../io/snapshot.js';
import { openCheckpoint } from './open.js';

/**
 * Opens a checkpoint to read tensors from it. The caller closes it.
 * @throws as opening does; FileError and CorruptDataError where data files are missing or short.
 */
export async function openForReading(path: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(path);
  try {
    if (checkpoint instanceof DcpCheckpoint) checkpoint.requireFiles();
    return checkpoint;
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}

/** Requires that there are data to read: an index on its own has none. @throws FileError */
export function requireDataAtHand(checkpoint: Checkpoint): void {
  if (checkpoint instanceof DcpCheckpoint && checkpoint.directory === undefined) checkpoint.requireFiles();
}

/**
 * Requires that what was read is the checkpoint that was opened, and not partly a newer one saved over it meanwhile.
 *
 * @param plan what was read besides the index: of the data files of a DCP directory, of which there may be thousands,
 *   only those that it names are looked at. Default: all.
 * @throws FileError naming the file that changed or vanished.
 */
export function requireSameCheckpoint({ format, files, snapshots }: Checkpoint, plan?: CopyPlan): void {
  if (format !== 'dcp' || plan === undefined) {
    requireUnchanged(snapshots);
    return;
  }
  const read = new Set(plan.sources);
  const known = new Set(snapshots.map(({ path }) => path));
  // What was inflated into a spool came from files that the plan does not name.
  const isAll = plan.sources.some(path => typeof path === 'string' && !known.has(path));
  const data = new Set(files.map(({ path }) => path));
  requireUnchanged(snapshots.filter(({ path }) => isAll || read.has(path) || !data.has(path)));
}
