import type { HtmlData } from '../ops/html-data.js';
import { printable } from '../tui/printable.js';

/** A name as it is shown: safe, and seen where it is empty. */
export function shownName(name: string): string {
  return name === '' ? "''" : printable(name);
}

/** By what the table can be sorted. */
export type RowOrder = 'name' | 'dtype' | 'shape' | 'size' | 'part';

export interface RowQuery {
  /** Words, all of which must be in the name, in either case. */
  search: string;
  sort: RowOrder | undefined;
  descending: boolean;
}

/** The entries of a report as rows that can be searched and sorted. */
export class Rows {
  private readonly lowerNames: string[];
  private readonly sortKeys = new Map<RowOrder, (string | number)[]>();

  constructor(private readonly data: Pick<HtmlData, 'entries' | 'dtypeNames' | 'shapes'>) {
    this.lowerNames = data.entries.fqn.map(name => name.toLowerCase());
  }

  /** Positions of the entries that a query finds, in its order; without one in that of the checkpoint. */
  find({ search, sort, descending }: RowQuery): Uint32Array {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const found: number[] = [];
    for (let row = 0; row < this.lowerNames.length; row++) {
      if (words.every(word => this.lowerNames[row]!.includes(word))) found.push(row);
    }
    const rows = Uint32Array.from(found);
    if (sort === undefined) return rows;
    const keys = this.keysOf(sort);
    const sign = descending ? -1 : 1;
    // Equal ones stay in the order of the checkpoint, whichever way the others go.
    return rows.sort((a, b) => (keys[a]! < keys[b]! ? -sign : keys[a]! > keys[b]! ? sign : a - b));
  }

  /** Bytes of all these rows. */
  byteLengthOf(rows: Uint32Array): number {
    const { byteLength } = this.data.entries;
    return rows.reduce((sum, row) => sum + byteLength[row]!, 0);
  }

  private keysOf(order: RowOrder): (string | number)[] {
    let keys = this.sortKeys.get(order);
    if (keys === undefined) {
      keys = this.data.entries.fqn.map((_, row) => this.keyOf(order, row));
      this.sortKeys.set(order, keys);
    }
    return keys;
  }

  private keyOf(order: RowOrder, row: number): string | number {
    const { entries, dtypeNames, shapes } = this.data;
    switch (order) {
      case 'name':
        // Numbers of one width compare as numbers do.
        return entries.fqn[row]!.replace(/\d+/g, digits => digits.padStart(16, '0'));
      case 'size':
        return entries.byteLength[row]!;
      case 'part':
        return entries.part[row]!;
      case 'dtype':
        return dtypeNames[entries.dtype[row]!]?.[0] ?? '';
      case 'shape':
        return (shapes[entries.shape[row]!] ?? []).reduce((product, size) => product * size, 1);
    }
  }
}
