import type { Checkpoint } from '../../checkpoint/checkpoint.js';
import { DcpError, InterruptedError } from '../../errors.js';
import type { FileSnapshot } from '../../io/snapshot.js';
import type { SaveState } from '../save-state.js';
import type { ArchiveCheckTools } from './archive-check.js';

/** What the check of a format is given: where findings, bytes and checksums go. */
export interface CheckContext extends ArchiveCheckTools {
  signal: AbortSignal | undefined;
}

/** What the check of a format found out. */
export interface CheckedCheckpoint {
  state: SaveState;
  /** Undefined where it could not be opened. The caller closes it. */
  checkpoint: Checkpoint | undefined;
  /** Whether all its tensors can be read. */
  isResolved: boolean;
  /** Of all files, taken before they were read. */
  snapshots: readonly FileSnapshot[];
}

export function requireNotInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError('The verification was interrupted');
}

/** The error, if it is one that says something about the checkpoint. @throws all others. */
export function findableError(error: unknown): DcpError {
  if (!(error instanceof DcpError) || error instanceof InterruptedError || error.code === 'usage')
    throw error;
  return error;
}

/** Does an action; what it throws of a checkpoint's faults goes to `onError`. */
export async function attempt(
  action: () => void | Promise<void>,
  onError: (error: DcpError) => void,
): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    onError(findableError(error));
    return false;
  }
}
