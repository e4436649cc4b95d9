import { type Checkpoint, type Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { leavesOf } from '../checkpoint/flatten.js';
import type { TensorSource } from '../checkpoint/gather.js';
import { stridedTensorOf, tensorSourceOf } from '../torch/object-tensors.js';
import { type StridedTensor, tensorFormOf } from '../torch/tensors.js';

/** Entries of a checkpoint as torch flattens a state dict since 2.4, and where the bytes of the tensors are. */
export interface FlatEntries {
  readonly entries: readonly Entry[];
  sourceOf(entry: TensorEntry): TensorSource;
}

/**
 * The entries of a checkpoint, its objects loaded. A mapping that is stored as one object (torch before 2.4 did so
 * where there was no tensor in it, torch 1.13 always) is taken apart, so that it compares with one that is not.
 */
export async function flatEntriesOf(checkpoint: Checkpoint): Promise<FlatEntries> {
  const objects = checkpoint.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  await checkpoint.loadObjects(objects);
  const inside: { entry: TensorEntry; tensor: StridedTensor }[] = [];
  const entries = checkpoint.entries.flatMap((entry): Entry[] => {
    if (entry.kind === 'tensor') return [entry];
    return [...leavesOf(entry.value!, value => tensorFormOf(value).kind !== 'none')].map(leaf => {
      if (leaf.path.length === 0) return entry;
      const path = [...entry.path, ...leaf.path];
      const fqn = path.join('.');
      const tensor = stridedTensorOf(leaf.value);
      if (tensor === undefined) {
        const object = new ObjectEntry(fqn, path);
        object.value = leaf.value;
        return object;
      }
      const made = new TensorEntry(fqn, path, tensor.dtype, tensor.size);
      made.requiresGrad = tensor.requiresGrad;
      inside.push({ entry: made, tensor });
      return made;
    });
  });
  const source = tensorSourceOf(checkpoint, inside);
  const made = new Set(inside.map(({ entry }) => entry));
  return { entries, sourceOf: entry => (made.has(entry) ? source : checkpoint) };
}
