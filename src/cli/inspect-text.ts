import type { InspectedChunk, InspectedEntry, InspectReport } from '../ops/inspect.js';
import type { RankBox } from '../ops/rank-boxes.js';
import { printableDeep } from '../tui/printable.js';
import { displayWidth, padEnd, padStart, shortenEnd, shortenMiddle } from '../tui/text-width.js';
import { formatBytes, formatCount, formatExactBytes } from '../tui/units.js';
import type { Style } from './style.js';
import { type Column, columnWidths, labelled, tableLine, widthBeforeLast } from './table.js';

export interface InspectTextOptions {
  /** Columns of the terminal; undefined: as wide as need be, so that the text depends on the checkpoint only. */
  columns: number | undefined;
  style: Style;
}

/** What a person gets to read of a checkpoint: a header, then a table of its entries. */
export function inspectText(untrusted: InspectReport, { columns, style }: InspectTextOptions): string {
  const report = printableDeep(untrusted);
  return [
    ...labelled(headerRows(report), columns).map(line => highlighted(line, style)),
    ...(report.entries.length === 0 ? [] : ['', ...entryLines(report, columns, style)]),
    '',
  ].join('\n');
}

/** Colours go in when lines are broken and aligned. */
function highlighted(line: string, style: Style): string {
  return line
    .replace(/^WARNING(?= )/, word => style.warn(word))
    .replace(/^( +)(DANGEROUS:)/, (_, indent: string, word: string) => indent + style.error(word));
}

export const FORMATS: Record<InspectReport['format'], string> = {
  dcp: 'DCP directory',
  torch: 'torch.save file',
  safetensors: 'safetensors',
  torchscript: 'TorchScript archive',
  memory: 'state dict in memory',
};

function headerRows(report: InspectReport): [string, string][] {
  const { tensors, parameters, byteLength, chunks, objects, format, warnings } = report;
  const inChunks = format === 'dcp' ? ` in ${formatCount(chunks, 'chunk')}` : '';
  return [
    ['path', report.path],
    ['format', formatText(report)],
    ['complete', completenessText(report)],
    [
      'tensors',
      `${formatCount(tensors)}${inChunks}, ${formatCount(parameters, 'parameter')}, ${formatExactBytes(byteLength)}`,
    ],
    ...dtypeRows(report),
    ['objects', formatCount(objects)],
    ...weightsOnlyRows(report),
    ...layoutRows(report),
    ...warnings.map(({ message }): [string, string] => ['WARNING', message]),
  ];
}

function formatText({ format, completeness, torchEra }: InspectReport): string {
  const name = completeness === 'index_only' ? 'DCP index' : FORMATS[format];
  return torchEra === null ? name : `${name}, saved by torch ${torchEra}`;
}

function dtypeRows({ dtypes }: InspectReport): [string, string][] {
  const columns: Column[] = [
    { title: '', align: 'left' },
    { title: '', align: 'right' },
    { title: '', align: 'right' },
    { title: '', align: 'right' },
  ];
  const rows = dtypes.map(row => [
    row.dtype,
    formatCount(row.tensors, 'tensor'),
    formatCount(row.parameters, 'parameter'),
    formatBytes(row.byteLength),
  ]);
  const widths = columnWidths(columns, rows);
  return rows.map(row => ['dtypes', tableLine(columns, widths, row)]);
}

/** More ranks are in the JSON document. */
const MAX_RANKS = 64;

function layoutRows({ layout }: InspectReport): [string, string][] {
  if (layout === undefined) return [];
  const { mesh, placements, replicatedTensors, ranks } = layout;
  const rows = ranks
    .slice(0, MAX_RANKS)
    .map(({ rank, coordinate, tensors, byteLength, chunkByteLength }) => [
      `rank ${rank}`,
      `(${coordinate.join(', ')})`,
      formatCount(tensors, 'tensor'),
      `reads ${formatBytes(byteLength)}`,
      `of chunks of ${formatBytes(chunkByteLength)}`,
    ]);
  const columns = ['left', 'left', 'right', 'left', 'left'].map(
    (align): Column => ({
      title: '',
      align: align as Column['align'],
    }),
  );
  const widths = columnWidths(columns, rows);
  const whole =
    replicatedTensors === 0 ? '' : `; ${formatCount(replicatedTensors, 'tensor')} whole on every rank`;
  return [
    ['layout', `${placements.join(', ')} on mesh ${mesh}${whole}`],
    ...rows.map((row): [string, string] => ['ranks', tableLine(columns, widths, row)]),
    ...(ranks.length > MAX_RANKS
      ? [
          ['ranks', `and ${formatCount(ranks.length - MAX_RANKS)} more (--json lists all)`] as [
            string,
            string,
          ],
        ]
      : []),
  ];
}

