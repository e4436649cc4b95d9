import type { PlacedChunk, TensorLayout } from '../../ops/explore/tensor-layout.js';

/** A tensor's chunks drawn to scale, projected on at most two of its dimensions. */
export interface ChunkMap {
  /** Dimension from top to bottom; undefined for a strip. */
  readonly rowDimension: number | undefined;
  /** Dimension from left to right; undefined for a single number. */
  readonly columnDimension: number | undefined;
  /** In character cells. */
  readonly width: number;
  readonly height: number;
  /** Index of the chunk in each cell, row by row; {@link NO_CHUNK} where none holds what is there. */
  readonly cells: Int32Array;
  /** What each chunk in a cell is: `rank` undefined where no rank is told. */
  readonly ranks: ReadonlyMap<number, number | undefined>;
  /** Chunks in a cell that cannot be read. */
  readonly broken: ReadonlySet<number>;
  /** Elements where a chunk, or a hole, begins, with the cell that it begins in. */
  readonly rowCuts: readonly Cut[];
  readonly columnCuts: readonly Cut[];
  /** Chunks that are in no cell: empty, too thin, or behind another in a dimension that is not drawn. */
  readonly hiddenCount: number;
}

export interface Cut {
  readonly element: number;
  readonly cell: number;
}

export const NO_CHUNK = -1;

/** A strip for one dimension is that high. */
const STRIP_HEIGHT = 3;
const MAX_WIDTH = 72;
/** A cell of a terminal is about twice as high as wide. */
const CELL_ASPECT = 2;
const MIN_MATRIX_WIDTH = 16;
const MIN_MATRIX_HEIGHT = 4;

export function drawChunkMap(layout: TensorLayout, maxWidth: number, maxHeight: number): ChunkMap {
  const chunks = Array.from({ length: layout.chunkCount }, (_, i) => layout.chunkAt(i));
  const { shape } = layout;
  const starts = shape.map((size, d) => cutsAlong(chunks, d, size));
  const [rowDimension, columnDimension] = drawnDimensions(shape, starts);
  const startsOf = (d: number | undefined): number[] => (d === undefined ? [] : starts[d]!);
  const { width, height } = sizeOf(
    {
      size: rowDimension === undefined ? undefined : shape[rowDimension]!,
      cuts: startsOf(rowDimension),
    },
    {
      size: columnDimension === undefined ? undefined : shape[columnDimension]!,
      cuts: startsOf(columnDimension),
    },
    Math.min(maxWidth, MAX_WIDTH),
    maxHeight,
  );
  const cells = new Int32Array(width * height).fill(NO_CHUNK);
  const ranks = new Map<number, number | undefined>();
  const broken = new Set<number>();
  for (const [i, { offsets, sizes, rank, state }] of chunks.entries()) {
    if (sizes.includes(0)) continue;
    const [top, bottom] = cellsOf(rowDimension, offsets, sizes, shape, height);
    const [left, right] = cellsOf(columnDimension, offsets, sizes, shape, width);
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const cell = y * width + x;
        if (cells[cell] !== NO_CHUNK) continue;
        cells[cell] = i;
        ranks.set(i, rank);
        if (isBroken(state)) broken.add(i);
      }
    }
  }
  const cutsOf = (d: number | undefined, extent: number): Cut[] =>
    startsOf(d).map(element => ({ element, cell: firstCell(element, shape[d!]!, extent) }));
  return {
    rowDimension,
    columnDimension,
    width,
    height,
    cells,
    ranks,
    broken,
    rowCuts: cutsOf(rowDimension, height),
    columnCuts: cutsOf(columnDimension, width),
    hiddenCount: chunks.length - ranks.size,
  };
}

export function isBroken(state: PlacedChunk['state']): boolean {
  return state === 'missing' || state === 'short';
}

/** Where chunks begin, and where they end before the tensor does: in a whole one something begins there too. */
function cutsAlong(chunks: readonly PlacedChunk[], d: number, size: number): number[] {
  const cuts = new Set([0]);
  for (const { offsets, sizes } of chunks) {
    if (sizes.includes(0)) continue;
    for (const cut of [offsets[d]!, offsets[d]! + sizes[d]!]) if (cut < size) cuts.add(cut);
  }
  return [...cuts].sort((a, b) => a - b);
}

/** The two dimensions that are cut most; where fewer are cut, the largest of the others. Rows come first. */
function drawnDimensions(
  shape: readonly number[],
  starts: readonly number[][],
): [row: number | undefined, column: number | undefined] {
  if (shape.length <= 1) return [undefined, shape.length === 0 ? undefined : 0];
  const chosen = shape
    .map((size, d) => ({ d, size, cuts: starts[d]!.length }))
    .sort((a, b) => b.cuts - a.cuts || b.size - a.size || a.d - b.d)
    .slice(0, 2)
    .map(({ d }) => d)
    .sort((a, b) => a - b);
  return [chosen[0], chosen[1]];
}

interface Axis {
  size: number | undefined;
  cuts: readonly number[];
}

function sizeOf(
  row: Axis,
  column: Axis,
  maxWidth: number,
  maxHeight: number,
): { width: number; height: number } {
  if (column.size === undefined) return { width: Math.min(2, maxWidth), height: 1 };
  const height = Math.max(1, maxHeight);
  if (row.size === undefined) {
    return { width: even(maxWidth, maxWidth, column), height: Math.min(STRIP_HEIGHT, height) };
  }
  const aspect = Math.max(row.size, 1) / Math.max(column.size, 1);
  let [w, h] = [maxWidth, (maxWidth * aspect) / CELL_ASPECT];
  if (h > height) [w, h] = [(height * CELL_ASPECT) / aspect, height];
  const wide = Math.min(maxWidth, Math.max(Math.round(w), MIN_MATRIX_WIDTH));
  const high = Math.min(height, Math.max(Math.round(h), MIN_MATRIX_HEIGHT, row.cuts.length));
  return { width: even(wide, maxWidth, column), height: even(high, height, row) };
}

/** About as many cells as wanted, with all cuts between two of them where `most` cells are enough for that. */
function even(wanted: number, most: number, { size = 1, cuts }: Axis): number {
  const parts = size / cuts.reduce(greatestCommonDivisor, size);
  if (parts > 1 && parts <= most) return Math.max(parts, wanted - (wanted % parts));
  return Math.max(1, wanted);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** A cell shows what is at its middle. */
function firstCell(element: number, size: number, extent: number): number {
  return Math.max(0, Math.ceil((element * extent) / Math.max(size, 1) - 0.5));
}

function cellsOf(
  d: number | undefined,
  offsets: readonly number[],
  sizes: readonly number[],
  shape: readonly number[],
  extent: number,
): [start: number, end: number] {
  if (d === undefined) return [0, extent];
  const [start, end] = [offsets[d]!, offsets[d]! + sizes[d]!];
  return [firstCell(start, shape[d]!, extent), Math.min(extent, firstCell(end, shape[d]!, extent))];
}
