import type { CopyPlan } from '../../copy/plan.js';
import type { Pool } from '../../copy/threads.js';
import type { Tile } from '../../copy/tile.js';
import { ParallelReader } from '../../io/parallel-reader.js';
import type { Gpu } from './gpu.js';
import type { Kernels } from './kernels/dispatch.js';
import { Lane } from './lane.js';

/** Lanes that carry out tiles side by side: while one reads files, others upload and compute. */
export class LanePool<Result> implements Pool<Tile, Result> {
  private readonly reader = new ParallelReader();
  private readonly lanes: readonly Lane[];
  private readonly idle: Lane[];
  private readonly running = new Set<Promise<Result>>();

  constructor(
    gpu: Gpu,
    kernels: Kernels,
    plans: readonly CopyPlan[],
    readonly width: number,
    private readonly work: (lane: Lane, tile: Tile) => Promise<Result>,
  ) {
    this.lanes = Array.from({ length: width }, () => new Lane(gpu, kernels, plans, this.reader));
    this.idle = [...this.lanes];
  }

  run(tile: Tile): Promise<Result> {
    const lane = this.idle.pop();
    if (lane === undefined) throw new Error('more tiles at a time than lanes');
    const result = this.work(lane, tile).finally(() => {
      this.running.delete(result);
      this.idle.push(lane);
    });
    this.running.add(result);
    return result;
  }

  /** Waits for what is under way: files may still be read into memory of the GPU. */
  async close(): Promise<void> {
    await Promise.allSettled(this.running);
    for (const lane of this.lanes) lane.destroy();
    this.reader.close();
  }
}
