import type { CopyPlan } from '../../copy/plan.js';
import type { Tile } from '../../copy/tile.js';
import type { ParallelReader } from '../../io/parallel-reader.js';
import { StagingFiller } from '../staging.js';
import { alignUp, planTileLayout, type TileLayout } from '../tile-layout.js';
import { GrowingBuffer } from './buffers.js';
import type { Gpu } from './gpu.js';
import type { Bound, Kernels } from './kernels/dispatch.js';
import { GATHER_WGSL, planGatherWork } from './kernels/gather.js';

/** What is to be done with tiles that are in the device's memory, in the same submission. */
export interface TileWork {
  /** Kernels by their source, with the rows of their jobs. They are bound to tiles, results, jobs: in this order. */
  dispatches: readonly { wgsl: string; jobs: Uint32Array<ArrayBuffer>; groupCount: number }[];
  /** Bytes of tiles that are results as they are. */
  copies: readonly { tileByteOffset: number; resultByteOffset: number; byteLength: number }[];
  resultByteLength: number;
}

/** One tile's way from the files through the device and back: buffers for it. Several lanes keep all parts busy. */
export class Lane {
  private readonly sides: readonly LaneSide[];
  private readonly results: GrowingBuffer;
  private readonly readback: GrowingBuffer;
  private readonly jobs: GrowingBuffer[] = [];

  /** `plans`: what the tiles are of. Two for a comparison, of records of the same lengths. */
  constructor(
    private readonly gpu: Gpu,
    private readonly kernels: Kernels,
    plans: readonly CopyPlan[],
    reader: ParallelReader,
  ) {
    this.sides = plans.map(plan => new LaneSide(gpu, kernels, plan, reader));
    const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.results = new GrowingBuffer(gpu, 'results', STORAGE | COPY_SRC | COPY_DST);
    this.readback = new GrowingBuffer(gpu, 'readback', MAP_READ | COPY_DST);
  }

  /** Puts the tile of each plan together on the device, does the work, and gives its results. */
  async run(tile: Tile, workOf: (layout: TileLayout) => TileWork): Promise<Uint32Array> {
    const layouts = this.sides.map(side => side.plan(tile));
    const work = workOf(layouts[0]!);
    await this.fill(layouts);
    return this.submit(work.resultByteLength, encoder => {
      const tiles = this.sides.map((side, i) => side.encode(encoder, layouts[i]!));
      this.encodeWork(encoder, tiles, work);
    });
  }

  /** Puts the tile together and hands its buffer over. */
  async rebuild(tile: Tile): Promise<{ layout: TileLayout; buffer: GPUBuffer }> {
    const side = this.sides[0]!;
    const layout = side.plan(tile);
    await this.fill([layout]);
    await this.submit(0, encoder => void side.encode(encoder, layout));
    return { layout, buffer: side.takeTile() };
  }

  /** Bytes of the tiles that the last run left, one range after the other. */
  async readTiles(
    ranges: readonly { side: number; tileByteOffset: number; byteLength: number }[],
  ): Promise<Uint8Array[]> {
    const starts: number[] = [];
    let total = 0;
    for (const { byteLength } of ranges) {
      starts.push(total);
      total += alignUp(byteLength, 4);
    }
    const words = await this.submit(total, encoder => {
      for (const [i, { side, tileByteOffset, byteLength }] of ranges.entries()) {
        encoder.copyBufferToBuffer(
          this.sides[side]!.tile,
          tileByteOffset,
          this.results.atLeast(total),
          starts[i]!,
          alignUp(byteLength, 4),
        );
      }
    });
    return ranges.map(({ byteLength }, i) => new Uint8Array(words.buffer, starts[i]!, byteLength));
  }

  destroy(): void {
    for (const side of this.sides) side.destroy();
    for (const buffer of [this.results, this.readback, ...this.jobs]) buffer.destroy();
  }

  private async fill(layouts: readonly TileLayout[]): Promise<void> {
    const filled = await Promise.allSettled(this.sides.map((side, i) => side.fill(layouts[i]!)));
    for (const result of filled) if (result.status === 'rejected') throw result.reason;
  }

  private encodeWork(encoder: GPUCommandEncoder, tiles: readonly Bound[], work: TileWork): void {
    const byteLength = work.resultByteLength;
    if (byteLength === 0) return;
    const results: Bound = { buffer: this.results.atLeast(byteLength), byteLength };
    encoder.clearBuffer(results.buffer, 0, byteLength);
    for (const [i, { wgsl, jobs, groupCount }] of work.dispatches.entries()) {
      const { STORAGE, COPY_DST } = GPUBufferUsage;
      this.jobs[i] ??= new GrowingBuffer(this.gpu, 'jobs', STORAGE | COPY_DST);
      const rows = upload(this.gpu, this.jobs[i], jobs);
      this.kernels.dispatch(encoder, wgsl, [...tiles, results, rows], groupCount);
    }
    for (const copy of work.copies) {
      encoder.copyBufferToBuffer(
        tiles[0]!.buffer,
        copy.tileByteOffset,
        results.buffer,
        copy.resultByteOffset,
        alignUp(copy.byteLength, 4),
      );
    }
  }

