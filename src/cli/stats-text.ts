import type { NumberStats } from '../index.js';
import type { StatsEntry, StatsProblem, StatsReport } from '../ops/stats.js';
import { problemCount } from '../ops/stats-problems.js';
import { printableDeep } from '../tui/printable.js';
import { shortenMiddle } from '../tui/text-width.js';
import { formatCount, formatDuration, formatExactBytes, formatNumber, formatRate } from '../tui/units.js';
import { checksumText } from './checksum-text.js';
import type { Style } from './style.js';
import { type Column, columnWidths, labelled, tableLine, widthBeforeLast } from './table.js';

export interface StatsTextOptions {
  /** Columns of the terminal; undefined: as wide as need be. */
  columns: number | undefined;
  style: Style;
  seconds: number;
}

/** What a person gets to read: a table of tensors, then what they come to together, and what is wrong. */
export function statsText(untrusted: StatsReport, { columns, style, seconds }: StatsTextOptions): string {
  const report = printableDeep(untrusted);
  const summary = labelled(summaryRows(report, seconds), columns);
  return [
    ...(report.entries.length === 0 ? [] : [...tableLines(report.entries, columns, style), '']),
    ...summary.map(line => highlighted(line, style)),
    '',
  ].join('\n');
}

/** Colours go in when lines are broken and aligned. */
function highlighted(line: string, style: Style): string {
  return line
    .replace(/^(NaN|Inf)(?= )/, word => style.error(word))
    .replace(/^(all zero)(?= )/, word => style.warn(word));
}

interface StatsColumn extends Column {
  cellOf(entry: StatsEntry): string;
  /** Columns of the lowest number go first where the terminal is too narrow; those without one stay. */
  dropped?: number;
}

const numberCell = (value: number | bigint | null): string => (value === null ? '-' : formatNumber(value));

const COLUMNS: readonly StatsColumn[] = [
  { title: 'dtype', align: 'left', cellOf: ({ dtypeShort }) => dtypeShort },
  { title: 'shape', align: 'left', cellOf: ({ size }) => `[${size.join(', ')}]`, dropped: 1 },
  { title: 'min', align: 'right', cellOf: ({ min }) => numberCell(min), dropped: 5 },
  { title: 'max', align: 'right', cellOf: ({ max }) => numberCell(max), dropped: 6 },
  { title: 'mean', align: 'right', cellOf: ({ mean }) => numberCell(mean), dropped: 2 },
  { title: 'std', align: 'right', cellOf: ({ std }) => numberCell(std), dropped: 3 },
  { title: 'norm', align: 'right', cellOf: ({ norm }) => numberCell(norm), dropped: 4 },
  { title: 'notes', align: 'left', cellOf: notesOf },
];

const NAME: Column = { title: 'name', align: 'left' };
const NAME_COLUMN_MIN = 20;

/** The name comes last: long ones then push nothing aside. */
function tableLines(
  entries: readonly StatsEntry[],
  terminalColumns: number | undefined,
  style: Style,
): string[] {
  let shown = COLUMNS.filter(
    ({ title }) => title !== 'notes' || entries.some(entry => notesOf(entry) !== ''),
  );
  const widthsOf = (columns: readonly StatsColumn[]): number[] =>
    columnWidths(
      [...columns, NAME],
      entries.map(entry => columns.map(({ cellOf }) => cellOf(entry))),
    );
  const roomOf = (columns: readonly StatsColumn[]): number =>
    terminalColumns === undefined
      ? Number.POSITIVE_INFINITY
      : terminalColumns - widthBeforeLast(widthsOf(columns));
  while (roomOf(shown) < NAME_COLUMN_MIN) {
    const next = Math.min(...shown.map(({ dropped = Number.POSITIVE_INFINITY }) => dropped));
    if (next === Number.POSITIVE_INFINITY) break;
    shown = shown.filter(({ dropped }) => dropped !== next);
  }
  const room = Math.max(NAME_COLUMN_MIN, roomOf(shown));
  const widths = widthsOf(shown);
  const columns = [...shown, NAME];
  const line = (cells: readonly string[]): string => tableLine(columns, widths, cells);
  return [
    style.dim(line(columns.map(({ title }) => title))),
    ...entries.map(entry => {
      const text = line([...shown.map(({ cellOf }) => cellOf(entry)), shortenMiddle(entry.fqn, room)]);
      if (problemCount(entry, 'nan') + problemCount(entry, 'inf') > 0) return style.error(text);
      return problemCount(entry, 'all_zero') > 0 ? style.warn(text) : text;
    }),
  ];
}

