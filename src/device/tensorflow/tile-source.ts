import type { CopyPlan } from '../../copy/plan.js';
import type { Pool } from '../../copy/threads.js';
import type { Tile } from '../../copy/tile.js';
import { dtypeOf } from '../../dtype.js';
import { ParallelReader } from '../../io/parallel-reader.js';
import type { RecordTensor } from '../records.js';
import { StagingFiller } from '../staging.js';
import { planTileLayout, type TileLayout, type TileSegment } from '../tile-layout.js';
import { joinElements } from './join.js';
import { laneFormatOf } from './lanes.js';
import type { Tensor, Tf } from './load.js';

/** A part of a record as a tensor of TensorFlow: int32, of shape [elements, lanes]. */
export interface SegmentTensor {
  segment: TileSegment;
  tensor: Tensor;
}

/** Reads the tiles of one plan, and puts their segments together on the device. */
export class TileSource {
  private readonly filler: StagingFiller;

  constructor(
    private readonly tf: Tf,
    private readonly plan: CopyPlan,
    private readonly tensors: readonly RecordTensor[],
    reader: ParallelReader,
  ) {
    this.filler = new StagingFiller(plan, reader);
  }

  /** The caller disposes of the tensors. */
  async read(tile: Tile): Promise<SegmentTensor[]> {
    const layout = planTileLayout(this.plan, tile);
    const staging = new Uint8Array(layout.stagingByteLength);
    await this.filler.fill(layout, staging);
    return layout.segments.map(segment => {
      const dtype = dtypeOf(this.tensors[segment.record]!.dtype);
      const gathers = gathersOf(layout, segment);
      const { tileByteOffset, byteLength } = segment;
      const format = laneFormatOf(dtype);
      const elementCount = byteLength / dtype.itemSize;
      const tensor = joinElements(this.tf, format, gathers, staging, tileByteOffset, elementCount);
      return { segment, tensor };
    });
  }

  close(): void {
    this.filler.close();
  }
}

function gathersOf({ gathers }: TileLayout, { tileByteOffset, byteLength }: TileSegment) {
  const end = tileByteOffset + byteLength;
  return gathers.filter(gather => gather.tileByteOffset >= tileByteOffset && gather.tileByteOffset < end);
}

/** Tiles, two at a time: while one is computed, files are read for the next. */
export class TilePool<Result> implements Pool<Tile, Result> {
  readonly width = 2;
  private readonly reader = new ParallelReader();
  private readonly sources: readonly TileSource[];
  private readonly running = new Set<Promise<Result>>();

  constructor(
    tf: Tf,
    sides: readonly { plan: CopyPlan; tensors: readonly RecordTensor[] }[],
    private readonly work: (sources: readonly TileSource[], tile: Tile) => Promise<Result>,
  ) {
    this.sources = sides.map(({ plan, tensors }) => new TileSource(tf, plan, tensors, this.reader));
  }

  run(tile: Tile): Promise<Result> {
    const result = this.work(this.sources, tile).finally(() => this.running.delete(result));
    this.running.add(result);
    return result;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.running);
    for (const source of this.sources) source.close();
    this.reader.close();
  }
}
