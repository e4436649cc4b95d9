import { clipPiece, type PiecePart, pieceAt } from '../copy/clip.js';
import type { CopyPlan, PieceDimension } from '../copy/plan.js';
import { forEachIndex, readShape } from '../copy/read-shape.js';
import type { Tile } from '../copy/tile.js';

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

/** Bytes that come into the staging area side by side. */
export type StagingRead = RunRead | AssembledRead;

/** One run of a source. */
export interface RunRead {
  kind: 'run';
  source: number;
  byteOffset: number;
  byteLength: number;
  stagingByteOffset: number;
  /** Index into the plan's transforms, applied to what was read. */
  transform: number;
}

/**
 * A range of a record that is put together on the way, because its bytes lie far apart in the source, or because its
 * elements are cast.
 */
export interface AssembledRead {
  kind: 'assembled';
  record: number;
  startByte: number;
  byteLength: number;
  stagingByteOffset: number;
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
/** A record whose bytes are spread over more than this times their number is put together on the way. */
const MAX_SPREAD = 2;

interface Span {
  source: number;
  byteOffset: number;
  byteLength: number;
  transform: number;
  gather: Gather;
}

/** The layout of one tile. A tile need not be whole elements long, but its cuts are cuts between elements. */
export function planTileLayout(plan: CopyPlan, tile: Tile): TileLayout {
  const { records } = plan;
  const layout = new LayoutBuilder(plan);
  for (let record = tile.firstRecord; record <= tile.lastRecord; record++) {
    const start = record === tile.firstRecord ? tile.startByte : 0;
    const end = record === tile.lastRecord ? tile.endByte : records.byteLength[record]!;
    if (end > start) layout.addSegment(record, start, end);
  }
  return layout.build();
}

class LayoutBuilder {
  private readonly segments: TileSegment[] = [];
  private readonly reads: StagingRead[] = [];
  private readonly gathers: Gather[] = [];
  /** Reads that may be joined with their neighbours. */
  private readonly spans: Span[] = [];
  private tileByteLength = 0;
  private stagingByteLength = 0;

  constructor(private readonly plan: CopyPlan) {}

  addSegment(record: number, start: number, end: number): void {
    const { records, pieces } = this.plan;
    const byteLength = end - start;
    const tileByteOffset = alignUp(this.tileByteLength, SEGMENT_ALIGNMENT);
    this.tileByteLength = tileByteOffset + byteLength;
    this.segments.push({ record, startByte: start, byteLength, tileByteOffset });
    const first = records.firstPiece[record]!;
    const parts: { piece: number; part: PiecePart }[] = [];
    let isAssembled = records.cast[record] !== 0;
    if (!isAssembled) {
      for (let piece = first; piece < first + records.pieceCount[record]!; piece++) {
        for (const part of clipPiece(pieceAt(pieces, piece), start, end)) parts.push({ piece, part });
      }
      isAssembled = parts.some(({ part }) => spreadOf(part) > MAX_SPREAD);
    }
    if (isAssembled) {
      const stagingByteOffset = this.reserve(byteLength, tileByteOffset);
      this.reads.push({ kind: 'assembled', record, startByte: start, byteLength, stagingByteOffset });
      this.gathers.push({ stagingByteOffset, tileByteOffset, runByteLength: byteLength, dimensions: [] });
      return;
    }
    for (const { piece, part } of parts) {
      this.addPart(piece, part, tileByteOffset + part.recordByteOffset - start);
    }
  }

  private addPart(piece: number, part: PiecePart, tileByteOffset: number): void {
    const { pieces, storages } = this.plan;
    const storage = pieces.storage[piece]!;
    const source = storages.source[storage]!;
    const byteOffset = storages.byteOffset[storage]! + part.sourceByteOffset;
    const transform = pieces.transform[piece]!;
    const { runByteLength } = part;
    const { covered, remaining, span } = readShape(part);
    if (remaining.length === 0) {
      const gather = { stagingByteOffset: 0, tileByteOffset, runByteLength, dimensions: covered };
      this.spans.push({ source, byteOffset, byteLength: span, transform, gather });
      this.gathers.push(gather);
      return;
    }
    // Many reads, side by side: their places in the staging area take the place of those in the source.
    const step = alignUp(span, SEGMENT_ALIGNMENT);
    const readCount = remaining.reduce((product, { count }) => product * count, 1);
    const stagingByteOffset = this.reserve(step * readCount, tileByteOffset);
    let at = stagingByteOffset;
    forEachIndex(remaining, sourceStep => {
      const read = { source, byteOffset: byteOffset + sourceStep, byteLength: span, stagingByteOffset: at };
      this.reads.push({ kind: 'run', ...read, transform });
      at += step;
    });
    const stacked = remaining.map(({ count, recordStep }, d) => ({
      count,
      sourceStep: remaining.slice(d + 1).reduce((product, inner) => product * inner.count, step),
      recordStep,
    }));
    const dimensions = [...stacked, ...covered].sort((a, b) => b.recordStep - a.recordStep);
    this.gathers.push({ stagingByteOffset, tileByteOffset, runByteLength, dimensions });
  }

  /** A place in the staging area whose words begin as the target's do: the fast case of gathering. */
  private reserve(byteLength: number, tileByteOffset: number): number {
    const at = alignUp(this.stagingByteLength, SEGMENT_ALIGNMENT) + (tileByteOffset & 3);
    this.stagingByteLength = at + byteLength;
    return at;
  }

  build(): TileLayout {
    for (const group of mergedSpans(this.spans)) {
      const [{ source, byteOffset, transform, gather }] = group as [Span, ...Span[]];
      const byteLength = Math.max(...group.map(span => span.byteOffset + span.byteLength)) - byteOffset;
      const stagingByteOffset = this.reserve(byteLength, gather.tileByteOffset);
      this.reads.push({ kind: 'run', source, byteOffset, byteLength, stagingByteOffset, transform });
      for (const span of group) {
        span.gather.stagingByteOffset = stagingByteOffset + (span.byteOffset - byteOffset);
      }
    }
    const { segments, tileByteLength, reads, gathers, stagingByteLength } = this;
    return { segments, tileByteLength, reads, gathers, stagingByteLength };
  }
}

/** Bytes that a part takes in the staging area, for each wanted one. */
function spreadOf(part: PiecePart): number {
  const { remaining, span } = readShape(part);
  const product = (sum: number, { count }: PieceDimension): number => sum * count;
  const step = remaining.length === 0 ? span : alignUp(span, SEGMENT_ALIGNMENT);
  return remaining.reduce(product, step) / part.dimensions.reduce(product, part.runByteLength);
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

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Bytes of records in a tile. `lengths`: those of the records. */
export function byteLengthOfTile(
  { firstRecord, startByte, lastRecord, endByte }: Tile,
  lengths: ArrayLike<number>,
): number {
  let sum = endByte - startByte;
  for (let record = firstRecord; record < lastRecord; record++) sum += lengths[record]!;
  return sum;
}
