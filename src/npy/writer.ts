import type { CopyPlanBuilder, RecordCast } from '../copy/plan.js';
import { addArchive } from '../zip/archive-plan.js';
import { encodeNpyHeader } from './header.js';

/** An array to be written, of a type that numpy has, in C order. */
export interface PlannedArray {
  readonly name: string;
  /** As a .npy header names it: `<f4`. */
  readonly type: string;
  readonly shape: readonly number[];
  /** Of its elements, as they are written. */
  readonly byteLength: number;
  readonly cast?: RecordCast | undefined;
  /** Adds the pieces to the plan's current record. */
  addPieces(): void;
}

/** Adds a .npy file to a plan, alone in its output. Returns its byte length. */
export function addNpy(plan: CopyPlanBuilder, output: number, array: PlannedArray): number {
  const header = encodeNpyHeader(array.type, array.shape);
  plan.addLiteral(output, 0, header);
  plan.beginRecord(output, header.length, array.byteLength, array.cast);
  array.addPieces();
  return header.length + array.byteLength;
}

/** So that the elements of every array are aligned for any type, behind headers of a multiple of 64 bytes. */
const ALIGNMENT = 64;

/**
 * Adds a .npz file to a plan, alone in its output: a zip archive of .npy files named after their arrays, stored as
 * `numpy.savez` stores them. Archives and arrays may be larger than 4 GiB. Returns its byte length.
 * @throws UsageError for names that a zip archive cannot have.
 */
export function addNpz(plan: CopyPlanBuilder, output: number, arrays: readonly PlannedArray[]): number {
  return addArchive(plan, output, 0, {
    root: undefined,
    alignment: ALIGNMENT,
    withCrc: true,
    records: arrays.map(({ name, type, shape, byteLength, cast, addPieces }) => ({
      kind: 'copied',
      name: `${name}.npy`,
      head: encodeNpyHeader(type, shape),
      byteLength,
      cast,
      addPieces,
    })),
  });
}