  /** Submits what `encode` encodes, and waits until the results are here and the staging areas are free again. */
  private async submit(
    resultByteLength: number,
    encode: (encoder: GPUCommandEncoder) => void,
  ): Promise<Uint32Array<ArrayBuffer>> {
    const { device } = this.gpu;
    const waits: Promise<unknown>[] = [];
    const scoped = this.gpu.scoped(() => {
      const encoder = device.createCommandEncoder();
      encode(encoder);
      if (resultByteLength > 0) {
        const readback = this.readback.atLeast(resultByteLength);
        encoder.copyBufferToBuffer(this.results.current, 0, readback, 0, resultByteLength);
      }
      device.queue.submit([encoder.finish()]);
      if (resultByteLength > 0) {
        waits.push(this.readback.current.mapAsync(GPUMapMode.READ, 0, resultByteLength));
      }
      for (const side of this.sides) waits.push(side.mapAgain());
      waits.push(device.queue.onSubmittedWorkDone());
    });
    const settled = [...(await Promise.allSettled([scoped])), ...(await Promise.allSettled(waits))];
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    if (resultByteLength === 0) return new Uint32Array(0);
    const readback = this.readback.current;
    const words = new Uint32Array(readback.getMappedRange(0, resultByteLength).slice(0));
    readback.unmap();
    return words;
  }
}

/** The buffers for the tile of one plan. */
class LaneSide {
  private readonly staging: GrowingBuffer;
  private readonly source: GrowingBuffer;
  private readonly tiles: GrowingBuffer;
  private readonly parts: GrowingBuffer;
  private readonly jobs: GrowingBuffer;
  private readonly filler: StagingFiller;
  private isMapped = true;

  constructor(
    private readonly gpu: Gpu,
    private readonly kernels: Kernels,
    private readonly copyPlan: CopyPlan,
    reader: ParallelReader,
  ) {
    this.filler = new StagingFiller(copyPlan, reader);
    const { STORAGE, COPY_SRC, COPY_DST, MAP_WRITE } = GPUBufferUsage;
    this.staging = new GrowingBuffer(gpu, 'staging', MAP_WRITE | COPY_SRC, true);
    this.source = new GrowingBuffer(gpu, 'source', STORAGE | COPY_DST);
    this.tiles = new GrowingBuffer(gpu, 'tile', STORAGE | COPY_SRC | COPY_DST);
    this.parts = new GrowingBuffer(gpu, 'parts', STORAGE | COPY_DST);
    this.jobs = new GrowingBuffer(gpu, 'gather jobs', STORAGE | COPY_DST);
  }

  plan(tile: Tile): TileLayout {
    return planTileLayout(this.copyPlan, tile);
  }

  get tile(): GPUBuffer {
    return this.tiles.current;
  }

  takeTile(): GPUBuffer {
    return this.tiles.take();
  }

  /** Reads files into the staging area, which is memory that the GPU copies from by itself. */
  async fill(layout: TileLayout): Promise<void> {
    const staging = this.staging.atLeast(stagingSize(layout));
    this.isMapped = true;
    const mapped = new Uint8Array(staging.getMappedRange(0, stagingSize(layout)));
    await this.filler.fill(layout, mapped);
  }

  encode(encoder: GPUCommandEncoder, layout: TileLayout): Bound {
    const byteLength = stagingSize(layout);
    const staging = this.staging.current;
    staging.unmap();
    this.isMapped = false;
    const source: Bound = { buffer: this.source.atLeast(byteLength), byteLength };
    encoder.copyBufferToBuffer(staging, 0, source.buffer, 0, byteLength);
    const tileByteLength = alignUp(layout.tileByteLength, 16);
    const tile: Bound = { buffer: this.tiles.atLeast(tileByteLength), byteLength: tileByteLength };
    const { parts, jobs, jobCount, hasEdges } = planGatherWork(layout.gathers);
    if (hasEdges) encoder.clearBuffer(tile.buffer, 0, tileByteLength);
    const bound = [source, tile, upload(this.gpu, this.parts, parts), upload(this.gpu, this.jobs, jobs)];
    this.kernels.dispatch(encoder, GATHER_WGSL, bound, jobCount);
    return tile;
  }

  async mapAgain(): Promise<void> {
    if (this.isMapped) return;
    await this.staging.current.mapAsync(GPUMapMode.WRITE);
    this.isMapped = true;
  }

  destroy(): void {
    this.filler.close();
    for (const buffer of [this.staging, this.source, this.tiles, this.parts, this.jobs]) buffer.destroy();
  }
}

/** One word more than is read: the gather looks at two words at a time. */
const stagingSize = (layout: TileLayout): number => alignUp(layout.stagingByteLength, 16) + 16;

/** Small tables only: `writeBuffer` is slow. */
function upload(gpu: Gpu, buffer: GrowingBuffer, words: Uint32Array<ArrayBuffer>): Bound {
  const bound = { buffer: buffer.atLeast(words.byteLength), byteLength: words.byteLength };
  gpu.device.queue.writeBuffer(bound.buffer, 0, words);
  return bound;
}
