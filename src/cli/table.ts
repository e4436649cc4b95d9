import { displayWidth, padEnd, padStart, wrapWords } from '../tui/text-width.js';

export interface Column {
  title: string;
  align: 'left' | 'right';
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
