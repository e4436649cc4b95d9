import { Worker } from 'node:worker_threads';
import { fromPlainError, type PlainError } from '../errors.js';
import type { Tile, TileResult } from './tile.js';
import { type RunnerSetup, TileWork } from './tile-work.js';

export interface WorkerRequest {
  tile: Tile;
  slot: number;
}

export type WorkerReply = { kind: 'done'; result: TileResult } | { kind: 'failed'; error: PlainError };

/** Copies tiles, up to `width` at a time. */
export interface TileRunner {
  readonly width: number;
  /** At most `width` calls may be under way. `slot` matters where tiles go to memory. */
  copy(tile: Tile, slot?: number): Promise<TileResult>;
  close(): Promise<void>;
}

/** `workerCount` threads; 0 copies on this one. */
export function openRunner(setup: RunnerSetup, workerCount: number): TileRunner {
  return workerCount === 0 ? new InlineRunner(setup) : new WorkerRunner(setup, workerCount);
}

/** Copies on this thread, giving the event loop a turn before each tile. */
class InlineRunner implements TileRunner {
  readonly width = 1;
  private readonly work: TileWork;

  constructor(setup: RunnerSetup) {
    this.work = new TileWork(setup);
  }

  async copy(tile: Tile, slot = 0): Promise<TileResult> {
    await new Promise<void>(resolve => setImmediate(resolve));
    return this.work.copy(tile, slot);
  }

  async close(): Promise<void> {
    this.work.close();
  }
}

class WorkerRunner implements TileRunner {
  private readonly workers: Worker[];
  private readonly idle: Worker[];

  constructor(
    setup: RunnerSetup,
    readonly width: number,
  ) {
    // Closures do not travel, and threads need only the columns.
    const workerData: RunnerSetup = {
      ...setup,
      plan: { ...setup.plan, literals: [], deferred: [], storageLabels: [] },
    };
    this.workers = Array.from(
      { length: width },
      () => new Worker(new URL('./worker.js', import.meta.url), { workerData }),
    );
    this.idle = [...this.workers];
  }

  copy(tile: Tile, slot = 0): Promise<TileResult> {
    const worker = this.idle.pop();
    if (worker === undefined) throw new Error('more tiles at a time than threads');
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        worker.off('message', onMessage);
        worker.off('error', onError);
        worker.off('exit', onExit);
      };
      const onMessage = (reply: WorkerReply): void => {
        settle();
        this.idle.push(worker);
        if (reply.kind === 'done') resolve(reply.result);
        else reject(fromPlainError(reply.error));
      };
      const onError = (error: unknown): void => {
        settle();
        reject(error);
      };
      const onExit = (): void => onError(new Error('a copying thread ended before its tile was done'));
      worker.on('message', onMessage);
      worker.on('error', onError);
      worker.on('exit', onExit);
      const request: WorkerRequest = { tile, slot };
      worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map(worker => worker.terminate()));
  }
}
