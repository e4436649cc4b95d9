import { InlinePool } from './inline-pool.js';
import type { CopyPlan } from './plan.js';
import { type Pool, StartedThreads, scriptBeside, ThreadPool } from './threads.js';
import type { TileResult } from './tile.js';
import { type RunnerSetup, type TileRequest, TileWork } from './tile-work.js';

/** Copies tiles, up to `width` at a time. */
export type TileRunner = Pool<TileRequest, TileResult>;

const SCRIPT = scriptBeside(import.meta.url, 'worker');

/** `workerCount` threads, of those that were started and of new ones; 0 copies on this one. */
export function openRunner(setup: RunnerSetup, workerCount: number, started?: StartedThreads): TileRunner {
  if (workerCount === 0) return new InlinePool(new TileWork(setup));
  return new ThreadPool(SCRIPT, { ...setup, plan: planForThreads(setup.plan) }, workerCount, started);
}

/** Threads that a runner takes later. The caller closes what no runner took. */
export function startThreads(count: number): StartedThreads {
  return new StartedThreads(SCRIPT, count);
}

/** What threads need of a plan: the columns. Closures do not travel. */
export function planForThreads(plan: CopyPlan): CopyPlan {
  return { ...plan, literals: [], deferred: [], storageLabels: [] };
}
