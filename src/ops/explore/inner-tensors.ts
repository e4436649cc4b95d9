import type { Checkpoint, ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { TensorSource } from '../../checkpoint/gather.js';
import { DcpError } from '../../errors.js';
import { tensorsInObjects } from '../../torch/object-tensors.js';

/**
 * The tensors inside objects of a checkpoint, found when they are asked for and each once: they can be looked at as the
 * others can, but their bytes are found by chunks of their own.
 */
export class InnerTensors {
  private readonly found = new Map<ObjectEntry, readonly TensorEntry[]>();
  private readonly holders = new Map<TensorEntry, { holder: ObjectEntry; source: TensorSource }>();

  constructor(private readonly checkpoint: Checkpoint) {}

  /** Storages outside tensors are tensors of one dimension. None where the object is not loaded, or malformed. */
  of(object: ObjectEntry): readonly TensorEntry[] {
    const known = this.found.get(object);
    if (known !== undefined) return known;
    if (object.value === undefined) return [];
    const tensors = this.search(object);
    this.found.set(object, tensors);
    return tensors;
  }

  holderOf(entry: TensorEntry): ObjectEntry | undefined {
    return this.holders.get(entry)?.holder;
  }

  /** Where the bytes of a tensor are; undefined for one that is an entry of the checkpoint. */
  sourceOf(entry: TensorEntry): TensorSource | undefined {
    return this.holders.get(entry)?.source;
  }

  private search(object: ObjectEntry): readonly TensorEntry[] {
    try {
      const source = tensorsInObjects(this.checkpoint, [object], { storages: true });
      for (const entry of source.entries) this.holders.set(entry, { holder: object, source });
      return source.entries;
    } catch (error) {
      // Its lines show a malformed tensor as the call that it is.
      if (error instanceof DcpError) return [];
      throw error;
    }
  }
}
