import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { TensorGatherer } from '../checkpoint/gather.js';
import { type CopyPlan, CopyPlanBuilder, uncastByteLength } from '../copy/plan.js';
import type { PyValue } from '../pickle/values.js';
import { addTorchArchive, archiveRootOf, type PlannedStorage } from './archive-plan.js';
import { type PickledStorage, TorchPickler } from './pickler.js';
import { StoredViews } from './stored-views.js';

export interface TorchSavePlan {
  plan: CopyPlan;
  /** Chunks left out because another rank's chunk holds the same box. */
  replicaCount: number;
  storageCount: number;
}

/**
 * Plans a torch.save file of `tree`, whose leaves are entries of `checkpoint`. Tensors of a torch file keep
 * the storages that they share; all others come out contiguous and each with a storage of its own, as from torch's
 * own converter. Tensor entries must be resolved, object entries loaded.
 *
 * `path` is the name that the file will have: torch names the archive's top-level directory after it.
 * @throws CorruptDataError, FormatError naming the tensor whose chunks do not tile it.
 */
export function planTorchSave(
  checkpoint: Checkpoint,
  tree: PyValue,
  path: string,
  options: { withCrc: boolean },
): TorchSavePlan {
  const builder = new CopyPlanBuilder();
  const gatherer = new TensorGatherer(checkpoint, builder);
  const storageCount = addTorchFile(builder, gatherer, checkpoint, tree, path, options.withCrc);
  return { plan: builder.build(), replicaCount: gatherer.replicaCount, storageCount };
}

/** Adds such a file to a plan that may have other outputs. Returns the number of its storages. */
export function addTorchFile(
  builder: CopyPlanBuilder,
  gatherer: TensorGatherer,
  checkpoint: Checkpoint,
  tree: PyValue,
  path: string,
  withCrc: boolean,
): number {
  const views = new StoredViews(checkpoint);
  const pickler = new TorchPickler({
    viewOf: entry => views.of(entry),
    keepParameters: checkpoint.format === 'torch',
  });
  const pickle = pickler.encode(tree);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const output = builder.addOutput({ name, byteLength: 0 });
  const byteLength = addTorchArchive(builder, output, 0, {
    root: archiveRootOf(path),
    pickle,
    storages: pickler.storages.map(storage => plannedStorage(gatherer, storage)),
    withCrc,
  });
  builder.setOutputByteLength(output, byteLength);
  return pickler.storages.length;
}

/** How the bytes of a pickled storage get into its record. */
export function plannedStorage(gatherer: TensorGatherer, storage: PickledStorage): PlannedStorage {
  const { byteLength, cast } = storage;
  return {
    byteLength,
    cast,
    addPieces: () => {
      if (storage.kind === 'tensor') {
        gatherer.addTensor(storage.entry, storage.stride);
        return;
      }
      const storedByteLength = cast === undefined ? byteLength : uncastByteLength(byteLength, cast);
      gatherer.addStorage(storage.row, cast?.from ?? storage.dtype, storedByteLength, storage.label);
    },
  };
}
