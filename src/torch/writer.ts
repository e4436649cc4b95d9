import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { TensorGatherer } from '../checkpoint/gather.js';
import type { StorageReference } from '../checkpoint/storage.js';
import { type CopyPlan, CopyPlanBuilder } from '../copy/plan.js';
import { type DTypeInfo, dtypeOfStorageClass } from '../dtype.js';
import type { PyValue } from '../pickle/values.js';
import { addTorchArchive, archiveRootOf, type PlannedStorage } from './archive-plan.js';
import { type PickledStorage, TorchPickler } from './pickler.js';

export interface TorchSavePlan {
  plan: CopyPlan;
  /** Chunks left out because another rank's chunk holds the same box. */
  replicaCount: number;
  storageCount: number;
}

/**
 * Plans a torch.save file of `tree`, whose leaves are entries of `checkpoint`; tensors come out contiguous and
 * each with a storage of its own, as from torch's own converter. Tensor entries must be resolved, object
 * entries loaded.
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
  const pickler = new TorchPickler();
  const pickle = pickler.encode(tree);
  const name = path.slice(path.lastIndexOf('/') + 1);
  const output = builder.addOutput({ name, byteLength: 0 });
  const byteLength = addTorchArchive(builder, output, 0, {
    root: archiveRootOf(path),
    pickle,
    storages: pickler.storages.map(storage => plannedStorage(gatherer, storage)),
    withCrc: options.withCrc,
  });
  builder.setOutputByteLength(output, byteLength);
  return {
    plan: builder.build(),
    replicaCount: gatherer.replicaCount,
    storageCount: pickler.storages.length,
  };
}

/** How the bytes of a pickled storage get into its record. */
export function plannedStorage(gatherer: TensorGatherer, storage: PickledStorage): PlannedStorage {
  const { byteLength } = storage;
  return {
    byteLength,
    addPieces: () => {
      if (storage.kind === 'tensor') gatherer.addTensor(storage.entry);
      else {
        const { reference, label } = storage;
        gatherer.addStorage(reference.storage, elementTypeOf(reference), byteLength, label);
      }
    },
  };
}

/** Undefined where nothing tells what an untyped storage holds. */
function elementTypeOf({ className, elementType }: StorageReference): DTypeInfo | undefined {
  return dtypeOfStorageClass(className) ?? (elementType === 'several' ? undefined : elementType);
}