/** What each rank holds of a tensor. */
function rankLines(ranks: readonly RankBox[]): string[] {
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

const MAX_FILE_NAMES = 5;
const MAX_GLOBALS = 20;

function completenessText({ completeness, files, ranks, format, missingRanks }: InspectReport): string {
  const present = files.filter(file => file.byteLength !== null);
  const bytes = present.reduce((sum, file) => sum + file.byteLength!, 0);
  const ofRanks = format === 'dcp' && ranks > 0 ? ` of ${formatCount(ranks, 'rank')}` : '';
  const counted = `${formatCount(files.length, 'file')}${ofRanks}`;
  switch (completeness) {
    case 'complete':
      return `yes: ${counted}, ${formatExactBytes(bytes)}`;
    case 'index_only':
      return `index only: the data (${counted}) is not at hand`;
    case 'ranks_missing':
      return `NO: the index of rank ${missingRanks!.slice(0, MAX_FILE_NAMES).join(', ')}${missingRanks!.length > MAX_FILE_NAMES ? ', …' : ''} is missing`;
    case 'files_missing': {
      const missing = files.filter(file => file.byteLength === null);
      return `NO: ${missing.length} of ${counted} missing: ${fileNames(missing)}`;
    }
    case 'files_short': {
      const short = files.filter(file => file.requiredByteLength !== undefined);
      return `NO: ${short.length} of ${counted} shorter than the index says: ${fileNames(short)}`;
    }
  }
}

function fileNames(files: InspectReport['files']): string {
  const names = files.slice(0, MAX_FILE_NAMES).map(file => file.relativePath);
  if (files.length > MAX_FILE_NAMES) names.push(`${files.length - MAX_FILE_NAMES} more`);
  return names.join(', ');
}

function weightsOnlyRows({ loadsWithWeightsOnly, globals }: InspectReport): [string, string][] {
  const label = 'weights_only';
  if (loadsWithWeightsOnly === true) return [[label, "yes: only classes on torch's list"]];
  const shown = [...globals].sort((a, b) => Number(b.dangerous) - Number(a.dangerous)).slice(0, MAX_GLOBALS);
  const names = shown.map(({ name, fqn, dangerous }): [string, string] => {
    const where = fqn === undefined ? '' : ` (first in ${fqn})`;
    return [label, `${dangerous ? 'DANGEROUS: ' : ''}${name}${where}`];
  });
  if (globals.length > shown.length) {
    names.push([label, `and ${globals.length - shown.length} more (--json lists all)`]);
  }
  if (loadsWithWeightsOnly === null) return [[label, 'not known: the data is not at hand'], ...names];
  return [[label, "no: the pickles name what is not on torch's list:"], ...names];
}

const NAME_COLUMN_MIN = 20;

function entryLines(
  { entries, format }: InspectReport,
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
    entry.size === undefined ? '' : `[${entry.size.join(', ')}]`,
    // Objects of a torch file share its pickle and have no size of their own.
    entry.kind === 'object' && entry.byteLength === 0 ? '' : formatBytes(entry.byteLength),
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

/** A tensor's name; an object's name and value. Names are cut in the middle, values at the end. */
function nameCell({ fqn, value }: InspectedEntry, room: number): string {
  if (value === undefined) return shortenMiddle(fqn, room);
  const equals = ' = ';
  const roomOfName = Math.max(room - equals.length - displayWidth(value), Math.ceil((room * 2) / 3));
  return shortenEnd(shortenMiddle(fqn, roomOfName) + equals + value, room);
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
    cells.reduce((width, row) => Math.max(width, row[column]!.length), 0);
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
