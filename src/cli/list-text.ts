import type { CheckpointList, ListedCheckpoint } from '../ops/list-checkpoints.js';
import { printable } from '../tui/printable.js';
import { wrapWords } from '../tui/text-width.js';
import { formatBytes, formatDuration } from '../tui/units.js';
import type { Style } from './style.js';
import { type Column, columnWidths, tableLine } from './table.js';

const COLUMNS: readonly Column[] = [
  { title: 'step', align: 'right' },
  { title: 'age', align: 'right' },
  { title: 'state', align: 'left' },
  { title: 'size', align: 'right' },
  { title: 'path', align: 'left' },
];

const STATES: Record<ListedCheckpoint['state'], string> = {
  complete: 'complete',
  saving: 'saving',
  dead: 'DEAD SAVE',
  torn: 'TORN',
  partly_copied: 'PARTLY COPIED',
  unreadable: 'UNREADABLE',
};

const DETAIL_INDENT = '    ';

/** A row a checkpoint, the latest last; below what is not complete, why. */
export function listText(
  { checkpoints }: CheckpointList,
  { columns, style }: { columns: number | undefined; style: Style },
): string {
  const rows = checkpoints.map(({ step, ageSeconds, state, byteLength, path }) => [
    step === null ? '' : String(step),
    formatAge(ageSeconds),
    STATES[state],
    formatBytes(byteLength),
    printable(path),
  ]);
  const widths = columnWidths(COLUMNS, rows);
  const titles = COLUMNS.map(({ title }) => title);
  const lines = [style.dim(tableLine(COLUMNS, widths, titles))];
  for (const [i, { state, detail }] of checkpoints.entries()) {
    const line = tableLine(COLUMNS, widths, rows[i]!);
    lines.push(state === 'complete' ? line : style.warn(line));
    if (detail === undefined) continue;
    const room = columns === undefined ? Number.POSITIVE_INFINITY : columns - DETAIL_INDENT.length;
    for (const part of wrapWords(printable(detail), room)) lines.push(style.dim(DETAIL_INDENT + part));
  }
  return `${lines.join('\n')}\n`;
}

/** The two largest units: `3 d 4 h`. */
function formatAge(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  return days === 0 ? formatDuration(seconds) : `${days} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}
