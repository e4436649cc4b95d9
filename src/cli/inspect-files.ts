import { type EntryOrder, sortRows } from '../ops/entry-order.js';
import type { InspectReport } from '../ops/inspect.js';
import { barText } from '../tui/progress-text.js';
import { shortenMiddle } from '../tui/text-width.js';
import { formatBytes, formatCount, shareText } from '../tui/units.js';
import type { Style } from './style.js';
import { type Column, columnWidths, tableLine, widthBeforeLast } from './table.js';

export interface FilesTextOptions {
  columns: number | undefined;
  unicode: boolean;
  sort: EntryOrder | undefined;
  style: Style;
}

const NAME_MIN = 14;
const BAR_WIDTH = 20;
/** Below that, bars would leave no room for names. */
const LEAST_COLUMNS_WITH_BARS = 76;

const FIGURES: readonly Column[] = [
  { title: 'rank', align: 'right' },
  { title: 'size', align: 'right' },
  { title: 'items', align: 'right' },
  { title: 'share', align: 'right' },
];
const BAR: Column = { title: '', align: 'left' };
const NAME: Column = { title: 'file', align: 'left' };

/** A line a data file: rank, size, items, and the share of all items' bytes that it holds, as a bar on a terminal. */
export function fileLines(
  { files, completeness }: Pick<InspectReport, 'files' | 'completeness'>,
  options: FilesTextOptions,
): string[] {
  const { columns: terminalColumns, unicode, sort, style } = options;
  const total = files.reduce((sum, { itemByteLength }) => sum + itemByteLength, 0);
  const largest = files.reduce((most, { itemByteLength }) => Math.max(most, itemByteLength), 0);
  const hasBars = terminalColumns !== undefined && terminalColumns >= LEAST_COLUMNS_WITH_BARS;
  // With an index on its own no file is at hand, and none is missed.
  const absent = completeness === 'index_only' ? '-' : 'missing';
  const ordered =
    sort === undefined
      ? files
      : sortRows(files, sort, ({ relativePath, itemByteLength }) => ({
          name: relativePath,
          byteLength: itemByteLength,
          dtype: undefined,
        }));
  const rows = ordered.map(({ rank, byteLength, items, itemByteLength }) => [
    rank === null ? '' : String(rank),
    byteLength === null ? absent : formatBytes(byteLength),
    formatCount(items),
    shareText(itemByteLength, total),
    ...(hasBars ? [largest === 0 ? '' : barText(itemByteLength / largest, BAR_WIDTH, unicode).filled] : []),
    '',
  ]);
  const columns = hasBars ? [...FIGURES, BAR, NAME] : [...FIGURES, NAME];
  const widths = columnWidths(columns, rows);
  const room =
    terminalColumns === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(NAME_MIN, terminalColumns - widthBeforeLast(widths));
  return [
    style.dim(
      tableLine(
        columns,
        widths,
        columns.map(({ title }) => title),
      ),
    ),
    ...ordered.map((file, i) => {
      const line = tableLine(columns, widths, [
        ...rows[i]!.slice(0, -1),
        shortenMiddle(file.relativePath, room) + shortText(file),
      ]);
      const isWrong = rows[i]![1] === 'missing' || file.requiredByteLength !== undefined;
      return isWrong ? style.error(line) : line;
    }),
  ];
}

function shortText({ requiredByteLength }: InspectReport['files'][number]): string {
  return requiredByteLength === undefined
    ? ''
    : `  too short: ${formatCount(requiredByteLength, 'byte')} wanted`;
}
