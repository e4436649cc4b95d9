import type { PiecePart } from './clip.js';
import type { PieceDimension } from './plan.js';

/** One read covers no more than this. */
export const MAX_READ_BYTE_LENGTH = 8 << 20;
/** Bytes between two wanted runs that are read and dropped rather than sought over. */
const MAX_READ_GAP = 4096;
/** A run of so many bytes is worth a read of its own. */
const MAX_GAPPED_BYTE_LENGTH = 64 << 10;

/** How a part is read: see {@link readShape}. */
export interface ReadShape {
  covered: PieceDimension[];
  remaining: PieceDimension[];
  span: number;
}

/**
 * How a part is read: the dimensions that one read covers (its `span` in bytes, gaps included), and those over
 * which reads are repeated.
 */
export function readShape(part: PiecePart): ReadShape {
  const bySource = inSourceOrder(part);
  let span = part.runByteLength;
  let taken = 0;
  for (const { count, sourceStep } of bySource) {
    const next = span + (count - 1) * sourceStep;
    if (!isNear(sourceStep, span) || next > MAX_READ_BYTE_LENGTH) break;
    span = next;
    taken++;
  }
  const covered = new Set(bySource.slice(0, taken));
  return {
    covered: part.dimensions.filter(dimension => covered.has(dimension)),
    remaining: bySource.slice(taken),
    span,
  };
}

/**
 * The part as parts of which one read covers as much as it may: where the rows of a narrow tensor are too many for one,
 * as many as fit, and not each by itself.
 */
export function windowsOf(part: PiecePart): PiecePart[] {
  let span = part.runByteLength;
  for (const dimension of inSourceOrder(part)) {
    const { count, sourceStep, recordStep } = dimension;
    const next = span + (count - 1) * sourceStep;
    if (!isNear(sourceStep, span)) break;
    if (next <= MAX_READ_BYTE_LENGTH) {
      span = next;
      continue;
    }
    const rows = Math.floor((MAX_READ_BYTE_LENGTH - span) / sourceStep) + 1;
    return Array.from({ length: Math.ceil(count / rows) }, (_, i) => ({
      ...part,
      sourceByteOffset: part.sourceByteOffset + i * rows * sourceStep,
      recordByteOffset: part.recordByteOffset + i * rows * recordStep,
      dimensions: part.dimensions.map(other =>
        other === dimension ? { ...other, count: Math.min(rows, count - i * rows) } : other,
      ),
    }));
  }
  return [part];
}

/**
 * How far apart rows begin that are read with the gaps between them, in bytes; 0 where nothing is. Where reads begin
 * and end at multiples of it, they lie end to end, and their CRCs are those of the source, whatever is wanted of it.
 */
export function gappedStep(piece: PiecePart): number {
  let span = piece.runByteLength;
  for (const { count, sourceStep } of inSourceOrder(piece)) {
    if (!isNear(sourceStep, span)) return 0;
    if (sourceStep > span) return sourceStep;
    span += (count - 1) * sourceStep;
  }
  return 0;
}

function inSourceOrder({ dimensions }: PiecePart): PieceDimension[] {
  return [...dimensions].sort((a, b) => a.sourceStep - b.sourceStep);
}

/** Whether what comes next of the source is better read with what is before it. */
function isNear(sourceStep: number, span: number): boolean {
  const gap = sourceStep - span;
  return gap <= 0 || (gap <= MAX_READ_GAP && span < MAX_GAPPED_BYTE_LENGTH);
}

export function forEachIndex(
  dimensions: readonly PieceDimension[],
  action: (sourceStep: number, recordStep: number) => void,
): void {
  const visit = (level: number, source: number, record: number): void => {
    const dimension = dimensions[level];
    if (dimension === undefined) {
      action(source, record);
      return;
    }
    for (let i = 0; i < dimension.count; i++) {
      visit(level + 1, source + i * dimension.sourceStep, record + i * dimension.recordStep);
    }
  };
  visit(0, 0, 0);
}
