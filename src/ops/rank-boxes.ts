import { elementCountOf } from '../checkpoint/box.js';
import { BoxIndex } from '../checkpoint/box-index.js';
import type { TensorEntry } from '../checkpoint/checkpoint.js';
import type { TensorSource } from '../checkpoint/gather.js';
import { type LocalShard, localShardOf, wholeTensor } from '../checkpoint/local-shard.js';
import { placementText } from '../checkpoint/placements.js';
import { fits, type MeshLayout } from './sharding.js';

/** What one rank holds of a tensor. */
export interface RankBox {
  rank: number;
  /** Of its local tensor. */
  size: number[];
  /** The boxes of the tensor that the local one is made of: none if it is empty, several for a `_StridedShard`. */
  boxes: { offsets: number[]; sizes: number[] }[];
  /** Bytes of the local tensor, which are the bytes that are read for it. */
  byteLength: number;
  /** Bytes of the whole stored chunks that meet it, which torch's own loader reads. */
  chunkByteLength: number;
}

/** What one rank holds of all tensors. */
export interface RankTotal {
  rank: number;
  /** Where it stands in the mesh. */
  coordinate: number[];
  /** Tensors of which it holds something. */
  tensors: number;
  byteLength: number;
  chunkByteLength: number;
}

export interface LayoutReport {
  mesh: string;
  placements: string[];
  /** Tensors that have no dimension for a placement, such as scalars: every rank holds them whole. */
  replicatedTensors: number;
  ranks: RankTotal[];
}

/** The boxes of all ranks, tensor by tensor, and what they come to. */
export class RankBoxes {
  private readonly totals: RankTotal[];
  private replicatedTensors = 0;

  constructor(
    private readonly source: TensorSource,
    private readonly layout: MeshLayout,
  ) {
    const { mesh } = layout;
    this.totals = Array.from({ length: mesh.size }, (_, rank) => ({
      rank,
      coordinate: mesh.coordinateOf(rank),
      tensors: 0,
      byteLength: 0,
      chunkByteLength: 0,
    }));
  }

  /** What each rank holds of a tensor. Call once for each. */
  add(entry: TensorEntry): RankBox[] {
    const { chunks } = this.source;
    const { itemSize } = entry.dtype;
    const stored = Array.from({ length: entry.chunkCount }, (_, i) => {
      const box = chunks.boxOf(entry.firstChunk + i);
      return { box, byteLength: elementCountOf(box.sizes) * itemSize };
    });
    const index = new BoxIndex(stored.map(({ box }) => box));
    const shardOf = this.sharder(entry);
    return this.totals.map(total => {
      const { shape, boxes } = shardOf(total.rank);
      const row: RankBox = {
        rank: total.rank,
        size: [...shape],
        boxes: boxes.map(({ box }) => ({ offsets: [...box.offsets], sizes: [...box.sizes] })),
        byteLength: elementCountOf(shape) * itemSize,
        chunkByteLength: met(index, boxes).reduce((sum, chunk) => sum + stored[chunk]!.byteLength, 0),
      };
      if (boxes.length > 0) total.tensors++;
      total.byteLength += row.byteLength;
      total.chunkByteLength += row.chunkByteLength;
      return row;
    });
  }

  private sharder(entry: TensorEntry): (rank: number) => LocalShard {
    if (fits(this.layout.placements, entry.shape.length))
      return rank => localShardOf(entry.shape, { ...this.layout, rank });
    this.replicatedTensors++;
    const whole = wholeTensor(entry.shape);
    return () => whole;
  }

  report(): LayoutReport {
    const { mesh, placements } = this.layout;
    return {
      mesh: mesh.toString(),
      placements: placements.map(placementText),
      replicatedTensors: this.replicatedTensors,
      ranks: this.totals,
    };
  }
}

/** The stored boxes that share an element with one of the boxes, each once. */
function met(index: BoxIndex, boxes: LocalShard['boxes']): number[] {
  const found = boxes.flatMap(({ box: { offsets, sizes } }) =>
    index.meeting(
      offsets,
      offsets.map((offset, d) => offset + sizes[d]!),
    ),
  );
  return boxes.length > 1 ? [...new Set(found)] : found;
}
