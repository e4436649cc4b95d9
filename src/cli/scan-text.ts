import type { GlobalVerdict, ScanFinding, ScannedGlobal, ScanPlace, ScanReport } from '../index.js';
import { printableDeep } from '../tui/printable.js';
import { formatCount, formatDuration, formatExactBytes } from '../tui/units.js';
import type { Style } from './style.js';
import { type Column, columnWidths, labelled, tableLine } from './table.js';

export interface ScanTextOptions {
  /** Columns of the terminal; undefined: as wide as need be. */
  columns: number | undefined;
  style: Style;
  seconds: number;
}

const INDENT = 2;
/** `--json` lists all. */
const MAX_FINDINGS = 50;
const MAX_GLOBALS = 100;

const VERDICTS: Record<GlobalVerdict, string> = {
  dangerous: 'DANGEROUS',
  unknown: 'unknown',
  known: 'known',
  weights_only: 'weights_only',
};

/** What a person gets to read: one line, what was looked into, all findings, and every global that is named. */
export function scanText(untrusted: ScanReport, options: ScanTextOptions): string {
  const report = printableDeep(untrusted);
  const { style, columns } = options;
  const room = columns === undefined ? undefined : columns - INDENT;
  const { path, files, pickles, byteLength, allowed } = report;
  const looked = `${formatCount(pickles, 'pickle')} in ${formatCount(files, 'file')} of ${formatExactBytes(byteLength)}`;
  const head = labelled(
    [
      ['path', path],
      ['looked into', looked],
      ...(allowed.length === 0 ? [] : ([['allowed', allowed.join(', ')]] as [string, string][])),
      ['time', formatDuration(options.seconds)],
    ],
    room,
  );
  const headline = headlineOf(report);
  return [
    report.clean ? style.bold(headline) : style.error(headline),
    ...head.map(line => ' '.repeat(INDENT) + line),
    ...findingLines(report.findings, room, style),
    ...globalLines(report.globals, style),
    '',
  ].join('\n');
}

function headlineOf({ clean, findings, pickles }: ScanReport): string {
  if (clean)
    return pickles === 0 ? 'Clean: there is no pickle in it' : 'Clean: nothing is named that is not known';
  const count = (verdict: string): number => findings.filter(finding => finding.verdict === verdict).length;
  const parts = [
    [count('dangerous'), 'dangerous'],
    [count('unknown'), 'unknown'],
  ].flatMap(([number, word]) => (number === 0 ? [] : [`${formatCount(number as number)} ${word}`]));
  return `${formatCount(findings.length, 'finding')}: ${parts.join(', ')}`;
}

function findingLines(findings: readonly ScanFinding[], room: number | undefined, style: Style): string[] {
  if (findings.length === 0) return [];
  const sorted = [...findings].sort(
    (a, b) => Number(b.verdict === 'dangerous') - Number(a.verdict === 'dangerous'),
  );
  const rest = sorted.length - MAX_FINDINGS;
  return [
    '',
    style.bold('Findings'),
    ...sorted.slice(0, MAX_FINDINGS).flatMap(finding => {
      const { rule, verdict, message } = finding;
      const label = verdict === 'dangerous' ? style.error(rule) : style.warn(rule);
      const [first, ...more] = labelled([[' ', message]], room);
      return [`${' '.repeat(INDENT)}${label}  ${placeText(finding)}`, first!, ...more].map((line, i) =>
        i === 0 ? line : ' '.repeat(INDENT) + line,
      );
    }),
    ...(rest > 0 ? [' '.repeat(INDENT) + style.dim(`… ${formatCount(rest)} more: --json lists all`)] : []),
  ];
}

const COLUMNS: readonly Column[] = [
  { title: 'verdict', align: 'left' },
  { title: 'named', align: 'right' },
  { title: 'global', align: 'left' },
  { title: 'first in', align: 'left' },
];

function globalLines(globals: readonly ScannedGlobal[], style: Style): string[] {
  if (globals.length === 0) return [];
  const rows = globals
    .slice(0, MAX_GLOBALS)
    .map(({ verdict, count, name, first }) => [
      VERDICTS[verdict],
      formatCount(count),
      name,
      placeText(first),
    ]);
  const widths = columnWidths(COLUMNS, rows);
  const rest = globals.length - rows.length;
  return [
    '',
    style.bold(
      tableLine(
        COLUMNS,
        widths,
        COLUMNS.map(({ title }) => title),
      ),
    ),
    ...rows.map(row => tableLine(COLUMNS, widths, row)),
    ...(rest > 0 ? [style.dim(`… ${formatCount(rest)} more: --json lists all`)] : []),
  ];
}

function placeText({ relativePath, item, byteOffset }: ScanPlace): string {
  return `${relativePath}${item === null ? '' : ` > ${item}`} byte ${byteOffset}`;
}
