import { boxText, elementCountOf } from '../../checkpoint/box.js';
import type { TensorEntry } from '../../checkpoint/checkpoint.js';
import type { ExploredCheckpoint } from '../../ops/explore/explorer.js';
import type { PlacedChunk, TensorLayout } from '../../ops/explore/tensor-layout.js';
import { displayWidth, padEnd, padStart, wrapWords } from '../text-width.js';
import { formatCount } from '../units.js';
import { type ChunkMap, drawChunkMap, isBroken } from './chunk-map.js';
import { chunkMapLines, type MapLook } from './chunk-map-lines.js';
import { type Document, joined } from './document.js';
import { BLANK, columnText, type Line, line, nameText, type Span, span } from './line.js';

/** How a tensor is cut: a sentence, the map, and a row or two for each chunk. */
export function layoutDocument(
  checkpoint: ExploredCheckpoint,
  entry: TensorEntry,
  width: number,
  height: number,
  look: MapLook,
): Document {
  const { layout, map, rankCount } = drawn(checkpoint, entry, width, height);
  const head: Line[] = [
    ...wrapWords(sentence(layout, map, rankCount), width).map(text => line(text)),
    ...notes(layout, map).flatMap(note => wrapWords(note, width).map(text => line(text, 'dim'))),
    BLANK,
    ...(map.ranks.size === 0 && !map.cells.includes(-1)
      ? []
      : [...chunkMapLines(map, entry.shape, look), BLANK]),
  ];
  return joined(head, chunkRows(layout, width));
}

interface Drawn {
  layout: TensorLayout;
  map: ChunkMap;
  rankCount: number;
}

/** The map takes at most this share of the rows: the list of chunks should be seen to be there. */
const MAP_SHARE = 0.55;
const MAX_MAP_HEIGHT = 24;
/** What the ruler on the left takes at most. */
const RULER_WIDTH = 9;

/** A tensor may have many chunks, and the screen is drawn at each key. */
let latest: { entry: TensorEntry; width: number; height: number; drawn: Drawn } | undefined;

function drawn(checkpoint: ExploredCheckpoint, entry: TensorEntry, width: number, height: number): Drawn {
  if (latest?.entry === entry && latest.width === width && latest.height === height) return latest.drawn;
  const layout = checkpoint.layoutOf(entry);
  const room = Math.max(4, width - (entry.shape.length > 1 ? RULER_WIDTH : 0));
  const map = drawChunkMap(
    layout,
    room,
    Math.min(MAX_MAP_HEIGHT, Math.max(3, Math.floor(height * MAP_SHARE))),
  );
  const ranks = new Set<number>();
  for (let i = 0; i < layout.chunkCount; i++) {
    const { rank } = layout.chunkAt(i);
    if (rank !== undefined) ranks.add(rank);
  }
  latest = { entry, width, height, drawn: { layout, map, rankCount: ranks.size } };
  return latest.drawn;
}

function sentence({ chunkCount }: TensorLayout, map: ChunkMap, rankCount: number): string {
  const ranks = rankCount === 0 ? '' : ` on ${formatCount(rankCount, 'rank')}`;
  if (chunkCount === 1) return `in one piece${ranks}`;
  const cut = [
    map.rowCuts.length > 1 ? map.rowDimension : undefined,
    map.columnCuts.length > 1 ? map.columnDimension : undefined,
  ].filter(d => d !== undefined);
  const along = cut.length === 0 ? '' : `, cut along dimension ${cut.join(' and ')}`;
  return `${formatCount(chunkCount, 'chunk')}${ranks}${along}`;
}

function notes(layout: TensorLayout, map: ChunkMap): string[] {
  const { rowDimension, columnDimension, hiddenCount, broken } = map;
  const found: string[] = [];
  if (layout.shape.length > 2) found.push(`drawn: dimension ${rowDimension} down, ${columnDimension} across`);
  if (hiddenCount > 0)
    found.push(
      `${formatCount(hiddenCount, 'chunk')} not drawn: empty, copies, too thin here, or behind others`,
    );
  if (broken.size > 0) found.push('x: the file is missing or short');
  return found;
}

/** Widths are those of the first rows: to look at a million takes too long. */
const MEASURED_ROWS = 256;

interface ChunkCells {
  rank: string;
  box: string;
  file: string;
  offset: string;
  length: string;
  state: PlacedChunk['state'];
}

function cellsOf(chunk: PlacedChunk): ChunkCells {
  return {
    rank: chunk.rank === undefined ? '-' : String(chunk.rank),
    box: boxText(chunk),
    file: columnText(chunk.relativePath),
    offset: chunk.byteOffset === undefined ? '-' : formatCount(chunk.byteOffset),
    length: formatCount(chunk.byteLength),
    state: elementCountOf(chunk.sizes) === 0 ? 'there' : chunk.state,
  };
}

function chunkRows(layout: TensorLayout, width: number): Document {
  const { chunkCount } = layout;
  const measured = Array.from({ length: Math.min(chunkCount, MEASURED_ROWS) }, (_, i) =>
    cellsOf(layout.chunkAt(i)),
  );
  const widthOf = (cell: keyof ChunkCells, title: string): number =>
    measured.reduce((most, cells) => Math.max(most, displayWidth(cells[cell])), title.length);
  const widths = {
    rank: widthOf('rank', 'rank'),
    box: widthOf('box', 'box'),
    file: widthOf('file', 'file'),
    offset: widthOf('offset', 'offset'),
    length: widthOf('length', 'bytes'),
  };
  const oneLine = widths.rank + widths.box + widths.file + widths.offset + widths.length + 8;
  const rowOf = (cells: ChunkCells, head = false): Line => {
    const tone = head ? 'dim' : 'plain';
    return [
      span(`${padStart(cells.rank, widths.rank)}  ${padEnd(cells.box, widths.box)}  `, tone),
      span(padEnd(cells.file, widths.file), head ? 'dim' : isBroken(cells.state) ? 'error' : 'plain'),
      span(`  ${padStart(cells.offset, widths.offset)}  ${padStart(cells.length, widths.length)}`, tone),
    ];
  };
  const title: ChunkCells = {
    rank: 'rank',
    box: 'box',
    file: 'file',
    offset: 'offset',
    length: 'bytes',
    state: 'there',
  };
  if (oneLine <= width) {
    return joined([rowOf(title, true)], {
      height: chunkCount,
      lineAt: index => rowOf(cellsOf(layout.chunkAt(index))),
    });
  }
  const titleLine = line(`${padStart('rank', widths.rank)}  box; file, offset, bytes`, 'dim');
  const indent = ' '.repeat(widths.rank + 2);
  return joined([titleLine], {
    height: 2 * chunkCount,
    lineAt: index => {
      const cells = cellsOf(layout.chunkAt(index >> 1));
      if (index % 2 === 0) return [span(padStart(cells.rank, widths.rank)), span(`  ${cells.box}`)];
      const place = `  ${cells.offset}  ${cells.length}`;
      const room = Math.max(8, width - indent.length - place.length);
      const spans: Span[] = [
        span(indent),
        span(nameText(cells.file, room), isBroken(cells.state) ? 'error' : 'dim'),
        span(place, 'dim'),
      ];
      return spans;
    },
  });
}
