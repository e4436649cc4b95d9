import type { Box } from '../../checkpoint/box.js';
import type { TensorEntry } from '../../checkpoint/checkpoint.js';
import { numberFormatOf } from '../../numbers.js';

/** How many elements of a tensor are shown at once, and how. */
export interface ValuesGrid {
  rows: number;
  columns: number;
  /** Characters of a cell, the blank before it included. */
  cellWidth: number;
}

/** Lines above the values: name, type, tabs, a blank, which they are, where they lie, the head of the columns. */
export const VALUES_HEAD = 7;

/** @param width, height of the detail */
export function valuesGrid(entry: TensorEntry, width: number, height: number): ValuesGrid {
  const { shape } = entry;
  const cellWidth = cellWidthOf(entry);
  const last = shape.at(-1) ?? 1;
  const labelled = shape.length >= 2 ? shape.at(-2)! : last;
  const room = Math.max(1, Math.floor((width - String(labelled).length - 1) / cellWidth));
  return {
    rows: Math.max(1, height - VALUES_HEAD),
    // Of a vector a line is a power of two: its places are easily counted.
    columns: Math.min(last || 1, shape.length >= 2 ? room : 2 ** Math.floor(Math.log2(room))),
    cellWidth,
  };
}

function cellWidthOf({ dtype }: TensorEntry): number {
  const { kind, bitWidth, componentCount } = numberFormatOf(dtype);
  if (componentCount === 2) return bitWidth === 64 ? 44 : 26;
  if (bitWidth === 4) return 14;
  if (kind === 'float') return 12;
  if (kind === 'bool') return 6;
  return { 8: 5, 16: 7, 32: 12, 64: 21 }[bitWidth];
}

/** The box that is shown from an element on. Vectors have lines that follow each other. */
export function windowBox(shape: readonly number[], origin: readonly number[], grid: ValuesGrid): Box {
  const from = (d: number): number => Math.min(origin[d] ?? 0, Math.max(0, shape[d]! - 1));
  const sizes = shape.map((size, d) => {
    const left = size - Math.min(size, from(d));
    if (shape.length === 1) return Math.min(left, grid.rows * grid.columns);
    if (d === shape.length - 1) return Math.min(left, grid.columns);
    if (d === shape.length - 2) return Math.min(left, grid.rows);
    return Math.min(left, 1);
  });
  return { offsets: shape.map((_, d) => from(d)), sizes };
}

/** Where values begin after a move by lines and columns, inside the tensor. */
export function movedOrigin(
  shape: readonly number[],
  origin: readonly number[],
  grid: ValuesGrid,
  move: { rows?: number; columns?: number },
): number[] {
  const moved = shape.map((_, d) => origin[d] ?? 0);
  const last = shape.length - 1;
  if (last < 0) return [];
  if (last === 0) {
    // The last line may be filled in part, but stays on the grid of lines.
    const lines = Math.ceil(shape[0]! / grid.columns);
    const most = Math.max(0, lines - grid.rows) * grid.columns;
    const wanted = moved[0]! + ((move.rows ?? 0) + (move.columns ?? 0)) * grid.columns;
    return [clamped(wanted, most)];
  }
  moved[last - 1] = clamped(moved[last - 1]! + (move.rows ?? 0), shape[last - 1]! - grid.rows);
  moved[last] = clamped(moved[last]! + (move.columns ?? 0), shape[last]! - grid.columns);
  return moved;
}

function clamped(value: number, most: number): number {
  return Math.max(0, Math.min(value, most));
}

/** Where values begin after a step through the matrices of a tensor of more than two dimensions. */
export function steppedOrigin(
  shape: readonly number[],
  origin: readonly number[],
  direction: 1 | -1,
): number[] {
  const stepped = shape.map((_, d) => origin[d] ?? 0);
  for (let d = shape.length - 3; d >= 0; d--) {
    const next = stepped[d]! + direction;
    if (next >= 0 && next < shape[d]!) {
      stepped[d] = next;
      for (let later = d + 1; later <= shape.length - 3; later++) {
        stepped[later] = direction === 1 ? 0 : shape[later]! - 1;
      }
      return stepped;
    }
  }
  return shape.map((_, d) => origin[d] ?? 0);
}

/**
 * The element that a text names: positions with commas between, counted from the end where they are negative. Of a
 * tensor of several dimensions the first are enough.
 */
export function parseElement(text: string, shape: readonly number[]): number[] | string {
  const parts = text
    .replace(/^\s*\[|\]\s*$/g, '')
    .split(',')
    .map(part => part.trim());
  if (!parts.every(part => /^[+-]?\d{1,15}$/.test(part))) return 'Give positions, such as 5000 or 3,5000,0';
  if (parts.length > shape.length) return `The tensor has ${shape.length} dimensions`;
  const position = shape.map((size, d) => {
    const at = Number(parts[d] ?? 0);
    return at < 0 ? at + size : at;
  });
  const outside = position.findIndex((at, d) => at < 0 || at >= shape[d]!);
  if (outside === -1) return position;
  return `Position ${parts[outside] ?? 0} is outside dimension ${outside}, which has ${shape[outside]}`;
}
