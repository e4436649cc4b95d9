import type { InspectedChunk, InspectedEntry, InspectReport } from '../ops/inspect.js';
import type { RankBox } from '../ops/rank-boxes.js';
import { displayWidth, padEnd, padStart, shortenEnd, shortenMiddle } from '../tui/text-width.js';
import { formatBytes, formatCount } from '../tui/units.js';
import type { Style } from './style.js';
import { type Column, columnWidths, tableLine, widthBeforeLast } from './table.js';

const NAME_COLUMN_MIN = 20;
/** More ranks are in the JSON document. */
export const MAX_RANKS = 64;

/** A line an entry, with its whole name, and below it what was asked for of its chunks and ranks. */
export function entryTableLines(
  { entries, format }: Pick<InspectReport, 'entries' | 'format'>,
  terminalColumns: number | undefined,
  style: Style,
): string[] {
  // The name comes last: long ones then push nothing aside, and a line changes only where its entry does.
  const columns: Column[] = [
    { title: 'dtype', align: 'left' },
    { title: 'shape', align: 'left' },
    { title: 'size', align: 'right' },
    ...(format === 'dcp' ? [{ title: 'chunks', align: 'right' } as const] : []),
    { title: 'name', align: 'left' },
  ];
  const cellsOf = (entry: InspectedEntry, name: string): string[] => [
    entry.dtypeShort ?? 'object',
    entry.size === undefined ? '' : shapeText(entry.size),
    sizeText(entry),
    ...(format === 'dcp' ? [entry.chunkCount === undefined ? '' : formatCount(entry.chunkCount)] : []),
    name,
  ];
  const rows = entries.map(entry => cellsOf(entry, ''));
  const widths = columnWidths(columns, rows);
  const room =
    terminalColumns === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(NAME_COLUMN_MIN, terminalColumns - widthBeforeLast(widths));
  const titles = columns.map(column => column.title);
  const lines = [style.dim(tableLine(columns, widths, titles))];
  for (const [i, entry] of entries.entries()) {
    const line = tableLine(columns, widths, [...rows[i]!.slice(0, -1), nameCell(entry, room)]);
    lines.push(entry.kind === 'object' ? style.dim(line) : line);
    if (entry.ranks !== undefined) lines.push(...rankLines(entry.ranks).map(rank => style.dim(rank)));
    if (entry.chunks !== undefined) lines.push(...chunkLines(entry.chunks).map(chunk => style.dim(chunk)));
  }
  return lines;
}

export function shapeText(size: readonly number[]): string {
  return `[${size.join(', ')}]`;
}

/** Objects of a torch file share its pickle and have no size of their own. */
export function sizeText({ kind, byteLength }: Pick<InspectedEntry, 'kind' | 'byteLength'>): string {
  return kind === 'object' && byteLength === 0 ? '' : formatBytes(byteLength);
}

/** A tensor's name; an object's name and value. Names are cut in the middle, values at the end. */
export function nameCell({ fqn, value }: { fqn: string; value?: string | undefined }, room: number): string {
  if (value === undefined) return shortenMiddle(fqn, room);
  const equals = ' = ';
  const roomOfName = Math.max(room - equals.length - displayWidth(value), Math.ceil((room * 2) / 3));
  return shortenEnd(shortenMiddle(fqn, roomOfName) + equals + value, room);
}

/** What each rank holds of a tensor. */
export function rankLines(ranks: readonly RankBox[]): string[] {
  const cells = ranks
    .slice(0, MAX_RANKS)
    .map(({ rank, boxes, byteLength }) => [
      `rank ${rank}`,
      boxes.length === 0 ? 'nothing' : boxes.map(boxText).join(' '),
      formatBytes(byteLength),
    ]);
  const columns: Column[] = [
    { title: '', align: 'left' },
    { title: '', align: 'left' },
    { title: '', align: 'right' },
  ];
  const widths = columnWidths(columns, cells);
  return cells.map(row => `    ${tableLine(columns, widths, row)}`);
}

/** Boxes as Python slices, half open, and the bytes of the stored item in its file. */
function chunkLines(chunks: readonly InspectedChunk[]): string[] {
  const cells = chunks.map(chunk => [
    boxText(chunk),
    chunk.relativePath,
    String(chunk.offset),
    String(chunk.length),
  ]);
  const widthOf = (column: number): number =>
    cells.reduce((width, row) => Math.max(width, displayWidth(row[column]!)), 0);
  const [box, file, offset, length] = [widthOf(0), widthOf(1), widthOf(2), widthOf(3)];
  return cells.map(
    row =>
      `    ${padEnd(row[0]!, box)}  ${padEnd(row[1]!, file)}  ` +
      `offset ${padStart(row[2]!, offset)}  length ${padStart(row[3]!, length)}`,
  );
}

/** `[0:128, 64:256]`; `[]` for a scalar. */
export function boxText({ offsets, sizes }: Pick<InspectedChunk, 'offsets' | 'sizes'>): string {
  return `[${offsets.map((offset, d) => `${offset}:${offset + sizes[d]!}`).join(', ')}]`;
}
