import { Worker } from 'node:worker_threads';
import { fromPlainError, InterruptedError, type PlainError } from '../errors.js';
import { FileTileIo } from './file-tile-io.js';
import type { CopyPlan } from './plan.js';
import { type Tile, TileCopier, type TileResult } from './tile.js';

/** What every thread gets at its start: the columns of the plan are shared memory, not copies. */
export interface WorkerSetup {
  plan: CopyPlan;
  targets: readonly string[];
  mode: 'write' | 'compare';
  withCrc: boolean;
}

export type WorkerReply = { kind: 'done'; result: TileResult } | { kind: 'failed'; error: PlainError };

/** Copies tiles on this thread, giving the event loop a turn between them. */
export async function copyTilesInline(
  setup: WorkerSetup,
  tiles: Iterable<Tile>,
  onDone: (result: TileResult) => void,
  signal?: AbortSignal,
): Promise<void> {
  const io = new FileTileIo(setup.plan.sources, setup.targets, setup.mode);
  const copier = new TileCopier(setup.plan, io, setup.withCrc);
  try {
    for (const tile of tiles) {
      if (signal?.aborted === true) throw new InterruptedError('The copy was interrupted');
      onDone(copier.copy(tile));
      await new Promise<void>(resolve => setImmediate(resolve));
    }
  } finally {
    io.close();
  }
}

/**
 * Copies tiles on `workerCount` threads; each gets its next tile when it is done with one. The first failure
 * stops all of them.
 */
export async function copyTilesInWorkers(
  setup: WorkerSetup,
  tiles: Iterable<Tile>,
  workerCount: number,
  onDone: (result: TileResult) => void,
  signal?: AbortSignal,
): Promise<void> {
  const iterator = tiles[Symbol.iterator]();
  // Closures do not travel; workers need only the columns.
  const workerData: WorkerSetup = {
    ...setup,
    plan: { ...setup.plan, literals: [], deferred: [], storageLabels: [] },
  };
  const workers: Worker[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      let running = 0;
      const stop = () => reject(new InterruptedError('The copy was interrupted'));
      if (signal?.aborted === true) return stop();
      signal?.addEventListener('abort', stop, { once: true });
      const next = (worker: Worker): void => {
        const { value: tile, done } = iterator.next();
        if (done !== true) worker.postMessage(tile);
        else if (--running === 0) resolve();
      };
      for (let i = 0; i < workerCount; i++) {
        const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
        workers.push(worker);
        running++;
        worker.on('message', (reply: WorkerReply) => {
          if (reply.kind === 'failed') return reject(fromPlainError(reply.error));
          onDone(reply.result);
          next(worker);
        });
        worker.on('error', reject);
        next(worker);
      }
    });
  } finally {
    await Promise.all(workers.map(worker => worker.terminate()));
  }
}
