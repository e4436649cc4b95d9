import { castOf, type TensorEntry } from '../checkpoint/checkpoint.js';
import type { CopyReport } from '../copy/copy.js';
import type { CopyPlan } from '../copy/plan.js';

/** Tensors of one element type that became another. */
export interface CastReport {
  from: string;
  to: string;
  tensors: number;
  /** Finite elements that are infinite in the other type. Undefined where nothing was copied. */
  overflows?: number;
  /** FQN of the first tensor with such elements. */
  firstOverflow?: string;
}

/** In the order in which the casts first occur in the checkpoint. */
export function castReports(
  tensors: readonly TensorEntry[],
  plan: CopyPlan,
  overflows: CopyReport['overflows'] | undefined,
): CastReport[] {
  const reports = new Map<string, CastReport>();
  for (const tensor of tensors) {
    const cast = castOf(tensor);
    if (cast === undefined) continue;
    const [from, to] = [cast.from.name, cast.to.name];
    const report = reports.get(`${from}>${to}`);
    if (report !== undefined) report.tensors++;
    else
      reports.set(`${from}>${to}`, {
        from,
        to,
        tensors: 1,
        ...(overflows === undefined ? {} : { overflows: 0 }),
      });
  }
  const { records, pieces, casts, storageLabels } = plan;
  for (const [record, count] of [...(overflows ?? [])].sort(([a], [b]) => a - b)) {
    const { from, to } = casts[records.cast[record]! - 1]!;
    const report = reports.get(`${from}>${to}`)!;
    report.overflows = (report.overflows ?? 0) + count;
    report.firstOverflow ??= storageLabels[pieces.storage[records.firstPiece[record]!]!]!;
  }
  return [...reports.values()];
}
