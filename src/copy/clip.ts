import type { PieceColumns, PieceDimension } from './plan.js';

/** A part of a piece: the same shape of thing, as an object. Offsets are bytes, as in {@link PieceColumns}. */
export interface PiecePart {
  sourceByteOffset: number;
  recordByteOffset: number;
  runByteLength: number;
  /** Outermost first, by the record's order. */
  dimensions: PieceDimension[];
}

/** Bytes of the record from the first to the last byte that the dimensions and the run touch. */
function recordSpan(runByteLength: number, dimensions: readonly PieceDimension[]): number {
  let span = runByteLength;
  for (const { count, recordStep } of dimensions) span += (count - 1) * recordStep;
  return span;
}

export function pieceAt(pieces: PieceColumns, piece: number): PiecePart {
  const dimensions: PieceDimension[] = [];
  const first = pieces.firstDimension[piece]! * 3;
  for (let i = first; i < first + pieces.dimensionCount[piece]! * 3; i += 3) {
    dimensions.push({
      count: pieces.dimensions[i]!,
      sourceStep: pieces.dimensions[i + 1]!,
      recordStep: pieces.dimensions[i + 2]!,
    });
  }
  return {
    sourceByteOffset: pieces.sourceByteOffset[piece]!,
    recordByteOffset: pieces.recordByteOffset[piece]!,
    runByteLength: pieces.runByteLength[piece]!,
    dimensions,
  };
}

/**
 * The parts of a piece that fall into the bytes `[start, end)` of its record, in the record's order.
 * A range that cuts through rows gives a part for the cut row on either side and one for the rows between.
 */
export function clipPiece(piece: PiecePart, start: number, end: number): PiecePart[] {
  const parts: PiecePart[] = [];
  const { dimensions, runByteLength } = piece;
  /** span[level]: record bytes that `dimensions[level…]` touch. */
  const span = dimensions.map((_, level) => recordSpan(runByteLength, dimensions.slice(level)));
  span.push(runByteLength);

  const visit = (level: number, source: number, record: number): void => {
    if (record >= end || record + span[level]! <= start) return;
    if (record >= start && record + span[level]! <= end) {
      parts.push({
        sourceByteOffset: source,
        recordByteOffset: record,
        runByteLength,
        dimensions: dimensions.slice(level),
      });
      return;
    }
    if (level === dimensions.length) {
      const from = Math.max(start, record);
      const to = Math.min(end, record + runByteLength);
      parts.push({
        sourceByteOffset: source + (from - record),
        recordByteOffset: from,
        runByteLength: to - from,
        dimensions: [],
      });
      return;
    }
    const { count, sourceStep, recordStep } = dimensions[level]!;
    const inner = span[level + 1]!;
    const firstTouched = Math.max(0, Math.floor((start - record - inner) / recordStep) + 1);
    const lastTouched = Math.min(count - 1, Math.ceil((end - record) / recordStep) - 1);
    const firstWhole = Math.max(0, Math.ceil((start - record) / recordStep));
    const lastWhole = Math.min(count - 1, Math.floor((end - record - inner) / recordStep));
    const visitOne = (index: number) =>
      visit(level + 1, source + index * sourceStep, record + index * recordStep);
    if (firstWhole > lastWhole) {
      for (let index = firstTouched; index <= lastTouched; index++) visitOne(index);
      return;
    }
    for (let index = firstTouched; index < firstWhole; index++) visitOne(index);
    parts.push({
      sourceByteOffset: source + firstWhole * sourceStep,
      recordByteOffset: record + firstWhole * recordStep,
      runByteLength,
      dimensions: [
        { count: lastWhole - firstWhole + 1, sourceStep, recordStep },
        ...dimensions.slice(level + 1),
      ],
    });
    for (let index = lastWhole + 1; index <= lastTouched; index++) visitOne(index);
  };

  visit(0, piece.sourceByteOffset, piece.recordByteOffset);
  return parts;
}
