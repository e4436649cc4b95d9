import type { InspectedEntry, InspectReport } from '../ops/inspect.js';
import { formatCount, formatExactBytes } from '../tui/units.js';
import { objectSections } from './inspect-objects.js';
import { boxText, rankLines, shapeText } from './inspect-table.js';
import type { InspectTextOptions } from './inspect-text.js';
import { type Column, columnWidths, labelled, tableLine } from './table.js';

/** All about one entry: what it is, and which box of it lies in which file; the value of an object. */
export function oneEntryLines({ entries }: InspectReport, options: InspectTextOptions): string[] {
  const { columns, style } = options;
  const sections = entries.map(entry =>
    entry.kind === 'object'
      ? objectSections([entry], style).flat()
      : [
          ...labelled(headRows(entry), columns),
          ...(entry.chunks === undefined || entry.chunks.length === 0
            ? []
            : ['', ...chunkTable(entry, options)]),
          ...(entry.ranks === undefined ? [] : ['', ...rankLines(entry.ranks).map(line => line.trimStart())]),
        ],
  );
  return sections.flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]));
}

function headRows(entry: InspectedEntry): [string, string][] {
  const { fqn, dtype, size, byteLength, requiresGrad, chunkCount, chunks, slice } = entry;
  const grad = requiresGrad === true ? ', requires grad' : '';
  const held = chunks!.length;
  return [
    ['name', fqn],
    ['tensor', `${dtype} ${shapeText(size!)}, ${formatExactBytes(byteLength)}${grad}`],
    ['chunks', formatCount(chunkCount!)],
    ...(slice === undefined
      ? []
      : [
          ['slice', `${sliceText(slice)} is in ${held === 0 ? 'none' : formatCount(held)} of these`] as [
            string,
            string,
          ],
        ]),
  ];
}

/** As Python writes it, each dimension in full. */
function sliceText({ offsets, sizes, steps }: NonNullable<InspectedEntry['slice']>): string {
  const terms = offsets.map((offset, d) => {
    const end = offset + (sizes[d]! - 1) * steps[d]! + 1;
    return `${offset}:${sizes[d] === 0 ? offset : end}${steps[d] === 1 ? '' : `:${steps[d]}`}`;
  });
  return `[${terms.join(', ')}]`;
}

const CHUNK_COLUMNS: readonly Column[] = [
  { title: 'box', align: 'left' },
  { title: 'rank', align: 'right' },
  { title: 'offset', align: 'right' },
  { title: 'length', align: 'right' },
  { title: 'file', align: 'left' },
];

function chunkTable({ chunks }: InspectedEntry, { style }: InspectTextOptions): string[] {
  const hasRanks = chunks!.some(({ rank }) => rank !== null);
  const isShown = ({ title }: Column): boolean => hasRanks || title !== 'rank';
  const columns = CHUNK_COLUMNS.filter(isShown);
  const rows = chunks!.map(chunk => {
    const cells = [
      boxText(chunk),
      String(chunk.rank ?? ''),
      String(chunk.offset),
      String(chunk.length),
      chunk.relativePath,
    ];
    return cells.filter((_, i) => isShown(CHUNK_COLUMNS[i]!));
  });
  const widths = columnWidths(columns, rows);
  const titles = columns.map(({ title }) => title);
  return [style.dim(tableLine(columns, widths, titles)), ...rows.map(row => tableLine(columns, widths, row))];
}
