/** By what entries can be sorted: `name` from A to Z, `size` the largest first, `dtype` by the name of the type. */
export type EntryOrder = 'name' | 'size' | 'dtype';
export const ENTRY_ORDERS: readonly EntryOrder[] = ['name', 'size', 'dtype'];

/** What of a row is compared. Rows without an element type come last. */
export interface Sortable {
  name: string;
  byteLength: number;
  dtype: string | undefined;
}

/** Rows sorted. Equal ones stay in order. */
export function sortRows<Row>(rows: readonly Row[], order: EntryOrder, of: (row: Row) => Sortable): Row[] {
  const compare = COMPARE[order];
  return rows
    .map(row => ({ row, by: of(row) }))
    .sort((a, b) => compare(a.by, b.by))
    .map(({ row }) => row);
}

const COMPARE: Record<EntryOrder, (a: Sortable, b: Sortable) => number> = {
  name: (a, b) => compareNames(a.name, b.name),
  size: (a, b) => b.byteLength - a.byteLength,
  dtype: (a, b) => {
    if (a.dtype === b.dtype) return 0;
    if (a.dtype === undefined || b.dtype === undefined) return a.dtype === undefined ? 1 : -1;
    return a.dtype < b.dtype ? -1 : 1;
  },
};

/** Names by their steps, numbers by what they count: `layers.2` comes before `layers.10`. */
export function compareNames(a: string, b: string): number {
  const [left, right] = [a.split('.'), b.split('.')];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const [x, y] = [left[i]!, right[i]!];
    if (x === y) continue;
    const [m, n] = [numberOf(x), numberOf(y)];
    if (m !== undefined && n !== undefined && m !== n) return m - n;
    if ((m === undefined) !== (n === undefined)) return m === undefined ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

/** Also of the set that stands for folded steps, `{0..31}`: its least number. */
function numberOf(step: string): number | undefined {
  const digits = /^\{?(\d{1,15})(?:$|[,.}])/.exec(step)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
