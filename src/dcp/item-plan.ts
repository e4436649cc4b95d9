import { type Box, contiguousStride, elementCountOf, strideOfCopy, wholeBox } from '../checkpoint/box.js';
import { type Checkpoint, castOf, type ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { TensorGatherer } from '../checkpoint/gather.js';
import type { CopyPlanBuilder } from '../copy/plan.js';
import { UnsupportedError } from '../errors.js';
import { addTorchArchive } from '../torch/archive-plan.js';
import { type TensorView, TorchPickler } from '../torch/pickler.js';
import { tensorFormOf } from '../torch/tensors.js';
import { plannedStorage } from '../torch/writer.js';

/** The top-level directory of an archive that torch saves to a stream. */
const ITEM_ROOT = 'archive';

/** Adds items of `.distcp` files to a plan. Each is a whole torch.save archive; all return its byte length. */
export class ItemPlanner {
  private readonly gatherer: TensorGatherer;

  constructor(
    private readonly checkpoint: Checkpoint,
    private readonly plan: CopyPlanBuilder,
    private readonly withCrc: boolean,
  ) {
    this.gatherer = new TensorGatherer(checkpoint, plan);
  }

  /** @throws UnsupportedError for a tensor that DCP has no way to store. */
  addObject(output: number, byteOffset: number, entry: ObjectEntry): number {
    const form = tensorFormOf(entry.value!);
    if (form.kind === 'other') {
      throw new UnsupportedError(`DCP cannot hold this value as a tensor of its own: ${form.what}`, {
        fqn: entry.fqn,
        hint: 'Leave it out, or store it inside a tuple: torch then saves it as an object.',
      });
    }
    const pickler = new TorchPickler({ label: entry.fqn });
    const pickle = pickler.encode(entry);
    const storages = pickler.storages.map(storage => plannedStorage(this.gatherer, storage));
    return addTorchArchive(this.plan, output, byteOffset, {
      root: ITEM_ROOT,
      pickle,
      storages,
      withCrc: this.withCrc,
    });
  }

  /**
   * A whole tensor. One of a torch file as torch saves it: the storage as it is if the tensor has as many elements,
   * otherwise a copy that keeps the order of the strides. Of other sources, contiguous.
   */
  addTensor(output: number, byteOffset: number, entry: TensorEntry): number {
    if (entry.storage === undefined) {
      return this.addShard(output, byteOffset, entry, wholeBox(entry.shape));
    }
    const { chunks, storages } = this.checkpoint;
    const chunk = entry.firstChunk;
    const storage = chunks.storage[chunk]!;
    const byteLength = elementCountOf(entry.shape) * entry.storedDtype.itemSize;
    const isWholeStorage = storages.at(storage).byteLength === byteLength;
    const stride = chunks.strideOf(chunk);
    const view: TensorView = isWholeStorage
      ? { storageOffset: chunks.storageOffset[chunk]!, stride, flags: chunks.viewFlags[chunk]! }
      : { storageOffset: 0, stride: strideOfCopy(entry.shape, stride), flags: 0 };
    return this.addTensorArchive(output, byteOffset, entry, view, () => {
      if (isWholeStorage) this.gatherer.addStorage(storage, entry.storedDtype, byteLength, entry.fqn);
      else this.gatherer.addTensor(entry, view.stride);
    });
  }

  /** A box of a tensor, contiguous: what one rank saves of it. */
  addShard(output: number, byteOffset: number, entry: TensorEntry, box: Box): number {
    const shard = new TensorEntry(entry.fqn, entry.path, entry.dtype, box.sizes);
    shard.storedDtype = entry.storedDtype;
    const view: TensorView = { storageOffset: 0, stride: contiguousStride(box.sizes), flags: 0 };
    return this.addTensorArchive(output, byteOffset, shard, view, () =>
      this.gatherer.addBox(entry, box, view.stride),
    );
  }

  private addTensorArchive(
    output: number,
    byteOffset: number,
    entry: TensorEntry,
    view: TensorView,
    addPieces: () => void,
  ): number {
    const pickle = new TorchPickler({ label: entry.fqn, viewOf: () => view }).encode(entry);
    const byteLength = elementCountOf(entry.shape) * entry.dtype.itemSize;
    return addTorchArchive(this.plan, output, byteOffset, {
      root: ITEM_ROOT,
      pickle,
      storages: [{ byteLength, cast: castOf(entry), addPieces }],
      withCrc: this.withCrc,
    });
  }
}
