import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { DeviceDescription } from '../device/device.js';
import type { TreeNote } from './tree-notes.js';

/** What {@link diffCheckpoints} found. */
export interface DiffReport {
  /** Whether there is nothing in `differences`; with `strict` nothing in `notes` either. */
  equal: boolean;
  a: ComparedCheckpoint;
  b: ComparedCheckpoint;
  /** `bits`: elements are equal if their bytes are. `tolerance`: if |a − b| ≤ atol + rtol · |b|. */
  criterion: 'bits' | 'tolerance';
  atol: number;
  rtol: number;
  /** What both have, with one type and shape, and was compared; tensors inside objects too. */
  compared: { tensors: number; objects: number; elements: number; byteLength: number };
  device: DeviceDescription;
  /** Worst first: kinds in the order of {@link DIFFERENCE_KINDS}, values by how far they are apart. */
  differences: DiffDifference[];
  /** Tensors whose bytes differ and whose values do not, or by no more than the tolerance; most differing first. */
  close: ValuesDifference[];
  /** How the two hold the same values differently. */
  notes: TreeNote[];
}

export interface ComparedCheckpoint {
  path: string;
  format: Checkpoint['format'];
  tensors: number;
  objects: number;
}

export const DIFFERENCE_KINDS = [
  'only_in_a',
  'only_in_b',
  'kind',
  'shape',
  'dtype',
  'values',
  'object',
] as const;

export type DiffDifference =
  | OneSidedDifference
  | { kind: 'kind'; fqn: string; a: 'tensor' | 'object'; b: 'tensor' | 'object' }
  | { kind: 'shape'; fqn: string; a: number[]; b: number[] }
  | { kind: 'dtype'; fqn: string; a: string; b: string }
  | ValuesDifference
  /** `where`: as Python would write it behind the name of the object; empty for the object itself. */
  | { kind: 'object'; fqn: string; where: string; what: string };

export interface OneSidedDifference {
  kind: 'only_in_a' | 'only_in_b';
  fqn: string;
  entry: 'tensor' | 'object';
  /** Of a tensor. */
  dtype?: string;
  size?: number[];
}

export interface ValuesDifference {
  kind: 'values';
  fqn: string;
  dtype: string;
  size: number[];
  elements: number;
  /** Elements whose bytes differ. */
  differing: number;
  /** Elements that differ by the criterion: beyond the tolerance, or `differing`. */
  beyond: number;
  /** Position of the first whose bytes differ. */
  firstIndex: number[];
  /** Elements that differ where one side at least is NaN or Inf; the maxima are without them. */
  nonFinite: number;
  /** Largest |a − b|; null where no finite element differs. */
  maxAbs: number | null;
  /** Largest |a − b| / |b| where b is not 0; null where there is none. */
  maxRel: number | null;
}

/** Worst first. */
export function sortDifferences(differences: readonly DiffDifference[]): DiffDifference[] {
  const rank = ({ kind }: DiffDifference): number => DIFFERENCE_KINDS.indexOf(kind);
  return differences
    .map((difference, position) => ({ difference, position }))
    .sort(
      (a, b) =>
        rank(a.difference) - rank(b.difference) ||
        compareValues(a.difference, b.difference) ||
        a.position - b.position,
    )
    .map(({ difference }) => difference);
}

function compareValues(a: DiffDifference, b: DiffDifference): number {
  if (a.kind !== 'values' || b.kind !== 'values') return 0;
  return b.nonFinite - a.nonFinite || (b.maxAbs ?? -1) - (a.maxAbs ?? -1) || b.differing - a.differing;
}