/** Shares from which zeros and subnormal numbers are worth a word. */
const MANY_ZEROS = 0.5;
const MANY_SUBNORMAL = 0.01;

function notesOf(entry: StatsEntry): string {
  const { count, zeroCount, subnormalCount } = entry;
  const [nan, inf] = [problemCount(entry, 'nan'), problemCount(entry, 'inf')];
  const notes: string[] = [];
  if (nan > 0) notes.push(`${formatCount(nan)} NaN`);
  if (inf > 0) notes.push(`${formatCount(inf)} Inf`);
  if (problemCount(entry, 'all_zero') > 0) notes.push('all zero');
  else if (count > 1 && zeroCount >= count * MANY_ZEROS) notes.push(`${share(zeroCount, count)} zero`);
  if (subnormalCount > 0 && subnormalCount >= count * MANY_SUBNORMAL) {
    notes.push(`${share(subnormalCount, count)} subnormal`);
  }
  return notes.join(', ');
}

function share(part: number, whole: number): string {
  return `${Math.floor((part / whole) * 100)} %`;
}

/** Below this a rate tells of the start of the program only. */
const RATE_FROM_BYTE_LENGTH = 1 << 20;

function summaryRows(report: StatsReport, seconds: number): [string, string][] {
  const { tensors, parameters, byteLength, device, total, dtypes, problems, crc } = report;
  const rate =
    byteLength >= RATE_FROM_BYTE_LENGTH && seconds > 0 ? `, ${formatRate(byteLength / seconds)}` : '';
  return [
    [
      'tensors',
      `${formatCount(tensors)}, ${formatCount(parameters, 'parameter')}, ${formatExactBytes(byteLength)}`,
    ],
    ...(dtypes.length > 1 ? dtypes.map((row): [string, string] => [row.dtype, numbersText(row)]) : []),
    ['all', numbersText(total)],
    ['checksums', checksumText(crc, device.name === 'cpu' ? undefined : `${device.name} checks none`)],
    ['time', `${formatDuration(seconds)}${rate}`],
    ['device', device.label],
    ...device.limits.map((limit): [string, string] => ['device', limit]),
    ...problems.map(problemRow),
    ...(problems.some(({ kind }) => kind !== 'all_zero')
      ? []
      : [['healthy', 'no NaN, no Inf'] as [string, string]]),
  ];
}

/** `min -5.406, max 5.219, mean 6.336e-5, std 0.9998, norm 5792; 12 zero, 3 subnormal`. */
function numbersText(stats: NumberStats): string {
  const { min, max, mean, std, norm, zeroCount, subnormalCount } = stats;
  const values = { min, max, mean, std, norm };
  const parts = Object.entries(values).flatMap(([name, value]) =>
    value === null ? [] : `${name} ${formatNumber(value)}`,
  );
  const counts = [
    ...(zeroCount > 0 ? [`${formatCount(zeroCount)} zero`] : []),
    ...(subnormalCount > 0 ? [`${formatCount(subnormalCount)} subnormal`] : []),
  ];
  const text = [parts.join(', '), counts.join(', ')].filter(part => part !== '').join('; ');
  return text === '' ? 'no finite numbers' : text;
}

const PROBLEM_LABELS: Record<StatsProblem['kind'], string> = { nan: 'NaN', inf: 'Inf', all_zero: 'all zero' };

function problemRow({ kind, tensors, count, first }: StatsProblem): [string, string] {
  const where = `${formatCount(tensors, 'tensor')}, first ${first}`;
  return [PROBLEM_LABELS[kind], kind === 'all_zero' ? where : `${formatCount(count)} in ${where}`];
}
