import { boxText } from '../../checkpoint/box.js';
import type { TensorEntry } from '../../checkpoint/checkpoint.js';
import { chunkHolding } from '../../ops/explore/tensor-layout.js';
import type { TensorWindow } from '../../ops/explore/tensor-numbers.js';
import { padStart, shortenEnd } from '../text-width.js';
import { formatCount } from '../units.js';
import { columnText, type Line, line, type Span, span } from './line.js';
import type { ExplorerState, Loaded } from './state.js';
import { type ValuesGrid, valuesGrid, windowBox } from './values-grid.js';
import { waitingLines } from './waiting.js';

/** A part of a tensor as numbers, under the places that they have in it. */
export function valuesDocument(
  state: ExplorerState,
  entry: TensorEntry,
  width: number,
  height: number,
  loaded: Loaded | undefined,
): Line[] {
  const { shape } = entry;
  if (shape.includes(0)) return [line('The tensor has no elements.', 'dim')];
  const grid = valuesGrid(entry, width, height);
  const box = windowBox(shape, state.origin, grid);
  const what = shape.length === 0 ? 'one number' : `${boxText(box)} of [${shape.join(', ')}]`;
  const head: Line[] = [line(what), placeLine(state, entry, box.offsets)];
  if (loaded?.state !== 'window') return [...head, ...waitingLines(loaded, width)];
  return [...head, ...gridLines(loaded.window, shape, grid)];
}

/** Which rank and file hold the first element that is shown. */
function placeLine({ checkpoint }: ExplorerState, entry: TensorEntry, position: readonly number[]): Line {
  const layout = checkpoint.layoutOf(entry);
  const index = chunkHolding(layout, position);
  if (index === undefined) return line('begins in no chunk', 'error');
  const { rank, relativePath } = layout.chunkAt(index);
  const file = columnText(relativePath);
  return line(rank === undefined ? file : `rank ${rank}, ${file}`, 'dim');
}

function gridLines(window: TensorWindow, shape: readonly number[], grid: ValuesGrid): Line[] {
  const { offsets, sizes, texts } = window;
  const cell = (text: string): string => padStart(shortenEnd(text, grid.cellWidth - 1), grid.cellWidth);
  if (shape.length === 0) return [line(texts[0] ?? '')];
  const isVector = shape.length === 1;
  const columns = isVector ? grid.columns : sizes.at(-1)!;
  const rowCount = Math.ceil(texts.length / columns);
  const firstRow = isVector ? offsets[0]! : offsets.at(-2)!;
  const step = isVector ? columns : 1;
  const labelWidth = String(isVector ? shape[0] : shape.at(-2)).length;
  const titles = Array.from({ length: columns }, (_, i) =>
    cell(isVector ? `+${i}` : formatCount(offsets.at(-1)! + i)),
  );
  return [
    line(' '.repeat(labelWidth + 1) + titles.join(''), 'dim'),
    ...Array.from({ length: rowCount }, (_, row): Line => {
      const label = padStart(String(firstRow + row * step), labelWidth);
      const cells = texts.slice(row * columns, (row + 1) * columns);
      return [span(`${label} `, 'dim'), ...cells.map(text => span(cell(text), toneOf(text)))];
    }),
  ];
}

function toneOf(text: string): Span['tone'] {
  if (/nan|inf/.test(text)) return 'error';
  return /^-?0(\.0)?$/.test(text) ? 'dim' : 'plain';
}
