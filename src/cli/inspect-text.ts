import type { EntryOrder } from '../ops/entry-order.js';
import type { InspectedEntry, InspectReport } from '../ops/inspect.js';
import { printable, printableDeep } from '../tui/printable.js';
import { wrapWords } from '../tui/text-width.js';
import { formatCount } from '../tui/units.js';
import { fileLines } from './inspect-files.js';
import { headerRows } from './inspect-header.js';
import { objectSections } from './inspect-objects.js';
import { oneEntryLines } from './inspect-one.js';
import { entryTableLines } from './inspect-table.js';
import { treeLines } from './inspect-tree.js';
import type { Style } from './style.js';
import { labelled } from './table.js';

export interface InspectTextOptions {
  /** Columns of the terminal; undefined: as wide as need be, so that the text depends on the checkpoint only. */
  columns: number | undefined;
  /** Whether the terminal shows more than ASCII. Pipes carry UTF-8. */
  unicode: boolean;
  style: Style;
  view: InspectView;
}

/** What of a report is shown below its header. */
export interface InspectView {
  /** The one entry that was asked for by its name. */
  one: boolean;
  /** A line an entry, and none folded. */
  all: boolean;
  files: boolean;
  objects: boolean;
  sort: EntryOrder | undefined;
}

/**
 * What a person gets to read of a checkpoint: a header, then its entries, or what was asked for in their place. The
 * header comes first by itself: of a hundred thousand entries the rest takes a while.
 */
export function* inspectText(untrusted: InspectReport, options: InspectTextOptions): Generator<string> {
  const { entries, ...rest } = untrusted;
  const { columns, style, view } = options;
  const head = { ...printableDeep(rest), entries };
  const whole = (): InspectReport => ({ ...head, entries: entries.map(printableEntry) });
  if (view.one) {
    yield [...oneEntryLines(whole(), options), ''].join('\n');
    return;
  }
  const header = labelled(headerRows(head, columns), columns).map(line => highlighted(line, style));
  yield `${header.join('\n')}\n`;
  for (const lines of sections(whole(), options)) if (lines.length > 0) yield `\n${lines.join('\n')}\n`;
}

/** What is untrusted of an entry, and shown. A hundred thousand of them are not copied field by field. */
function printableEntry(entry: InspectedEntry): InspectedEntry {
  const { fqn, value, lines, chunks } = entry;
  return {
    ...entry,
    fqn: printable(fqn),
    ...(value === undefined ? {} : { value: printable(value) }),
    ...(lines === undefined ? {} : { lines: lines.map(printable) }),
    ...(chunks === undefined ? {} : { chunks: chunks.map(printableDeep) }),
  };
}

function sections(report: InspectReport, options: InspectTextOptions): string[][] {
  const { columns, unicode, style, view } = options;
  const { files, objects, all, sort } = view;
  if (files || objects) {
    return [
      ...(files ? [fileLines(report, { columns, unicode, sort, style })] : []),
      ...(objects ? objectSections(report.entries, style) : []),
    ];
  }
  const { entries } = report;
  if (entries.length === 0) return [];
  const isDetailed = entries.some(({ chunks, ranks }) => chunks !== undefined || ranks !== undefined);
  if (all || isDetailed) return [entryTableLines(report, columns, style)];
  const isTerminal = columns !== undefined;
  const lines = treeLines(entries, {
    columns,
    branches: isTerminal && unicode,
    unicode: !isTerminal || unicode,
    sort,
    style,
  });
  return [
    lines,
    ...(isTerminal
      ? [wrapWords(footer(entries.length, lines.length - 1), columns).map(line => style.dim(line))]
      : []),
  ];
}

/** Where to go from here; only for people. */
function footer(entryCount: number, lineCount: number): string {
  const folded =
    lineCount < entryCount
      ? `${formatCount(entryCount, 'entry', 'entries')}, folded; --all lists each. `
      : '';
  return `${folded}Add a name to see where that tensor lies, or that value whole.`;
}

/** Colours go in when lines are broken and aligned. */
function highlighted(line: string, style: Style): string {
  return line
    .replace(/^WARNING(?= )/, word => style.warn(word))
    .replace(
      /^(complete +)(yes|NO)(?=:)/,
      (_, label: string, word: string) => label + (word === 'NO' ? style.error(word) : style.good(word)),
    )
    .replace(/^( +)(DANGEROUS:)/, (_, indent: string, word: string) => indent + style.error(word));
}
