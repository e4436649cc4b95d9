import { padStart } from '../text-width.js';
import { type ChunkMap, type Cut, NO_CHUNK } from './chunk-map.js';
import { type Line, line, type Span, span, type Tone } from './line.js';

export interface MapLook {
  /** Without colours each rank has a letter of its own, and fills its boxes with it. */
  colors: boolean;
  unicode: boolean;
}

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/** The map with the elements at which chunks begin on its upper and left side. */
export function chunkMapLines(map: ChunkMap, shape: readonly number[], look: MapLook): Line[] {
  const { rowDimension, columnDimension, height } = map;
  const rowLabels = rowDimension === undefined ? [] : cutLabels(map.rowCuts, height);
  const rulerWidth = rowDimension === undefined ? 0 : String(shape[rowDimension]).length;
  const indent = rulerWidth === 0 ? '' : ' '.repeat(rulerWidth + 1);
  const lines: Line[] = [];
  if (columnDimension !== undefined) {
    const ruler = columnRuler(map, shape[columnDimension]!);
    lines.push(line(indent + ruler, 'dim'));
  }
  const labels = labelCells(map);
  for (let y = 0; y < height; y++) {
    const ruler = rulerWidth === 0 ? [] : [span(`${padStart(rowLabels[y] ?? '', rulerWidth)} `, 'dim')];
    lines.push([...ruler, ...cellSpans(map, y, labels, look)]);
  }
  if (rowDimension !== undefined) lines.push(line(padStart(String(shape[rowDimension]), rulerWidth), 'dim'));
  return lines;
}

/** What stands beside each row of cells; of several chunks that begin there the first. */
function cutLabels(cuts: readonly Cut[], height: number): (string | undefined)[] {
  const labels = new Array<string | undefined>(height).fill(undefined);
  for (const { element, cell } of cuts) labels[cell] ??= String(element);
  return labels.slice(0, height);
}

/** Where columns of chunks begin, as far as there is room; the size stands at the end. */
function columnRuler({ columnCuts, width }: ChunkMap, size: number): string {
  const end = String(size);
  let ruler = '';
  for (const { element, cell } of columnCuts) {
    const text = String(element);
    if (ruler !== '' && cell <= ruler.length) continue;
    if (cell + text.length > width) break;
    ruler = ruler.padEnd(cell) + text;
  }
  return ruler.length + 1 + end.length > width ? ruler : ruler.padEnd(width - end.length) + end;
}

/** Cells that show the rank of their chunk instead of its colour: in the middle of it, where there is room. */
function labelCells(map: ChunkMap): ReadonlyMap<number, string> {
  const { cells, width, height, ranks } = map;
  const extents = new Map<number, { left: number; right: number; top: number; bottom: number }>();
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const chunk = cells[y * width + x]!;
      const known = extents.get(chunk);
      if (known === undefined) extents.set(chunk, { left: x, right: x, top: y, bottom: y });
      else {
        known.right = Math.max(known.right, x);
        known.left = Math.min(known.left, x);
        known.bottom = y;
      }
    }
  }
  const labels = new Map<number, string>();
  for (const [chunk, { left, right, top, bottom }] of extents) {
    const rank = ranks.get(chunk);
    if (chunk === NO_CHUNK || rank === undefined) continue;
    const long = `rank ${rank}`;
    const room = right - left + 1;
    const text = long.length + 2 <= room ? long : String(rank);
    if (text.length > room) continue;
    const y = (top + bottom) >> 1;
    const start = y * width + left + ((room - text.length) >> 1);
    // A chunk behind others may not be there in its middle.
    if ([...text].some((_, i) => cells[start + i] !== chunk)) continue;
    for (const [i, character] of [...text].entries()) labels.set(start + i, character);
  }
  return labels;
}

function cellSpans(
  { cells, width, ranks, broken }: ChunkMap,
  y: number,
  labels: ReadonlyMap<number, string>,
  { colors, unicode }: MapLook,
): Line {
  const spans: Span[] = [];
  let text = '';
  let tone: Tone = 'plain';
  const end = (): void => {
    if (text !== '') spans.push({ text, tone });
    text = '';
  };
  for (let x = 0; x < width; x++) {
    const cell = y * width + x;
    const chunk = cells[cell]!;
    const rank = ranks.get(chunk);
    const isBroken = chunk === NO_CHUNK || broken.has(chunk);
    const next: Tone = isBroken ? 'error' : colors ? `rank${rank ?? 0}` : 'plain';
    if (next !== tone) end();
    tone = next;
    if (chunk === NO_CHUNK) text += unicode ? '·' : '.';
    else if (isBroken) text += labels.get(cell) ?? 'x';
    else if (colors) text += labels.get(cell) ?? ' ';
    else text += rank === undefined ? (unicode ? '░' : '#') : LETTERS[rank % LETTERS.length];
  }
  end();
  return spans;
}
