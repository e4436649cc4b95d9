import {
  type ComparedCheckpoint,
  DIFFERENCE_KINDS,
  type DiffDifference,
  type DiffReport,
  type ValuesDifference,
} from '../ops/diff-report.js';
import type { TreeNote } from '../ops/tree-notes.js';
import { FORMAT_NAMES } from '../tui/format-names.js';
import { printableDeep } from '../tui/printable.js';
import { shortenMiddle } from '../tui/text-width.js';
import { formatCount, formatDuration, formatExactBytes, formatNumber, formatRate } from '../tui/units.js';
import type { Style } from './style.js';
import { type Column, columnWidths, labelled, tableLine, widthBeforeLast } from './table.js';

export interface DiffTextOptions {
  /** Columns of the terminal; undefined: as wide as need be. */
  columns: number | undefined;
  style: Style;
  seconds: number;
}

const INDENT = 2;
/** Of each kind of difference: `--json` lists all. */
const MAX_ROWS = 20;
const NAME_COLUMN_MIN = 20;

/** What a person gets to read: one line and what was compared; where they differ, tables with the worst first. */
export function diffText(untrusted: DiffReport, options: DiffTextOptions): string {
  const report = printableDeep(untrusted);
  const { columns, style } = options;
  const head = labelled(
    headRows(report, options.seconds),
    columns === undefined ? undefined : columns - INDENT,
  );
  const headline = headlineOf(report);
  return [
    report.equal ? style.bold(headline) : style.error(headline),
    ...head.map(line => ' '.repeat(INDENT) + line),
    ...DIFFERENCE_KINDS.flatMap(kind => groupLines(kind, report, options)),
    ...closeLines(report, options),
    '',
  ].join('\n');
}

const TITLES: Record<DiffDifference['kind'], string> = {
  only_in_a: 'Only in A',
  only_in_b: 'Only in B',
  kind: 'A tensor here, an object there',
  shape: 'Other shapes',
  dtype: 'Other types',
  values: 'Other values',
  object: 'Other objects',
};

function headlineOf({ equal, differences, criterion, close, notes }: DiffReport): string {
  if (equal) {
    if (criterion === 'bits') return 'Equal, bit for bit';
    return close.length === 0 ? 'Equal, bit for bit, within any tolerance' : 'Equal within the tolerance';
  }
  if (differences.length === 0) return `Different in form: ${formatCount(notes.length, 'note')}`;
  const counts = DIFFERENCE_KINDS.map(kind => {
    const count = differences.filter(difference => difference.kind === kind).length;
    return count === 0
      ? ''
      : `${formatCount(count)} ${TITLES[kind].toLowerCase().replace(/\b[ab]$/, side => side.toUpperCase())}`;
  });
  return `Different: ${counts.filter(text => text !== '').join(', ')}`;
}

function headRows(report: DiffReport, seconds: number): [string, string][] {
  const { compared, criterion, atol, rtol, notes, device } = report;
  const rate =
    compared.byteLength >= 1 << 20 && seconds > 0
      ? [`${formatRate((2 * compared.byteLength) / seconds)} of both`]
      : [];
  return [
    ['A', checkpointText(report.a)],
    ['B', checkpointText(report.b)],
    [
      'compared',
      `${formatCount(compared.tensors, 'tensor')} of ${formatExactBytes(compared.byteLength)}, ${formatCount(compared.objects, 'object')}`,
    ],
    ...(criterion === 'bits' ? [] : ([['tolerance', `atol ${atol}, rtol ${rtol}`]] as [string, string][])),
    ['time', [formatDuration(seconds), ...rate, device.label].join(', ')],
    ...notes.map((note): [string, string] => ['note', noteText(note)]),
  ];
}

function checkpointText({ path, format, tensors, objects }: ComparedCheckpoint): string {
  return `${path}: ${FORMAT_NAMES[format]}, ${formatCount(tensors, 'tensor')}, ${formatCount(objects, 'object')}`;
}

const NOTES: Record<TreeNote['kind'], string> = {
  key_kind: 'keys are',
  container_kind: 'containers are',
  attributes: 'attributes of containers:',
  nesting: 'names are nested',
  empty_container: 'empty containers:',
  requires_grad: 'requires_grad is',
};

