import type { InspectReport } from '../ops/inspect.js';
import { formatText } from '../tui/format-names.js';
import { displayWidth } from '../tui/text-width.js';
import { formatBytes, formatCount, formatExactBytes, shareText } from '../tui/units.js';
import { MAX_RANKS } from './inspect-table.js';
import { type Column, columnWidths, tableLine } from './table.js';

/** The longest label, which is always there, and the gap behind it. */
const LABEL_WIDTH = 'weights_only  '.length;

/** Labels and texts of the header. @param columns of the terminal, in which rows of several numbers drop the lesser */
export function headerRows(report: InspectReport, columns?: number): [string, string][] {
  const room = columns === undefined ? undefined : columns - LABEL_WIDTH;
  const { tensors, parameters, byteLength, chunks, format, warnings } = report;
  const inChunks = format === 'dcp' ? ` in ${formatCount(chunks, 'chunk')}` : '';
  return [
    ['path', report.path],
    ['format', formatText(report)],
    ['complete', completenessText(report)],
    [
      'tensors',
      `${formatCount(tensors)}${inChunks}, ${formatCount(parameters, 'parameter')}, ${formatExactBytes(byteLength)}`,
    ],
    ...partRows(report, room),
    ...dtypeRows(report, room),
    ...balanceRows(report),
    ...weightsOnlyRows(report),
    ...layoutRows(report),
    ...warnings.map(({ message }): [string, string] => ['WARNING', message]),
  ];
}

const PART_NAMES: Record<InspectReport['parts'][number]['part'], string> = {
  model: 'model',
  optim: 'optimizer',
  other: 'other',
};

function partRows({ parts, byteLength }: InspectReport, room: number | undefined): [string, string][] {
  return alignedRows(
    'parts',
    { room, spare: [3, 2, 1] },
    parts.map(part => [
      PART_NAMES[part.part],
      formatCount(part.tensors, 'tensor'),
      part.objects === 0 ? '' : formatCount(part.objects, 'object'),
      formatCount(part.parameters, 'parameter'),
      formatBytes(part.byteLength),
      shareText(part.byteLength, byteLength),
    ]),
  );
}

interface Room {
  /** Columns there are; undefined: as many as need be. */
  room: number | undefined;
  /** Cells that are left out where there is too little room, the first one first. */
  spare: readonly number[];
}

/** A row a line, the first cell aligned left, the others right. */
function alignedRows(
  label: string,
  { room = Number.POSITIVE_INFINITY, spare }: Room,
  rows: readonly string[][],
): [string, string][] {
  const columns = (rows[0] ?? []).map((_, i): Column => ({ title: '', align: i === 0 ? 'left' : 'right' }));
  const widths = columnWidths(columns, rows);
  const lines = rows.map(row => tableLine(columns, widths, row));
  const [dropped, ...rest] = spare;
  if (dropped === undefined || lines.every(line => displayWidth(line) <= room)) {
    return lines.map(line => [label, line]);
  }
  const kept = rows.map(row => row.filter((_, i) => i !== dropped));
  return alignedRows(label, { room, spare: rest }, kept);
}

/** How evenly the ranks share the bytes that they wrote; the files, where names tell no ranks. */
function balanceRows({ rankShares, files }: InspectReport): [string, string][] {
  const ofRanks = rankShares.length > 1;
  const shares = ofRanks
    ? rankShares.map(({ rank, itemByteLength }) => ({ name: `rank ${rank}`, byteLength: itemByteLength }))
    : files.map(({ relativePath, itemByteLength }) => ({ name: relativePath, byteLength: itemByteLength }));
  if (shares.length < 2) return [];
  const [first] = shares as [(typeof shares)[number]];
  const least = shares.reduce((best, share) => (share.byteLength < best.byteLength ? share : best), first);
  const most = shares.reduce((best, share) => (share.byteLength > best.byteLength ? share : best), first);
  const counted = formatCount(shares.length, ofRanks ? 'rank' : 'file');
  const [low, high] = [formatBytes(least.byteLength), formatBytes(most.byteLength)];
  if (low === high) return [['balance', `even: ${counted} of ${low} each`]];
  const mean = shares.reduce((sum, { byteLength }) => sum + byteLength, 0) / shares.length;
  const ratio = (most.byteLength / mean).toFixed(2);
  return [
    ['balance', `${counted}, from ${low} (${least.name}) to ${high} (${most.name}), ${ratio} times the mean`],
  ];
}

function dtypeRows({ dtypes }: InspectReport, room: number | undefined): [string, string][] {
  return alignedRows(
    'dtypes',
    { room, spare: [2, 1] },
    dtypes.map(row => [
      row.dtype,
      formatCount(row.tensors, 'tensor'),
      formatCount(row.parameters, 'parameter'),
      formatBytes(row.byteLength),
    ]),
  );
}

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
