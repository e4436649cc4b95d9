import type { Finding, SaveState, VerifyReport } from '../index.js';
import { FORMAT_NAMES } from '../tui/format-names.js';
import { printableDeep } from '../tui/printable.js';
import { formatCount, formatDuration, formatExactBytes, formatRate } from '../tui/units.js';

import type { Style } from './style.js';
import { labelled } from './table.js';

export interface VerifyTextOptions {
  /** Columns of the terminal; undefined: as wide as need be. */
  columns: number | undefined;
  style: Style;
  seconds: number;
}

const INDENT = 2;
/** Of each rule: `--json` lists all. */
const MAX_FINDINGS = 20;

const STATES: Record<SaveState, string> = {
  complete: 'complete',
  saving: 'a save seems to be in progress',
  dead: 'dead: the save died before it was complete',
  torn: 'torn: a later save into the directory died half way, or it was copied without its times',
  partly_copied: 'partly copied: the index is here, and not all that it names',
  unreadable: 'the index cannot be read',
};

/** What a person gets to read: one line, what was checked, how much is proved, and all findings by rule. */
export function verifyText(untrusted: VerifyReport, options: VerifyTextOptions): string {
  const report = printableDeep(untrusted);
  const { columns, style } = options;
  const head = labelled(
    headRows(report, options.seconds),
    columns === undefined ? undefined : columns - INDENT,
  );
  const headline = report.sound ? 'Nothing is wrong' : headlineOf(report);
  return [
    report.sound ? style.bold(headline) : style.error(headline),
    ...head.map(line => ' '.repeat(INDENT) + line),
    ...groupsOf(report.findings).flatMap(([rule, findings]) => groupLines(rule, findings, options)),
    '',
  ].join('\n');
}

function headlineOf({ findings }: VerifyReport): string {
  const rules = groupsOf(findings).map(([rule, group]) => `${formatCount(group.length)} ${rule}`);
  return `${formatCount(findings.length, 'finding')}: ${rules.join(', ')}`;
}

function headRows(report: VerifyReport, seconds: number): [string, string][] {
  const { path, format, state, tensors, objects, bytes, crc, replicas, sha256, against, ignored } = report;
  const size = `${formatCount(report.files.length, 'file')}, ${formatExactBytes(bytes.byteLength)}`;
  const holds =
    tensors === null ? [] : [`${formatCount(tensors, 'tensor')}, ${formatCount(objects ?? 0, 'object')}`];
  const read = sha256 === null ? bytes.proved : bytes.byteLength;
  const rate = read >= 1 << 20 && seconds > 0 ? [formatRate(read / seconds)] : [];
  const share = (count: number): string =>
    `${percentOf(count, bytes.byteLength)} (${formatExactBytes(count)})`;
  const unread = crc === null && bytes.unread > 0 ? '; --crc compares them' : '';
  return [
    [
      'checkpoint',
      [`${path}: ${format === null ? 'unknown' : FORMAT_NAMES[format]}`, ...holds, size].join(', '),
    ],
    ['state', STATES[state]],
    ['proved', `${share(bytes.proved)} by a checksum`],
    ['checked', `${share(bytes.structure)} follow from other bytes, and do`],
    ...(bytes.unread === 0
      ? []
      : ([['not read', `${share(bytes.unread)} have a checksum that was not compared${unread}`]] as [
          string,
          string,
        ][])),
    ...(bytes.damaged === 0
      ? []
      : ([['damaged', `${share(bytes.damaged)} contradict their checksum`]] as [string, string][])),
    ['not provable', `${share(bytes.unprovable)} have no checksum`],
    ...(crc === null
      ? []
      : ([['CRC-32', `${formatCount(crc.compared)} compared, ${formatCount(crc.damaged)} wrong`]] as [
          string,
          string,
        ][])),
    ...(replicas === null
      ? []
      : ([['replicas', `${formatCount(replicas.compared, 'copy').replace(/copys$/, 'copies')} compared`]] as [
          string,
          string,
        ][])),
    ...(sha256 === null
      ? []
      : ([
          [
            'SHA-256',
            `${formatCount(sha256.files, 'file')} ${sha256.written ? 'written to' : 'compared with'} ${sha256.path}`,
          ],
        ] as [string, string][])),
    ...(against === null ? [] : ([['against', against]] as [string, string][])),
    ...(ignored.length === 0 ? [] : ([['ignored', ignored.join(', ')]] as [string, string][])),
    ['time', [formatDuration(seconds), ...rate].join(', ')],
  ];
}

function percentOf(count: number, total: number): string {
  if (total === 0) return '0 %';
  const percent = (100 * count) / total;
  if (percent === 0 || percent === 100) return `${percent} %`;
  // Not all is not 100 %, and some is not 0 %.
  return `${Math.min(99.99, Math.max(0.01, percent)).toFixed(2)} %`;
}

function groupsOf(findings: readonly Finding[]): [string, Finding[]][] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const group = groups.get(finding.rule);
    if (group === undefined) groups.set(finding.rule, [finding]);
    else group.push(finding);
  }
  return [...groups];
}

function groupLines(
  rule: string,
  findings: readonly Finding[],
  { columns, style }: VerifyTextOptions,
): string[] {
  const shown = findings.slice(0, MAX_FINDINGS);
  const room = columns === undefined ? undefined : columns - INDENT;
  const rest = findings.length - shown.length;
  return [
    '',
    style.bold(`${rule} (${formatCount(findings.length)})`),
    ...shown.flatMap(finding =>
      labelled([[whereOf(finding), textOf(finding)]], room).map(line => ' '.repeat(INDENT) + line),
    ),
    ...(rest === 0 ? [] : [' '.repeat(INDENT) + style.dim(`… ${formatCount(rest)} more: --json lists all`)]),
  ];
}

function whereOf({ relativePath, byteOffset, entry }: Finding): string {
  const place = [relativePath ?? '-'];
  if (entry !== null) place.push(entry);
  if (byteOffset !== null) place.push(`byte ${byteOffset}`);
  return place.join(' ');
}

function textOf({ message, fqn, expected, found }: Finding): string {
  const details = [];
  if (expected !== null) details.push(`expected ${expected}`);
  if (found !== null) details.push(`found ${found}`);
  const text = details.length === 0 ? message : `${message} (${details.join(', ')})`;
  return fqn === null ? text : `${fqn}: ${text}`;
}
