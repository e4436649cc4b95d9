import type { ByteNode } from './tree.js';

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A node where it is drawn, in CSS pixels. Groups come before what is in them. */
export interface Tile extends Rectangle {
  node: ByteNode;
  /** Whether what is in the group has tiles of its own; their room is below the title. */
  isOpen: boolean;
}

/** Height of the title of a group that has room for one. */
export const TITLE_HEIGHT = 16;
/** A group with less room than this is drawn as one tile. */
const MIN_OPEN = { width: 24, height: 24 };
const MIN_TITLED = { width: 60, height: 48 };
const PADDING = 1;

/**
 * Areas in proportion to bytes, nested as the names are: squarified (Bruls, Huizing, van Wijk, 2000), so that tiles
 * are as near to squares as can be. What would be too small to be seen is not laid out on its own.
 */
export function treemap(root: ByteNode, { width, height }: { width: number; height: number }): Tile[] {
  const tiles: Tile[] = [];
  const pending: { nodes: readonly ByteNode[]; room: Rectangle }[] = [];
  const open = (node: ByteNode, room: Rectangle): void => {
    pending.push({ nodes: node.children, room });
  };
  open(root.row === -1 ? root : { ...root, children: [root] }, { x: 0, y: 0, width, height });
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const tile of squarified(next.nodes, next.room)) {
      const { node } = tile;
      const isOpen =
        node.children.length > 0 && tile.width >= MIN_OPEN.width && tile.height >= MIN_OPEN.height;
      tiles.push({ ...tile, isOpen });
      if (!isOpen) continue;
      const title = titleHeight(tile);
      open(node, {
        x: tile.x + PADDING,
        y: tile.y + Math.max(PADDING, title),
        width: tile.width - 2 * PADDING,
        height: tile.height - Math.max(PADDING, title) - PADDING,
      });
    }
  }
  return tiles;
}

/** Room that the title of an open group takes. */
export function titleHeight({ width, height }: Rectangle): number {
  return width >= MIN_TITLED.width && height >= MIN_TITLED.height ? TITLE_HEIGHT : 0;
}

/** The tile at a point that was laid out last, which is the innermost. */
export function tileAt(tiles: readonly Tile[], x: number, y: number): Tile | undefined {
  return tiles.findLast(
    tile => x >= tile.x && x < tile.x + tile.width && y >= tile.y && y < tile.y + tile.height,
  );
}

/** Rows of tiles along the shorter side, each as long as its aspect ratios get better. `nodes` fall in size. */
function squarified(nodes: readonly ByteNode[], room: Rectangle): (Rectangle & { node: ByteNode })[] {
  const placed: (Rectangle & { node: ByteNode })[] = [];
  const total = nodes.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let { x, y, width, height } = room;
  if (total === 0 || width <= 0 || height <= 0) return placed;
  const scale = (width * height) / total;
  for (let start = 0; start < nodes.length; ) {
    const isWide = width >= height;
    const side = isWide ? height : width;
    const { end, area } = rowFrom(nodes, start, side, scale);
    const thickness = side === 0 ? 0 : area / side;
    let along = isWide ? y : x;
    for (const node of nodes.slice(start, end)) {
      const length = thickness === 0 ? 0 : (node.byteLength * scale) / thickness;
      placed.push(
        isWide
          ? { node, x, y: along, width: thickness, height: length }
          : { node, x: along, y, width: length, height: thickness },
      );
      along += length;
    }
    if (isWide) {
      x += thickness;
      width = Math.max(0, width - thickness);
    } else {
      y += thickness;
      height = Math.max(0, height - thickness);
    }
    start = end;
  }
  return placed;
}

/** How many nodes from `start` on make the row whose worst aspect ratio is best, and the area of the row. */
function rowFrom(
  nodes: readonly ByteNode[],
  start: number,
  side: number,
  scale: number,
): { end: number; area: number } {
  const largest = nodes[start]!.byteLength * scale;
  let area = largest;
  let worst = worstRatio(largest, largest, area, side);
  let end = start + 1;
  for (; end < nodes.length; end++) {
    const next = nodes[end]!.byteLength * scale;
    const ratio = worstRatio(largest, next, area + next, side);
    if (ratio > worst) break;
    worst = ratio;
    area += next;
  }
  return { end, area };
}

/** Of a row of this area along a side, whose largest and smallest tiles have these areas. */
function worstRatio(largest: number, smallest: number, area: number, side: number): number {
  const square = side * side;
  return Math.max((square * largest) / (area * area), (area * area) / (square * smallest));
}