function noteText({ kind, a, b, count, first }: TreeNote): string {
  const where = count === 1 ? first : `${formatCount(count)} times, first ${first}`;
  return `${NOTES[kind]} ${a} in A, ${b} in B (${where})`;
}

function groupLines(
  kind: DiffDifference['kind'],
  { differences }: DiffReport,
  options: DiffTextOptions,
): string[] {
  const group = differences.filter(difference => difference.kind === kind);
  if (group.length === 0) return [];
  return titled(TITLES[kind], group.length, options, tableOf(group, options));
}

/** Tensors whose bits differ and whose values do not count as different. */
function closeLines({ close }: DiffReport, options: DiffTextOptions): string[] {
  if (close.length === 0) return [];
  return titled('Other bits, within the tolerance', close.length, options, tableOf(close, options));
}

function titled(title: string, count: number, { style }: DiffTextOptions, lines: string[]): string[] {
  const more = count > MAX_ROWS ? [`… ${formatCount(count - MAX_ROWS)} more (--json lists all)`] : [];
  return [
    '',
    style.bold(`${title} (${formatCount(count)})`),
    ...[...lines, ...more].map(line => ' '.repeat(INDENT) + line),
  ];
}

interface Table {
  columns: Column[];
  cells(difference: DiffDifference): string[];
}

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });

const VALUES: Table = {
  columns: [
    right('differ'),
    right('share'),
    right('max abs'),
    right('max rel'),
    right('NaN, Inf'),
    left('first'),
  ],
  cells: difference => {
    const { differing, beyond, elements, maxAbs, maxRel, nonFinite, firstIndex } =
      difference as ValuesDifference;
    const count = beyond === 0 ? differing : beyond;
    return [
      formatCount(count),
      percentText(count / elements),
      maxAbs === null ? '-' : formatNumber(maxAbs),
      maxRel === null ? '-' : formatNumber(maxRel),
      nonFinite === 0 ? '-' : formatCount(nonFinite),
      `[${firstIndex.join(', ')}]`,
    ];
  },
};

const AB: Table = {
  columns: [left('A'), left('B')],
  cells: difference => {
    if (!('a' in difference)) return [];
    return [difference.a, difference.b].map(side =>
      typeof side === 'string' ? side : `[${side.join(', ')}]`,
    );
  },
};

const ONE_SIDED: Table = {
  columns: [left('dtype'), left('shape')],
  cells: difference => {
    if (!('entry' in difference)) return [];
    return [
      difference.dtype ?? 'object',
      difference.size === undefined ? '' : `[${difference.size.join(', ')}]`,
    ];
  },
};

const OBJECTS: Table = { columns: [], cells: () => [] };

function tableFor(kind: DiffDifference['kind']): Table {
  if (kind === 'values') return VALUES;
  if (kind === 'only_in_a' || kind === 'only_in_b') return ONE_SIDED;
  return kind === 'object' ? OBJECTS : AB;
}

/** The name comes last: long ones then push nothing aside. */
function tableOf(group: readonly DiffDifference[], { columns, style }: DiffTextOptions): string[] {
  const shown = group.slice(0, MAX_ROWS);
  const table = tableFor(shown[0]!.kind);
  const all = [...table.columns, left('name')];
  const rows = shown.map(difference => [...table.cells(difference), nameOf(difference)]);
  const widths = columnWidths(all, rows);
  const room = columns === undefined ? undefined : columns - INDENT - widthBeforeLast(widths);
  const lines = rows.map(cells => {
    const name = cells.at(-1)!;
    const fitting = room === undefined ? name : shortenMiddle(name, Math.max(NAME_COLUMN_MIN, room));
    return tableLine(all, widths, [...cells.slice(0, -1), fitting]);
  });
  if (table.columns.length === 0) return lines;
  return [
    style.dim(
      tableLine(
        all,
        widths,
        all.map(({ title }) => title),
      ),
    ),
    ...lines,
  ];
}

function nameOf(difference: DiffDifference): string {
  if (difference.kind !== 'object') return difference.fqn;
  return `${difference.fqn}${difference.where}: ${difference.what}`;
}

function percentText(share: number): string {
  if (share === 1) return '100 %';
  if (share < 0.0001) return '< 0.01 %';
  return `${(Math.min(share, 0.9999) * 100).toFixed(2)} %`;
}
