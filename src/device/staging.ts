import type { CopyPlan } from '../copy/plan.js';
import { scatter } from '../copy/scatter.js';
import { forEachIndex, readShape } from '../copy/tile.js';
import { applyTransform } from '../copy/transform.js';
import type { ParallelReader } from '../io/parallel-reader.js';
import { denseGather, type StagingRead, type TileLayout } from './tile-layout.js';

/**
 * Reads what a tile needs into its staging area, several runs at a time. When this settles, nothing writes to
 * `staging` any more, whether it failed or not.
 * @throws FileError
 */
export async function fillStaging(
  plan: Pick<CopyPlan, 'sources' | 'transforms'>,
  layout: TileLayout,
  reader: ParallelReader,
  staging: Uint8Array,
): Promise<void> {
  const results = await Promise.allSettled(
    layout.reads.map(async read => {
      const target = staging.subarray(read.stagingByteOffset, read.stagingByteOffset + read.byteLength);
      if (read.sparse !== undefined) await readSparse(plan, read, reader, target);
      else if (read.transform === 0)
        await reader.readInto(plan.sources[read.source]!, target, read.byteOffset);
      else {
        // Mapped memory of a GPU is slow to read: elements are changed before they come there.
        const bytes = new Uint8Array(read.byteLength);
        await reader.readInto(plan.sources[read.source]!, bytes, read.byteOffset);
        applyTransform(bytes, plan.transforms[read.transform]!);
        target.set(bytes);
      }
    }),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Reads a part whose bytes are far apart, and puts them side by side. */
async function readSparse(
  plan: Pick<CopyPlan, 'sources' | 'transforms'>,
  read: StagingRead,
  reader: ParallelReader,
  target: Uint8Array,
): Promise<void> {
  const sparse = read.sparse!;
  const dense = denseGather(sparse, 0, 0).dimensions.map(({ count, sourceStep, recordStep }) => ({
    count,
    recordStep: sourceStep,
    sourceStep: sparse.dimensions.find(dimension => dimension.recordStep === recordStep)!.sourceStep,
  }));
  const { covered, remaining, span } = readShape({ ...sparse, dimensions: dense });
  const bytes = new Uint8Array(span);
  const collected = new Uint8Array(read.byteLength);
  const places: [sourceOffset: number, targetOffset: number][] = [];
  forEachIndex(remaining, (sourceOffset, targetOffset) => places.push([sourceOffset, targetOffset]));
  for (const [sourceOffset, targetOffset] of places) {
    await reader.readInto(plan.sources[read.source]!, bytes, sparse.sourceByteOffset + sourceOffset);
    if (read.transform !== 0) applyTransform(bytes, plan.transforms[read.transform]!);
    scatter(bytes, 0, collected, targetOffset, sparse.runByteLength, covered);
  }
  target.set(collected);
}
