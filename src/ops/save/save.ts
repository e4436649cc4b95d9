import type { CopyProgress } from '../../copy/copy.js';
import { planDcpSave } from '../../dcp/writer.js';
import { InterruptedError, UsageError } from '../../errors.js';
import { DCP_LAYOUT, directoryDestination } from '../destination.js';
import type { StateDict } from '../state-dict/leaves.js';
import { type StagedCheckpoint, stage } from './staged-checkpoint.js';
import { StagingMemory } from './staging.js';

export interface SaveOptions {
  /** Replace a checkpoint that is in the directory. Default false. */
  force?: boolean;
  /** Write CRC-32s. Default true. */
  crc?: boolean;
  /** Bring the output to the device before it gets its name. Default true. */
  sync?: boolean;
  /** Threads that write; 0 writes on the calling thread. Default: as many as pay off. */
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}

export interface SaveResult {
  directory: string;
  tensors: number;
  objects: number;
  /** Bytes of all tensors. */
  byteLength: number;
  outputs: { name: string; byteLength: number }[];
  /** Temporaries that could not be removed. */
  leftBehind: string[];
}

/**
 * Saves a state dict as a DCP directory of one rank, which torch loads, as `torch.distributed.checkpoint.save` does. The
 * state dict is copied first: what is changed in it after the call is not in the checkpoint. `.metadata` comes last.
 *
 * @throws UsageError for a directory with a checkpoint in it (without `force`) and for values that a checkpoint cannot
 * hold; FileError, InterruptedError. After any of them the directory is what it was.
 */
export async function save(
  stateDict: StateDict,
  directory: string,
  options: SaveOptions = {},
): Promise<SaveResult> {
  return write(await stage(stateDict, new StagingMemory(false)), directory, options);
}

export interface AsyncSaverOptions {
  /** Keep the memory of the staged copy for the next save. Default false. */
  cacheStagedStateDict?: boolean;
  /** A save that is asked for while one is under way: waits for it, or is refused. Default `wait`. */
  whenBusy?: 'wait' | 'refuse';
}

/**
 * Saves one state dict after the other while the program goes on: torch's `async_save` with a writer that persists. Each
 * call copies its state dict at once; the copy is written when the save before it is done.
 */
export class AsyncSaver {
  private readonly memory: StagingMemory;
  private readonly whenBusy: 'wait' | 'refuse';
  private last: Promise<unknown> = Promise.resolve();
  private pending = 0;

  constructor({ cacheStagedStateDict = false, whenBusy = 'wait' }: AsyncSaverOptions = {}) {
    this.memory = new StagingMemory(cacheStagedStateDict);
    this.whenBusy = whenBusy;
  }

  /** Saves that are under way or wait. */
  get pendingSaves(): number {
    return this.pending;
  }

  /** Bytes of memory that are kept for the next save. */
  get cachedByteLength(): number {
    return this.memory.cachedByteLength;
  }

  /**
   * As {@link save}. When the call returns, the state dict may be changed: its arrays have been copied, and tensors
   * that hand out their elements only later have been asked for them.
   * @throws UsageError where a save is under way and a second one is to be refused; otherwise as `save`.
   */
  async save(stateDict: StateDict, directory: string, options: SaveOptions = {}): Promise<SaveResult> {
    if (this.pending > 0 && this.whenBusy === 'refuse') {
      throw new UsageError('A save is under way', {
        expected: 'one at a time',
        path: directory,
        hint: 'Wait for its promise, or make the saver with whenBusy: "wait".',
      });
    }
    this.pending++;
    const before = this.last;
    const staging = stage(stateDict, this.memory);
    const saving = this.writeAfter(before, staging, directory, options);
    // A save that fails does not keep the next from its turn.
    this.last = saving.catch(() => {});
    return saving;
  }

  /** Resolves when no save is under way. Failures are those of the saves' own promises. */
  async idle(): Promise<void> {
    await this.last;
  }

  /** Waits for what is under way, and lets go of the memory. */
  async close(): Promise<void> {
    await this.idle();
    this.memory.clear();
  }

  private async writeAfter(
    before: Promise<unknown>,
    staging: Promise<StagedCheckpoint>,
    directory: string,
    options: SaveOptions,
  ): Promise<SaveResult> {
    try {
      const staged = await staging;
      try {
        await before;
        return await write(staged, directory, options);
      } finally {
        this.memory.giveBack(staged.area);
      }
    } finally {
      this.pending--;
    }
  }
}

const defaultSaver = new AsyncSaver();

/**
 * {@link save} while the program goes on: the state dict is copied before the call returns, failures come with the
 * promise. A second call waits for the first; an {@link AsyncSaver} of one's own can refuse it, and keep its memory.
 */
export function asyncSave(
  stateDict: StateDict,
  directory: string,
  options: SaveOptions = {},
): Promise<SaveResult> {
  return defaultSaver.save(stateDict, directory, options);
}

async function write(
  { checkpoint }: StagedCheckpoint,
  directory: string,
  options: SaveOptions,
): Promise<SaveResult> {
  const { force = false, crc = true, sync = true, workers, signal, onProgress } = options;
  requireNotAborted(signal);
  const destination = directoryDestination(directory, DCP_LAYOUT, { force, sync });
  const plan = planDcpSave(checkpoint, { withCrc: crc });
  const { leftBehind } = await destination.deliver(
    plan,
    {
      crc,
      ...(workers === undefined ? {} : { workers }),
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress }),
    },
    () => requireNotAborted(signal),
  );
  const tensors = checkpoint.entries.filter(({ kind }) => kind === 'tensor').length;
  return {
    directory,
    tensors,
    objects: checkpoint.entries.length - tensors,
    byteLength: plan.recordByteLength,
    outputs: plan.outputs.map(({ name, byteLength }) => ({ name, byteLength })),
    leftBehind,
  };
}

function requireNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError('The save was interrupted');
}
