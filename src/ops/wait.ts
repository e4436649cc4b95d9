import { setTimeout as sleep } from 'node:timers/promises';
import { DcpCheckpoint } from '../dcp/reader.js';
import { CorruptDataError, type DcpError, FileError, InterruptedError, UsageError } from '../errors.js';
import { listDirectory, pathKind } from '../io/listing.js';
import { formatOfDirectory, locateCheckpoint } from './locate.js';
import { openCheckpoint } from './open.js';

export interface WaitOptions {
  /** Milliseconds until it is given up. */
  timeoutMs: number;
  /** Milliseconds between two looks. Default 1,000. */
  pollMs?: number;
  signal?: AbortSignal;
}

const DEFAULT_POLL_MS = 1000;

/**
 * Waits until a save into a directory is complete: the index is there, and every data file that it names, as long as
 * it says. Torch writes the index last. The path need not be there yet.
 * @throws FileError that says what was still missing when the time was over; what is wrong with an index that is
 * there; InterruptedError.
 */
export async function waitForCheckpoint(path: string, options: WaitOptions): Promise<void> {
  const { timeoutMs, pollMs = DEFAULT_POLL_MS, signal } = options;
  if (!(timeoutMs >= 0))
    throw new UsageError('The time to wait is no number of milliseconds', { found: timeoutMs });
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const lacking = await whatLacks(path);
    if (lacking === undefined) return;
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) {
      throw new FileError('The save was not complete in the time to wait', {
        expected: `a whole checkpoint within ${timeoutMs / 1000} s`,
        found: lacking.message,
        path,
        cause: lacking,
        ...(lacking.hint === undefined ? {} : { hint: lacking.hint }),
      });
    }
    await sleep(Math.min(pollMs, leftMs), undefined, signal === undefined ? {} : { signal }).catch(() => {});
    if (signal?.aborted === true) throw new InterruptedError('The waiting was interrupted');
  }
}

/** Why the checkpoint is not whole yet. What another look cannot mend is thrown. */
async function whatLacks(path: string): Promise<DcpError | undefined> {
  try {
    if (pathKind(path) === 'directory') {
      const located = locateCheckpoint(path);
      if (pathKind(located) === 'directory' && formatOfDirectory(listDirectory(located)) !== 'dcp')
        return undefined;
    }
    const checkpoint = await openCheckpoint(path);
    try {
      if (checkpoint instanceof DcpCheckpoint) checkpoint.requireFiles();
      return undefined;
    } finally {
      checkpoint.close();
    }
  } catch (error) {
    if (error instanceof FileError || error instanceof CorruptDataError) return error;
    throw error;
  }
}
