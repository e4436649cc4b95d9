import type { InspectReport } from '../ops/inspect.js';
import { formatText } from '../tui/format-names.js';
import { formatBytes, formatCount, formatExactBytes, shareText } from '../tui/units.js';
import { MAX_RANKS } from './inspect-table.js';
import { type Column, fittedLines } from './table.js';

/** The longest label, which is always there, and the gap behind it. */
const LABEL_WIDTH = 'weights_only  '.length;

/** Labels and texts of the header. Tables in it have columns left out where a terminal of `columns` is too narrow. */
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
    ...layoutRows(report, room),
    ...warnings.map(({ message }): [string, string] => ['WARNING', message]),
  ];
}

const PART_NAMES: Record<InspectReport['parts'][number]['part'], string> = {
  model: 'model',
  optim: 'optimizer',
  other: 'other',
};

const PART_COLUMNS: readonly Column[] = [
  { title: '', align: 'left' },
  { title: '', align: 'right', dropped: 3 },
  { title: '', align: 'right', dropped: 2 },
  { title: '', align: 'right', dropped: 1 },
  { title: '', align: 'right' },
  { title: '', align: 'right' },
];

function partRows({ parts, byteLength }: InspectReport, room?: number): [string, string][] {
  const rows = parts.map(part => [
    PART_NAMES[part.part],
    formatCount(part.tensors, 'tensor'),
    part.objects === 0 ? '' : formatCount(part.objects, 'object'),
    formatCount(part.parameters, 'parameter'),
    formatBytes(part.byteLength),
    shareText(part.byteLength, byteLength),
  ]);
  return fittedLines(PART_COLUMNS, rows, room).map(line => ['parts', line]);
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

const DTYPE_COLUMNS: readonly Column[] = [
  { title: '', align: 'left' },
  { title: '', align: 'right', dropped: 2 },
  { title: '', align: 'right', dropped: 1 },
  { title: '', align: 'right' },
];

function dtypeRows({ dtypes }: InspectReport, room?: number): [string, string][] {
  const rows = dtypes.map(row => [
    row.dtype,
    formatCount(row.tensors, 'tensor'),
    formatCount(row.parameters, 'parameter'),
    formatBytes(row.byteLength),
  ]);
  return fittedLines(DTYPE_COLUMNS, rows, room).map(line => ['dtypes', line]);
}

const RANK_COLUMNS: readonly Column[] = [
  { title: '', align: 'left' },
  { title: '', align: 'left', dropped: 1 },
  { title: '', align: 'right' },
  { title: '', align: 'left' },
  { title: '', align: 'left', dropped: 2 },
];

function layoutRows({ layout }: InspectReport, room?: number): [string, string][] {
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
  const whole =
    replicatedTensors === 0 ? '' : `; ${formatCount(replicatedTensors, 'tensor')} whole on every rank`;
  const lines = fittedLines(RANK_COLUMNS, rows, room);
  if (ranks.length > MAX_RANKS)
    lines.push(`and ${formatCount(ranks.length - MAX_RANKS)} more (--json lists all)`);
  return [
    ['layout', `${placements.join(', ')} on mesh ${mesh}${whole}`],
    ...lines.map((line): [string, string] => ['ranks', line]),
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

function weightsOnlyRows(report: InspectReport): [string, string][] {
  const { loadsWithWeightsOnly, globals } = report;
  const label = 'weights_only';
  if (isWithoutPickle(report)) return [[label, 'yes: nothing in it is pickled']];
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

/** Safetensors without a `state.pth` beside them. */
function isWithoutPickle({ format, files }: InspectReport): boolean {
  return format === 'safetensors' && !files.some(({ relativePath }) => relativePath.endsWith('.pth'));
}
