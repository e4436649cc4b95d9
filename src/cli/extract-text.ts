import type { ExtractResult } from '../index.js';
import { printableDeep } from '../tui/printable.js';
import { formatCount, formatDuration, formatExactBytes } from '../tui/units.js';
import { checksumText } from './checksum-text.js';
import type { Style } from './style.js';
import { labelled } from './table.js';

export interface ExtractTextOptions {
  /** Columns of the terminal; undefined for a pipe or file. */
  columns: number | undefined;
  style: Style;
  seconds: number;
}

const INDENT = 2;
const MAX_ARRAYS = 20;

/** What a person gets to read of a finished extraction. */
export function extractText(
  untrusted: ExtractResult,
  { columns, style, seconds }: ExtractTextOptions,
): string {
  const { source, destination, format, arrays, byteLength, crc, leftBehind } = printableDeep(untrusted);
  const shown = arrays.slice(0, MAX_ARRAYS).map(({ fqn, dtype, writtenAs, size }): [string, string] => {
    const type = dtype === writtenAs ? dtype : `${dtype} as ${writtenAs}`;
    return ['array', `${fqn}: ${type} [${size.join(', ')}]`];
  });
  if (arrays.length > MAX_ARRAYS) shown.push(['array', `and ${arrays.length - MAX_ARRAYS} more`]);
  const rows: [string, string][] = [
    ['from', source],
    ['to', destination],
    ...shown,
    ['written', formatExactBytes(byteLength)],
    ['time', formatDuration(seconds)],
    ['checksums', checksumText(crc)],
    ...leftBehind.map((path): [string, string] => ['left behind', path]),
  ];
  const lines = labelled(rows, columns === undefined ? undefined : columns - INDENT);
  const headline = `Extracted ${formatCount(arrays.length, 'tensor')} as ${format}`;
  return [style.bold(headline), ...lines.map(line => ' '.repeat(INDENT) + line), ''].join('\n');
}
