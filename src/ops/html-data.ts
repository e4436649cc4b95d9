import type { Checkpoint, Entry } from '../checkpoint/checkpoint.js';
import type { InspectedEntry, InspectReport } from './inspect.js';
import { type EntryPart, entryParts } from './parts.js';

/**
 * What the page of a report is drawn from: the report, with its entries in columns and what repeats written once, so
 * that a hundred thousand of them are a few megabytes.
 */
export interface HtmlData extends Omit<InspectReport, 'entries'> {
  entries: HtmlEntries;
  /** Element types, by which `entries.dtype` counts: name and short name. */
  dtypeNames: [name: string, short: string][];
  shapes: number[][];
  /** How tensors lie in files; many lie alike. A row a chunk: file, offsets, sizes. */
  layouts: number[][][];
}

/** One row an entry, in the order of the report. */
export interface HtmlEntries {
  fqn: string[];
  byteLength: number[];
  part: EntryPart[];
  /** Position in `dtypeNames`; -1 for an object. */
  dtype: number[];
  /** Position in `shapes`; -1 for an object. */
  shape: number[];
  /** Position in `layouts`; -1 where it is not told. */
  layout: number[];
  /** Values of objects, by row. */
  values: [row: number, value: string][];
}

/** More boxes than these would make a page that takes seconds to open. */
const MAX_BOXES = 200_000;

/** @param entries those of the checkpoint that the report has rows of, in the same order. */
export function htmlData(report: InspectReport, checkpoint: Checkpoint, entries: readonly Entry[]): HtmlData {
  const dtypeNames = new Numbered<[string, string]>();
  const shapes = new Numbered<number[]>();
  const layouts = new LayoutTable(checkpoint);
  const partOf = entryParts(checkpoint.entries);
  const columns: HtmlEntries = {
    fqn: [],
    byteLength: [],
    part: [],
    dtype: [],
    shape: [],
    layout: [],
    values: [],
  };
  for (const [row, entry] of report.entries.entries()) {
    const source = entries[row]!;
    columns.fqn.push(entry.fqn);
    columns.byteLength.push(entry.byteLength);
    columns.part.push(partOf(source));
    columns.dtype.push(
      entry.dtype === undefined
        ? -1
        : dtypeNames.numberOf(entry.dtype, () => [entry.dtype!, entry.dtypeShort!]),
    );
    columns.shape.push(entry.size === undefined ? -1 : shapes.numberOf(entry.size.join(), () => entry.size!));
    columns.layout.push(layouts.numberOf(source));
    if (entry.value !== undefined) columns.values.push([row, shownValue(entry)]);
  }
  return {
    ...report,
    entries: columns,
    dtypeNames: dtypeNames.items,
    shapes: shapes.items,
    layouts: layouts.rows,
  };
}

function shownValue({ lines, value }: InspectedEntry): string {
  return lines?.join('\n') ?? value!;
}

/** Items that are equal have one number. */
class Numbered<Item> {
  readonly items: Item[] = [];
  private readonly numbers = new Map<string, number>();

  numberOf(key: string, make: () => Item): number {
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.items.push(make()) - 1;
      this.numbers.set(key, number);
    }
    return number;
  }
}

class LayoutTable {
  private readonly layouts = new Numbered<number[][]>();
  private boxCount = 0;

  constructor(private readonly checkpoint: Checkpoint) {}

  get rows(): number[][][] {
    return this.layouts.items;
  }

  numberOf(entry: Entry): number {
    if (entry.kind === 'object' || this.boxCount + entry.chunkCount > MAX_BOXES) return -1;
    const { chunks } = this.checkpoint;
    const rows: number[][] = [];
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      const { offsets, sizes } = chunks.boxOf(chunk);
      rows.push([chunks.itemFile[chunk]!, ...offsets, ...sizes]);
    }
    return this.layouts.numberOf(rows.join(';'), () => {
      this.boxCount += rows.length;
      return rows;
    });
  }
}
