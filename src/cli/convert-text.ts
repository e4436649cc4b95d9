import type { ConvertResult } from '../ops/convert.js';
import type { Loss } from '../ops/losses.js';
import type { NamedGlobal } from '../ops/safety.js';
import type { LostEntry } from '../ops/salvage.js';
import { printableDeep } from '../tui/printable.js';
import { wrapWords } from '../tui/text-width.js';
import { formatCount, formatDuration, formatExactBytes, formatRate } from '../tui/units.js';
import { checksumText } from './checksum-text.js';
import type { Style } from './style.js';
import { labelled } from './table.js';

export interface ConvertTextOptions {
  seconds: number;
  /** Whether source and destination told the mode. */
  isChosen: boolean;
  /** Whether checksums were asked for. */
  crc: boolean;
  /** Columns of the terminal; undefined for a pipe or file. */
  columns: number | undefined;
  style: Style;
}

const INDENT = 2;

/** What a person gets to read of a finished or planned conversion, on stdout. */
export function convertText(
  untrusted: ConvertResult,
  { seconds, isChosen, crc, columns, style }: ConvertTextOptions,
): string {
  const result = printableDeep(untrusted);
  const rows: [string, string][] = [
    ['from', result.source],
    ['to', result.destination],
    ...(isChosen ? [['mode', `${result.mode}, told by source and destination`] as [string, string]] : []),
    ['content', contentText(result)],
  ];
  if (result.status === 'planned') {
    for (const { name, byteLength } of result.outputs) {
      rows.push(['would write', `${name}, ${formatExactBytes(byteLength)}`]);
    }
  } else {
    rows.push([result.status === 'converted' ? 'written' : 'compared', outputText(result)]);
    if (result.resumedByteLength !== undefined && result.resumedByteLength > 0) {
      rows.push(['resumed', `${formatExactBytes(result.resumedByteLength)} were there, proved by checksums`]);
    }
    if (result.checked !== undefined) rows.push(['checked', checkedText(result.checked)]);
    rows.push(['time', timeText(result, seconds)], ['checksums', checksumText(crc ? result.crc : undefined)]);
  }
  for (const entry of result.lost.slice(0, MAX_LOST)) rows.push(['LOST', lostText(entry)]);
  if (result.lost.length > MAX_LOST) {
    rows.push(['LOST', `and ${formatCount(result.lost.length - MAX_LOST)} more (--json lists all)`]);
  }
  for (const cast of result.casts) rows.push(['cast', castText(cast)]);
  for (const tie of result.ties) rows.push(['tied', tieText(tie)]);
  for (const loss of result.losses) rows.push(['not kept', lossText(loss)]);
  const lines = labelled(rows, columns === undefined ? undefined : columns - INDENT);
  return [style.bold(headline(result)), ...lines.map(line => ' '.repeat(INDENT) + line), ''].join('\n');
}

const FORMATS: Record<string, string> = {
  dcp: 'DCP directory',
  torch: 'torch.save file',
  safetensors: 'safetensors',
};

function headline({ mode, status }: ConvertResult): string {
  const [from = '', to = ''] = mode.split('_to_');
  const what = `${FORMATS[from]} to ${FORMATS[to]}`;
  switch (status) {
    case 'converted':
      return `Converted ${what}`;
    case 'up_to_date':
      return `Up to date, nothing written: ${what}`;
    case 'planned':
      return `Plan, nothing written: ${what}`;
  }
}

function contentText({ tensors, objects, byteLength, replicas }: ConvertResult): string {
  const parts = [
    formatCount(tensors, 'tensor'),
    formatCount(objects, 'object'),
    formatExactBytes(byteLength),
  ];
  if (replicas > 0) parts.push(`${formatCount(replicas, 'replicated chunk')} left out`);
  return parts.join(', ');
}

function outputText({ outputs }: ConvertResult): string {
  const byteLength = outputs.reduce((sum, output) => sum + output.byteLength, 0);
  return `${formatCount(outputs.length, 'file')}, ${formatExactBytes(byteLength)}`;
}

function checkedText({ tensors, objects }: NonNullable<ConvertResult['checked']>): string {
  return `read back: ${formatCount(tensors, 'tensor')} and ${formatCount(objects, 'object')} are equal to the source`;
}

/** Below this a rate tells of the start of the program only. */
const RATE_FROM_BYTE_LENGTH = 1 << 20;

function timeText({ byteLength, workers }: ConvertResult, seconds: number): string {
  const parts = [formatDuration(seconds)];
  if (byteLength >= RATE_FROM_BYTE_LENGTH && seconds > 0) parts.push(formatRate(byteLength / seconds));
  if (workers !== undefined && workers > 1) parts.push(formatCount(workers, 'thread'));
  return parts.join(', ');
}

const MAX_LOST = 20;

function lostText({ fqn, relativePath, reason }: LostEntry): string {
  return `${fqn}: ${reason}${relativePath === undefined ? '' : `, ${relativePath}`}`;
}

function castText({
  from,
  to,
  tensors,
  overflows = 0,
  firstOverflow,
}: ConvertResult['casts'][number]): string {
  const text = `${formatCount(tensors, 'tensor')} from ${from} to ${to}`;
  if (firstOverflow === undefined) return text;
  return `${text}; ${formatCount(overflows, 'finite value')} became infinite, first in ${firstOverflow}`;
}

const MAX_TIED_NAMES = 5;

function tieText({ kept, dropped }: ConvertResult['ties'][number]): string {
  const names = dropped.slice(0, MAX_TIED_NAMES);
  if (dropped.length > names.length) names.push(`${dropped.length - names.length} more`);
  return `${kept} is also ${names.join(', ')}`;
}

function lossText({ kind, count, first, reason }: Loss): string {
  const where = count === 1 ? first : `${formatCount(count)} times, first ${first}`;
  return `${kind} (${where}): ${reason}`;
}

const MAX_GLOBALS = 20;

/** What a person should know though the conversion succeeded, on stderr. */
export function noticeText(
  untrusted: ConvertResult,
  { columns, style }: Pick<ConvertTextOptions, 'columns' | 'style'>,
): string {
  const { warnings, globals, leftBehind } = printableDeep(untrusted);
  const lines = warnings.map(warning => warning.message);
  const dangerous = globals.filter(global => global.dangerous);
  if (dangerous.length > 0) {
    lines.push(
      `loading this in Python runs ${namesText(dangerous)}: do not, unless you know why it is there`,
    );
  }
  const unlisted = globals.filter(global => !global.dangerous);
  if (unlisted.length > 0) {
    lines.push(`torch.load(weights_only=True) refuses what is not on torch's list: ${namesText(unlisted)}`);
  }
  for (const path of leftBehind) lines.push(`this temporary could not be removed: ${path}`);
  return lines.map(line => warningText(line, columns, style)).join('');
}

function warningText(line: string, columns: number | undefined, style: Style): string {
  const label = 'dcp: warning:';
  const text = `${label} ${line}`;
  const shown = columns === undefined ? text : wrapWords(text, columns).join('\n');
  return `${style.warn(label)}${shown.slice(label.length)}\n`;
}

function namesText(globals: readonly NamedGlobal[]): string {
  const names = globals
    .slice(0, MAX_GLOBALS)
    .map(({ name, fqn }) => (fqn === undefined ? name : `${name} (first in ${fqn})`));
  if (globals.length > MAX_GLOBALS) names.push(`${globals.length - MAX_GLOBALS} more (--json lists all)`);
  return names.join(', ');
}
