import { clipPiece, type PiecePart, pieceAt } from '../copy/clip.js';
import type { CopyPlan, PieceDimension } from '../copy/plan.js';
import { readShape, type Tile } from '../copy/tile.js';

/**
 * How a tile is brought to a device: what to read from which files into a *staging* area, side by side as it lies
 * there, and how the device gathers the tile's bytes from it. Plain data.
 */
export interface TileLayout {
  segments: readonly TileSegment[];
  tileByteLength: number;
  reads: readonly StagingRead[];
  gathers: readonly Gather[];
  stagingByteLength: number;
}

/** A byte range of a record, and where it begins in the tile. */
export interface TileSegment {
  record: number;
  startByte: number;
  byteLength: number;
  tileByteOffset: number;
}

/** One run of a file. */
export interface StagingRead {
  source: number;
  byteOffset: number;
  byteLength: number;
  stagingByteOffset: number;
  /** Index into the plan's transforms, applied to what was read. */
  transform: number;
  /** Where the wanted bytes lie far apart: the part that is read and put side by side on the way. */
  sparse?: PiecePart;
}

/** Runs of the staging area that become runs of the tile. Steps are in bytes. */
export interface Gather {
  stagingByteOffset: number;
  tileByteOffset: number;
  runByteLength: number;
  /** Outermost first; `sourceStep` counts in the staging area, `recordStep` in the tile. */
  dimensions: readonly PieceDimension[];
}

/** Records begin at multiples of this in a tile: whole elements of every type, whole words of the device. */
const SEGMENT_ALIGNMENT = 16;
/** Neighbouring runs of a file that are not further apart are read at once, if they are short. */
const MAX_MERGE_GAP = 16 << 10;
const MAX_MERGED_RUN = 256 << 10;
/** A part whose bytes are spread over more than this times their number is put together while it is read. */
const MAX_SPREAD = 4;

interface Span {
  source: number;
  byteOffset: number;
  byteLength: number;
  transform: number;
  gather: Gather;
}

/** The layout of one tile. A tile need not be whole elements long, but its cuts are cuts between elements. */
export function planTileLayout(plan: CopyPlan, tile: Tile): TileLayout {
  const { records, pieces, storages } = plan;
  const segments: TileSegment[] = [];
  const spans: Span[] = [];
  const reads: StagingRead[] = [];
  const gathers: Gather[] = [];
  let tileByteLength = 0;
  let stagingByteLength = 0;

  const reserve = (byteLength: number, likeByteOffset: number): number => {
    // Source and target words then begin alike, which is the fast case of the gather.
    const at = alignUp(stagingByteLength, SEGMENT_ALIGNMENT) + (likeByteOffset & 3);
    stagingByteLength = at + byteLength;
    return at;
  };

  for (let record = tile.firstRecord; record <= tile.lastRecord; record++) {
    const start = record === tile.firstRecord ? tile.startByte : 0;
    const end = record === tile.lastRecord ? tile.endByte : records.byteLength[record]!;
    if (end === start) continue;
    const segmentOffset = alignUp(tileByteLength, SEGMENT_ALIGNMENT);
    tileByteLength = segmentOffset + (end - start);
    segments.push({ record, startByte: start, byteLength: end - start, tileByteOffset: segmentOffset });
    const first = records.firstPiece[record]!;
    for (let piece = first; piece < first + records.pieceCount[record]!; piece++) {
      const storage = pieces.storage[piece]!;
      const source = storages.source[storage]!;
      const base = storages.byteOffset[storage]!;
      const transform = pieces.transform[piece]!;
      for (const part of clipPiece(pieceAt(pieces, piece), start, end)) {
        const byteOffset = base + part.sourceByteOffset;
        const tileByteOffset = segmentOffset + part.recordByteOffset - start;
        const { covered, remaining, span } = readShape(part);
        const readCount = remaining.reduce((product, { count }) => product * count, 1);
        const wanted = part.dimensions.reduce((product, { count }) => product * count, part.runByteLength);
        if (readCount * span > MAX_SPREAD * wanted) {
          const stagingByteOffset = reserve(wanted, tileByteOffset);
          const moved = { ...part, sourceByteOffset: byteOffset };
          reads.push({ source, byteOffset, byteLength: wanted, stagingByteOffset, transform, sparse: moved });
          gathers.push(denseGather(part, stagingByteOffset, tileByteOffset));
        } else if (remaining.length === 0) {
          const gather: Gather = {
            stagingByteOffset: 0,
            tileByteOffset,
            runByteLength: part.runByteLength,
            dimensions: covered,
          };
          spans.push({ source, byteOffset, byteLength: span, transform, gather });
          gathers.push(gather);
        } else {
          const step = alignUp(span, 4);
          const stagingByteOffset = reserve(step * readCount, tileByteOffset);
          let stagingStep = step;
          const stacked = [...remaining].reverse().map(({ count, recordStep }) => {
            const dimension = { count, sourceStep: stagingStep, recordStep };
            stagingStep *= count;
            return dimension;
          });
          let at = stagingByteOffset;
          eachOffset(remaining, offset => {
            reads.push({
              source,
              byteOffset: byteOffset + offset,
              byteLength: span,
              stagingByteOffset: at,
              transform,
            });
            at += step;
          });
          gathers.push({
            stagingByteOffset,
            tileByteOffset,
            runByteLength: part.runByteLength,
            dimensions: [...stacked, ...covered].sort((a, b) => b.recordStep - a.recordStep),
          });
        }
      }
    }
  }
  for (const group of mergedSpans(spans)) {
    const [head] = group as [Span, ...Span[]];
    const end = Math.max(...group.map(span => span.byteOffset + span.byteLength));
    const byteLength = end - head.byteOffset;
    const stagingByteOffset = reserve(byteLength, head.gather.tileByteOffset);
    const { source, byteOffset, transform } = head;
    reads.push({ source, byteOffset, byteLength, stagingByteOffset, transform });
    for (const span of group) {
      span.gather.stagingByteOffset = stagingByteOffset + (span.byteOffset - byteOffset);
    }
  }
  return { segments, tileByteLength, reads, gathers, stagingByteLength };
}

