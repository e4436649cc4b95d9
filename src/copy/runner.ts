import { InlinePool } from './inline-pool.js';
import type { CopyPlan } from './plan.js';
import { type Pool, ThreadPool } from './threads.js';
import type { TileResult } from './tile.js';
import { type RunnerSetup, type TileRequest, TileWork } from './tile-work.js';

/** Copies tiles, up to `width` at a time. */
export type TileRunner = Pool<TileRequest, TileResult>;

/** `workerCount` threads; 0 copies on this one. */
export function openRunner(setup: RunnerSetup, workerCount: number): TileRunner {
  if (workerCount === 0) return new InlinePool(new TileWork(setup));
  const script = new URL('./worker.js', import.meta.url);
  return new ThreadPool(script, { ...setup, plan: planForThreads(setup.plan) }, workerCount);
}

/** What threads need of a plan: the columns. Closures do not travel. */
export function planForThreads(plan: CopyPlan): CopyPlan {
  return { ...plan, literals: [], deferred: [], storageLabels: [] };
}
