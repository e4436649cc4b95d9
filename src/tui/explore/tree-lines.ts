import type { TensorEntry } from '../../checkpoint/checkpoint.js';
import { padEnd, padStart, shortenEnd } from '../text-width.js';
import { formatBytes } from '../units.js';
import { fit, type Line, nameText, type Span, span, type Tone } from './line.js';
import type { ExplorerState } from './state.js';
import { isGroup } from './tree-model.js';

const SIZE_WIDTH = 9;
const DTYPE_WIDTH = 7;
const SHAPE_WIDTH = 20;
/** Columns below which the type, and the shape, are left to the detail. */
const WITH_DTYPE = 46;
const WITH_SHAPE = 66;
/** Columns below which a level is moved to the right by one only. */
const NARROW = 44;
/** Deeper rows are not moved further to the right: their names must have room. */
const MAX_INDENT_SHARE = 0.4;

/** The rows of the tree that are on the screen, each in exactly `width` columns. */
export function treeLines(state: ExplorerState, width: number, height: number, unicode: boolean): Line[] {
  const { rows, top } = state;
  const matches = new Set<number>();
  if (state.search !== undefined) {
    // Only those on the screen are looked up: there may be a hundred thousand.
    const shown = new Set(rows.subarray(top, top + height));
    for (const node of state.search.matches) if (shown.has(node)) matches.add(node);
  }
  return Array.from({ length: height }, (_, i) =>
    top + i < rows.length ? treeLine(state, top + i, width, unicode, matches) : fit([], width),
  );
}

function treeLine(
  state: ExplorerState,
  row: number,
  width: number,
  unicode: boolean,
  matches: ReadonlySet<number>,
): Line {
  const { model, rows, cursor, pane } = state;
  const node = rows[row]!;
  const isAtCursor = row === cursor;
  const cells = rightCells(state, node, width);
  const rightWidth = cells.reduce((sum, { text }) => sum + text.length, 0);
  const step = width < NARROW ? 1 : 2;
  const indent = Math.min(model.depth[node]! * step, Math.floor(width * MAX_INDENT_SHARE));
  const mark = foldMark(state, node, unicode);
  const nameWidth = Math.max(1, width - 1 - indent - 2 - rightWidth - 1);
  const name = nameText(model.labels[node]!, nameWidth);
  const nameTone: Tone = matches.has(node) ? 'match' : isGroup(model, node) ? 'strong' : 'plain';
  const spans: Span[] = [
    span(isAtCursor ? (unicode ? '▌' : '>') : ' ', pane === 'tree' ? 'accent' : 'dim'),
    span(`${' '.repeat(indent)}${mark} `, 'dim'),
    span(name, nameTone),
  ];
  const line = [...fit(spans, width - rightWidth), ...cells];
  if (!isAtCursor) return line;
  const tone: Tone = pane === 'tree' ? 'cursor' : 'cursor-away';
  return line.map((part, i) => (i === 0 ? part : { text: part.text, tone }));
}

function foldMark({ model, unfolded }: ExplorerState, node: number, unicode: boolean): string {
  if (!isGroup(model, node) || model.end[node] === node + 1) return ' ';
  if (unicode) return unfolded[node] === 1 ? '▾' : '▸';
  return unfolded[node] === 1 ? '-' : '+';
}

/** Shape, type and size, as far as there is room. */
function rightCells({ model, checkpoint }: ExplorerState, node: number, width: number): Span[] {
  const entry = model.entry[node]!;
  const isObject = model.tensorCount[node] === 0;
  const cells: Span[] = [];
  if (width >= WITH_SHAPE) {
    const shape =
      entry === -1 || isObject ? '' : `[${(checkpoint.entries[entry] as TensorEntry).shape.join(', ')}]`;
    cells.push(span(` ${padEnd(shortenEnd(shape, SHAPE_WIDTH - 1), SHAPE_WIDTH - 1)}`, 'dim'));
  }
  if (width >= WITH_DTYPE) {
    const dtype = isObject ? (entry === -1 ? '' : 'object') : model.dtypes[node]!;
    cells.push(span(` ${padEnd(shortenEnd(dtype, DTYPE_WIDTH - 1), DTYPE_WIDTH - 1)}`, 'dim'));
  }
  const bytes = model.byteLength[node]!;
  const size = bytes === 0 && model.objectCount[node]! > 0 ? sizeless(entry, width) : formatBytes(bytes);
  cells.push(span(`${padStart(size, SIZE_WIDTH)} `, isGroup(model, node) ? 'plain' : 'dim'));
  return cells;
}

/** Objects of a torch.save file are in its one pickle, and have no size of their own. */
function sizeless(entry: number, width: number): string {
  if (width >= WITH_DTYPE) return '';
  return entry === -1 ? 'objects' : 'object';
}
