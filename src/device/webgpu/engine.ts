import { runUnordered } from '../../copy/schedule.js';
import type { Tile } from '../../copy/tile.js';
import { tilesOf } from '../../copy/tiles.js';
import {
  joinComparisons,
  NO_DIFFERENCE,
  type PartialComparison,
  type Tolerance,
} from '../compare-numbers.js';
import type { Comparison, RunOptions, TensorStats } from '../device.js';
import type { TensorRecords } from '../records.js';
import { type PartialStats, StatsLedger } from '../tensor-stats.js';
import { byteLengthOfTile } from '../tile-layout.js';
import { compareBlocks, planTileComparison } from './compare-plan.js';
import type { Gpu } from './gpu.js';
import { binsPerWorkgroup } from './kernels/count-patterns.js';
import { Kernels } from './kernels/dispatch.js';
import type { Lane } from './lane.js';
import { LanePool } from './lane-pool.js';
import { planTileStats, type StatsSettings } from './stats-plan.js';
import { TensorStore } from './tensor-store.js';

export interface EngineSettings {
  /** Bytes of a tile: what is read, uploaded and computed at once. */
  tileByteLength: number;
  /** Tiles under way at a time. */
  laneCount: number;
  returnSmallData: boolean;
}

export const DEFAULT_SETTINGS: EngineSettings = {
  tileByteLength: 32 << 20,
  laneCount: 6,
  returnSmallData: true,
};

type EngineOptions = Pick<RunOptions, 'signal' | 'onProgress'>;

/** What the WebGPU device does, in the process that has the GPU. */
export class Engine {
  private readonly kernels: Kernels;
  readonly tensors: TensorStore;

  constructor(
    private readonly gpu: Gpu,
    private readonly settings: EngineSettings,
  ) {
    this.kernels = new Kernels(gpu);
    this.tensors = new TensorStore(gpu);
  }

  async stats(
    records: TensorRecords,
    settings: Pick<StatsSettings, 'histogram'>,
    options: EngineOptions,
  ): Promise<TensorStats[]> {
    const { plan, tensors } = records;
    const ledger = new StatsLedger(tensors, plan.records.byteLength, settings.histogram);
    const { returnSmallData } = this.settings;
    const bins = binsPerWorkgroup(this.gpu.info.workgroupByteLength);
    await this.eachTile<PartialStats[]>(
      [records],
      async (lane, tile) => {
        let decode: (words: Uint32Array) => PartialStats[] = () => [];
        const words = await lane.run(tile, layout => {
          const stats = planTileStats(layout, tensors, { ...settings, returnSmallData, bins });
          decode = stats.decode;
          return stats.work;
        });
        return decode(words);
      },
      parts => {
        for (const part of parts) ledger.add(part);
      },
      options,
    );
    return ledger.finish();
  }

  async compare(
    a: TensorRecords,
    b: TensorRecords,
    tolerance: Tolerance,
    options: EngineOptions,
  ): Promise<Comparison[]> {
    const found: PartialComparison[] = a.tensors.map(() => NO_DIFFERENCE);
    await this.eachTile<Map<number, PartialComparison>>(
      [a, b],
      async (lane, tile) => {
        let comparison: ReturnType<typeof planTileComparison> | undefined;
        const words = await lane.run(tile, layout => {
          comparison = planTileComparison(layout, a.tensors);
          return comparison.work;
        });
        return compareBlocks(lane, comparison!.blocks, words, tolerance);
      },
      differences => {
        for (const [record, part] of differences) found[record] = joinComparisons(found[record]!, part);
      },
      options,
    );
    return found.map((comparison, i) => ({
      elementCount: a.tensors[i]!.shape.reduce((product, size) => product * size, 1),
      ...comparison,
    }));
  }

  /** Puts each record together in the GPU's memory. Returns a number for each, which the store knows it by. */
  async rebuild(records: TensorRecords, options: EngineOptions): Promise<number[]> {
    const { plan } = records;
    const ids = Array.from(plan.records.byteLength, byteLength => this.tensors.add(byteLength));
    try {
      await this.eachTile(
        [records],
        async (lane, tile) => {
          const { layout, buffer } = await lane.rebuild(tile);
          const placed = layout.segments.map(({ record, ...place }) => ({ ...place, tensor: ids[record]! }));
          this.tensors.place(buffer, placed);
        },
        () => {},
        options,
      );
    } catch (error) {
      for (const id of ids) this.tensors.release(id);
      throw error;
    }
    return ids;
  }

  private async eachTile<Result>(
    sides: readonly TensorRecords[],
    work: (lane: Lane, tile: Tile) => Promise<Result>,
    onDone: (result: Result) => void,
    { signal, onProgress }: EngineOptions,
  ): Promise<void> {
    const [{ plan }] = sides as [TensorRecords];
    const byteTotal = plan.recordByteLength;
    let byteCount = 0;
    const tileCount = Math.ceil(byteTotal / this.settings.tileByteLength);
    const width = Math.max(1, Math.min(this.settings.laneCount, tileCount));
    const plans = sides.map(side => side.plan);
    const pool = new LanePool(this.gpu, this.kernels, plans, width, async (lane, tile) => ({
      result: await work(lane, tile),
      byteLength: byteLengthOfTile(tile, plan.records.byteLength),
    }));
    try {
      await runUnordered(
        pool,
        tilesOf(plan, this.settings.tileByteLength),
        ({ result, byteLength }) => {
          onDone(result);
          byteCount += byteLength;
          onProgress?.({ byteCount, byteTotal });
        },
        signal,
      );
    } finally {
      await pool.close();
    }
    this.gpu.check();
  }
}