/** Groups of spans that one read covers: short neighbours in one file. A span with a transform stays alone. */
function mergedSpans(spans: Span[]): Span[][] {
  spans.sort((a, b) => a.source - b.source || a.byteOffset - b.byteOffset);
  const groups: Span[][] = [];
  let groupEnd = 0;
  for (const span of spans) {
    const group = groups.at(-1);
    const head = group?.[0];
    const joins =
      head !== undefined &&
      head.source === span.source &&
      head.transform === 0 &&
      span.transform === 0 &&
      span.byteOffset - groupEnd <= MAX_MERGE_GAP &&
      Math.max(groupEnd, span.byteOffset + span.byteLength) - head.byteOffset <= MAX_MERGED_RUN;
    if (joins) group!.push(span);
    else groups.push([span]);
    const end = span.byteOffset + span.byteLength;
    groupEnd = joins ? Math.max(groupEnd, end) : end;
  }
  return groups;
}

/** The gather of a part whose bytes lie side by side, in the record's order. */
export function denseGather(part: PiecePart, stagingByteOffset: number, tileByteOffset: number): Gather {
  return {
    stagingByteOffset,
    tileByteOffset,
    runByteLength: part.runByteLength,
    dimensions: denseDimensions(part).map(({ count, recordStep }, d, all) => ({
      count,
      sourceStep: all.slice(d + 1).reduce((step, inner) => step * inner.count, part.runByteLength),
      recordStep,
    })),
  };
}

/** The dimensions of a part by falling step in the record. */
function denseDimensions(part: PiecePart): PieceDimension[] {
  return [...part.dimensions].sort((a, b) => b.recordStep - a.recordStep);
}

/** Calls `action` with the source offset of every index of the dimensions, the last one running fastest. */
function eachOffset(dimensions: readonly PieceDimension[], action: (sourceOffset: number) => void): void {
  const visit = (level: number, offset: number): void => {
    const dimension = dimensions[level];
    if (dimension === undefined) return action(offset);
    for (let i = 0; i < dimension.count; i++) visit(level + 1, offset + i * dimension.sourceStep);
  };
  visit(0, 0);
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
