import { type Box, contiguousStride, elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../checkpoint/checkpoint.js';
import { TensorGatherer } from '../checkpoint/gather.js';
import { type CopyPlan, CopyPlanBuilder } from '../copy/plan.js';

/**
 * Tensors, or boxes of them, as the bytes of which files: record i of the plan is tensor i, row-major, alone in
 * output i from byte 0. Plain data; the plan's columns are over shared memory, which threads see without a copy and
 * which another process must be sent as copies.
 */
export interface TensorRecords {
  plan: CopyPlan;
  /** One a record. */
  tensors: readonly RecordTensor[];
}

export interface RecordTensor {
  /** For messages. */
  fqn: string;
  /** Name of the element type. */
  dtype: string;
  shape: readonly number[];
}

/** What to put into one record: a whole tensor, or a box of it. */
export interface WantedBox {
  entry: TensorEntry;
  box?: Box;
}

/**
 * Plans tensors for a device. Entries must be resolved.
 * @throws CorruptDataError, FormatError with the FQN, where chunks do not tile a tensor.
 */
export function planTensorRecords(checkpoint: Checkpoint, wanted: readonly WantedBox[]): TensorRecords {
  const plan = new CopyPlanBuilder();
  const gatherer = new TensorGatherer(checkpoint, plan);
  const tensors = wanted.map(({ entry, box }): RecordTensor => {
    const target = box ?? { offsets: entry.shape.map(() => 0), sizes: entry.shape };
    const byteLength = elementCountOf(target.sizes) * entry.dtype.itemSize;
    plan.beginRecord(plan.addOutput({ name: entry.fqn, byteLength }), 0, byteLength);
    gatherer.addBox(entry, target, contiguousStride(target.sizes));
    return { fqn: entry.fqn, dtype: entry.dtype.name, shape: target.sizes };
  });
  return { plan: plan.build(), tensors };
}
