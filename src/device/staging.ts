import { FileTileIo } from '../copy/file-tile-io.js';
import type { CopyPlan } from '../copy/plan.js';
import { emptyResult, TileCopier } from '../copy/tile.js';
import { applyTransform } from '../copy/transform.js';
import type { ParallelReader } from '../io/parallel-reader.js';
import type { AssembledRead, RunRead, TileLayout } from './tile-layout.js';

/** Reads what the tiles of one plan need into staging areas. */
export class StagingFiller {
  /** For what is put together on the way. */
  private readonly files: FileTileIo;
  private readonly copier: TileCopier;

  constructor(
    private readonly plan: CopyPlan,
    private readonly reader: ParallelReader,
  ) {
    this.files = new FileTileIo(plan.sources, [], 'write');
    const { read, view, write } = this.files;
    const io = { read: read.bind(this.files), view: view.bind(this.files), write: write.bind(this.files) };
    this.copier = new TileCopier(plan, io, 'none');
  }

  /**
   * Several runs at a time. When this settles, nothing writes to `staging` any more, whether it failed or not.
   * @throws FileError
   */
  async fill(layout: TileLayout, staging: Uint8Array): Promise<void> {
    const results = await Promise.allSettled(
      layout.reads.map(async read => {
        const target = staging.subarray(read.stagingByteOffset, read.stagingByteOffset + read.byteLength);
        if (read.kind === 'run') await this.readRun(read, target);
        else this.assemble(read, target);
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  private async readRun(read: RunRead, target: Uint8Array): Promise<void> {
    if (read.transform === 0) return this.readSource(read.source, target, read.byteOffset);
    // Mapped memory of a GPU is slow to read: elements are changed before they come there.
    const bytes = new Uint8Array(read.byteLength);
    await this.readSource(read.source, bytes, read.byteOffset);
    applyTransform(bytes, this.plan.transforms[read.transform]!);
    target.set(bytes);
  }

  private async readSource(source: number, target: Uint8Array, byteOffset: number): Promise<void> {
    const from = this.plan.sources[source]!;
    if (typeof from === 'string') await this.reader.readInto(from, target, byteOffset);
    else target.set(from.bytes.subarray(byteOffset, byteOffset + target.length));
  }

  private assemble({ record, startByte, byteLength }: AssembledRead, target: Uint8Array): void {
    const blocks = this.copier.blocksOf(record);
    const result = emptyResult();
    for (let at = 0; at < byteLength; at += blocks.byteLength) {
      const end = Math.min(byteLength, at + blocks.byteLength);
      target.set(blocks.read(startByte + at, startByte + end, result).bytes, at);
    }
  }

  close(): void {
    this.files.close();
  }
}
