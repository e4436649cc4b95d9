import { DrainingPool } from '../../copy/draining-pool.js';
import type { CopyPlan } from '../../copy/plan.js';
import type { Tile } from '../../copy/tile.js';
import { ParallelReader } from '../../io/parallel-reader.js';
import type { Gpu } from './gpu.js';
import type { Kernels } from './kernels/dispatch.js';
import { Lane } from './lane.js';

/** Lanes that carry out tiles side by side: while one reads files, others upload and compute. */
export class LanePool<Result> extends DrainingPool<Tile, Result> {
  private readonly reader = new ParallelReader();
  private readonly lanes: readonly Lane[];
  private readonly idle: Lane[];

  constructor(
    gpu: Gpu,
    kernels: Kernels,
    plans: readonly CopyPlan[],
    width: number,
    private readonly work: (lane: Lane, tile: Tile) => Promise<Result>,
  ) {
    super(width);
    this.lanes = Array.from({ length: width }, () => new Lane(gpu, kernels, plans, this.reader));
    this.idle = [...this.lanes];
  }

  protected override start(tile: Tile): Promise<Result> {
    const lane = this.idle.pop();
    if (lane === undefined) throw new Error('more tiles at a time than lanes');
    return this.work(lane, tile).finally(() => this.idle.push(lane));
  }

  protected override release(): void {
    for (const lane of this.lanes) lane.destroy();
    this.reader.close();
  }
}
