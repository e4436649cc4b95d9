import { DrainingPool } from '../../copy/draining-pool.js';
import type { CopyPlan } from '../../copy/plan.js';
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
    // All of them or none: tidy disposes of those that were made before one fails.
    const tensors = this.tf.tidy(() =>
      layout.segments.map(segment => {
        const dtype = dtypeOf(this.tensors[segment.record]!.dtype);
        const gathers = gathersOf(layout, segment);
        const { tileByteOffset, byteLength } = segment;
        const format = laneFormatOf(dtype);
        const elementCount = byteLength / dtype.itemSize;
        return joinElements(this.tf, format, gathers, staging, tileByteOffset, elementCount);
      }),
    );
    return layout.segments.map((segment, i) => ({ segment, tensor: tensors[i]! }));
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
export class TilePool<Result> extends DrainingPool<Tile, Result> {
  private readonly reader = new ParallelReader();
  private readonly sources: readonly TileSource[];

  constructor(
    private readonly tf: Tf,
    sides: readonly { plan: CopyPlan; tensors: readonly RecordTensor[] }[],
    /** Is given the segments of each side; their tensors are disposed of when it is done. */
    private readonly work: (sides: readonly SegmentTensor[][], tile: Tile) => Promise<Result>,
  ) {
    super(2);
    this.sources = sides.map(({ plan, tensors }) => new TileSource(tf, plan, tensors, this.reader));
  }

  protected override async start(tile: Tile): Promise<Result> {
    const read = await Promise.allSettled(this.sources.map(source => source.read(tile)));
    const sides = read.flatMap(side => (side.status === 'fulfilled' ? [side.value] : []));
    try {
      for (const side of read) if (side.status === 'rejected') throw side.reason;
      return await this.work(sides, tile);
    } finally {
      this.tf.dispose(sides.flat().map(({ tensor }) => tensor));
    }
  }

  protected override release(): void {
    for (const source of this.sources) source.close();
    this.reader.close();
  }
}
