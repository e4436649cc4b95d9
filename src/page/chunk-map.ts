import type { Rectangle } from './treemap.js';

/** A chunk of a tensor, drawn to scale on a plane of two of its dimensions. */
export interface ChunkTile extends Rectangle {
  /** Position of the chunk in its layout. */
  chunk: number;
}

export interface ChunkMap {
  tiles: ChunkTile[];
  /** Which dimensions run down and across; -1 for none. */
  down: number;
  across: number;
  height: number;
}

const MIN_HEIGHT = 24;
const MAX_HEIGHT = 240;

/**
 * The boxes of a tensor on a plane `width` wide, to the scale of the two dimensions that are cut, or are the longest;
 * the scales of the two differ. A row a chunk: file, offsets, sizes.
 */
export function chunkMap(shape: readonly number[], layout: readonly number[][], width: number): ChunkMap {
  const [down, across] = planeOf(shape, layout);
  const rows = down === -1 ? 1 : shape[down]!;
  const columns = across === -1 ? 1 : shape[across]!;
  const height = Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, (width * rows) / columns));
  const dimensionCount = shape.length;
  const spanOf = (chunk: readonly number[], d: number, length: number): [start: number, extent: number] => {
    const whole = d === -1 ? 1 : shape[d]!;
    if (d === -1 || whole === 0) return [0, length];
    return [(chunk[1 + d]! / whole) * length, (chunk[1 + dimensionCount + d]! / whole) * length];
  };
  const tiles = layout.map((row, chunk): ChunkTile => {
    const [y, tileHeight] = spanOf(row, down, height);
    const [x, tileWidth] = spanOf(row, across, width);
    return { chunk, x, y, width: tileWidth, height: tileHeight };
  });
  return { tiles, down, across, height };
}

/** The first of two dimensions runs down. Cut ones go before whole ones, longer before shorter. */
function planeOf(shape: readonly number[], layout: readonly number[][]): [down: number, across: number] {
  const isCut = (d: number): boolean => layout.some(row => row[1 + shape.length + d] !== shape[d]);
  const chosen = shape
    .map((size, d) => ({ d, size, rank: isCut(d) ? 1 : 0 }))
    .sort((a, b) => b.rank - a.rank || b.size - a.size || a.d - b.d)
    .slice(0, 2)
    .map(({ d }) => d)
    .sort((a, b) => a - b);
  if (chosen.length === 0) return [-1, -1];
  return chosen.length === 1 ? [-1, chosen[0]!] : [chosen[0]!, chosen[1]!];
}
