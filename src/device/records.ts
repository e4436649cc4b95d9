import { type Box, contiguousStride, elementCountOf, wholeBox } from '../checkpoint/box.js';
import { castOf, type TensorEntry } from '../checkpoint/checkpoint.js';
import { Gatherers, type TensorSource } from '../checkpoint/gather.js';
import { type CopyPlan, CopyPlanBuilder } from '../copy/plan.js';
import { UsageError } from '../errors.js';

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
  /** Where the entry's chunks are: the checkpoint, or the tensors inside its objects. */
  source: TensorSource;
  box?: Box;
}

/**
 * Plans tensors for a device. Entries must be resolved.
 * @throws CorruptDataError, FormatError with the FQN, where chunks do not tile a tensor.
 */
export function planTensorRecords(wanted: readonly WantedBox[]): TensorRecords {
  const plan = new CopyPlanBuilder();
  const gatherers = new Gatherers(plan);
  const tensors = wanted.map(({ entry, source, box }): RecordTensor => {
    const target = box ?? wholeBox(entry.shape);
    const byteLength = elementCountOf(target.sizes) * entry.dtype.itemSize;
    plan.beginRecord(plan.addOutput({ name: entry.fqn, byteLength }), 0, byteLength, castOf(entry));
    gatherers.of(source).addBox(entry, target, contiguousStride(target.sizes));
    return { fqn: entry.fqn, dtype: entry.dtype.name, shape: target.sizes };
  });
  return { plan: plan.build(), tensors };
}

/** @throws UsageError for records that cannot be compared one by one: in number, type or shape. */
export function requireSameRecords(a: TensorRecords, b: TensorRecords): void {
  const textOf = (tensor: RecordTensor | undefined): string =>
    tensor === undefined ? 'nothing' : `${tensor.dtype} [${tensor.shape.join(', ')}]`;
  for (let i = 0; i < Math.max(a.tensors.length, b.tensors.length); i++) {
    const [expected, found] = [textOf(a.tensors[i]), textOf(b.tensors[i])];
    if (expected === found) continue;
    const fqn = (a.tensors[i] ?? b.tensors[i])!.fqn;
    throw new UsageError('Only tensors of one type and shape can be compared', { expected, found, fqn });
  }
}
