import type { CopyPlan } from '../copy/plan.js';
import {
  type CrcScope,
  emptyResult,
  type RangeCrc,
  type Tile,
  TileCopier,
  type TileIo,
  type TileResult,
} from '../copy/tile.js';
import type { DTypeInfo } from '../dtype.js';
import {
  compareElements,
  joinComparisons,
  type PartialComparison,
  type Tolerance,
} from './compare-numbers.js';

/** One side: the plan of its records, and where its bytes are read. */
export interface ComparedSide {
  readonly plan: CopyPlan;
  readonly read: TileIo['read'];
}

/** What became of a tile of both plans. */
export interface ComparedTile {
  /** Of one side. */
  byteLength: number;
  /** Only of records that differ in this tile. */
  differences: { record: number; comparison: PartialComparison }[];
  /** CRC-32s of source bytes, side by side. */
  storageCrcs: [RangeCrc[], RangeCrc[]];
}

/**
 * Compares tiles of two plans with the same records: both sides are put together block by block, each from its own
 * chunks, and compared as bytes while they are in the processor's cache. Only what differs is looked at by value.
 */
export class TileComparer {
  private readonly copiers: readonly [TileCopier, TileCopier];

  constructor(
    private readonly a: ComparedSide,
    b: ComparedSide,
    /** Of each record. */
    private readonly dtypeOf: (record: number) => DTypeInfo,
    private readonly tolerance: Tolerance,
    crcScope: CrcScope,
  ) {
    const copierOf = ({ plan, read }: ComparedSide): TileCopier =>
      new TileCopier(plan, { read, write: () => {} }, crcScope);
    this.copiers = [copierOf(a), copierOf(b)];
  }

  compare(tile: Tile): ComparedTile {
    const { records } = this.a.plan;
    const results: [TileResult, TileResult] = [emptyResult(), emptyResult()];
    const differences: ComparedTile['differences'] = [];
    let byteLength = 0;
    for (let record = tile.firstRecord; record <= tile.lastRecord; record++) {
      const start = record === tile.firstRecord ? tile.startByte : 0;
      const end = record === tile.lastRecord ? tile.endByte : records.byteLength[record]!;
      const comparison = this.compareRange(record, start, end, results);
      if (comparison !== undefined) differences.push({ record, comparison });
      byteLength += end - start;
    }
    return { byteLength, differences, storageCrcs: [results[0].storageCrcs, results[1].storageCrcs] };
  }

  private compareRange(
    record: number,
    start: number,
    end: number,
    results: [TileResult, TileResult],
  ): PartialComparison | undefined {
    const blocksA = this.copiers[0].blocksOf(record);
    const blocksB = this.copiers[1].blocksOf(record);
    // Half of what a copy takes: the blocks of both sides should fit the second cache of a processor core.
    const blockByteLength = Math.max(blocksA.byteLength, blocksB.byteLength) / 2;
    const dtype = this.dtypeOf(record);
    let found: PartialComparison | undefined;
    for (let from = start; from < end; from += blockByteLength) {
      const to = Math.min(end, from + blockByteLength);
      const a = blocksA.read(from, to, results[0]).bytes;
      const b = blocksB.read(from, to, results[1]).bytes;
      if (Buffer.compare(a, b) === 0) continue;
      const part = compareElements(dtype, a, b, from / dtype.itemSize, this.tolerance);
      found = found === undefined ? part : joinComparisons(found, part);
    }
    return found;
  }
}
