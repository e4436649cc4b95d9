import { displayWidth, padEnd, padStart, wrapWords } from '../tui/text-width.js';

export interface Column {
  title: string;
  align: 'left' | 'right';
  /** Where there is no room for all columns, the one with the least number goes first; without one it stays. */
  dropped?: number;
}

const GAP = '  ';

/** Width of each column: of its widest cell, its title included. */
export function columnWidths(columns: readonly Column[], rows: readonly (readonly string[])[]): number[] {
  const widths = columns.map(column => displayWidth(column.title));
  for (const row of rows) {
    for (let i = 0; i < widths.length; i++) {
      const width = displayWidth(row[i] ?? '');
      if (width > widths[i]!) widths[i] = width;
    }
  }
  return widths;
}

/** One line; a last column that is aligned left gets no padding. */
export function tableLine(
  columns: readonly Column[],
  widths: readonly number[],
  cells: readonly string[],
): string {
  return columns
    .map(({ align }, i) => {
      const cell = cells[i] ?? '';
      if (align === 'right') return padStart(cell, widths[i]!);
      return i === columns.length - 1 ? cell : padEnd(cell, widths[i]!);
    })
    .join(GAP)
    .trimEnd();
}

/** Rows without titles, in columns: without those that are empty, or for which there is no `room`. */
export function fittedLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  room = Number.POSITIVE_INFINITY,
): string[] {
  const widths = columnWidths(columns, rows);
  let shown = columns.map((column, i) => ({ column, i })).filter(({ i }) => widths[i]! > 0);
  const width = (): number => shown.reduce((sum, { i }) => sum + widths[i]! + GAP.length, -GAP.length);
  for (const next of columns.filter(({ dropped }) => dropped !== undefined).sort(byDropped)) {
    if (width() > room) shown = shown.filter(({ column }) => column !== next);
  }
  return rows.map(row =>
    tableLine(
      shown.map(({ column }) => column),
      shown.map(({ i }) => widths[i]!),
      shown.map(({ i }) => row[i]!),
    ),
  );
}

function byDropped(a: Column, b: Column): number {
  return a.dropped! - b.dropped!;
}

/** Columns that a line takes before its last cell. */
export function widthBeforeLast(widths: readonly number[]): number {
  return widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);
}

/**
 * Rows of label and text, the texts aligned; a label that repeats is printed once. With `columns`, texts are broken
 * between words to fit.
 */
export function labelled(
  rows: readonly (readonly [label: string, text: string])[],
  columns?: number,
): string[] {
  const indent = Math.max(...rows.map(([label]) => displayWidth(label))) + GAP.length;
  return rows.flatMap(([label, text], i) => {
    const shown = rows[i - 1]?.[0] === label ? '' : label;
    const lines = columns === undefined ? [text] : wrapWords(text, columns - indent);
    return lines.map((line, j) => padEnd(j === 0 ? shown : '', indent) + line);
  });
}
