import { indexSetText } from './index-set.js';

/** Entries that differ in numbers of their names only, as one row. */
export interface FoldedRow<Item> {
  /** Steps of the name; folded ones are sets: `['layers', '{0..31}', 'wq']`. */
  steps: string[];
  /** In order; all have the same signature. */
  items: Item[];
}

/** Steps beyond this are left as one: names so deep are not made by people. */
const MAX_STEPS = 64;
/** Longer numbers are no positions of layers. */
const NUMBER = /^(0|[1-9]\d{0,14})$/;

/**
 * Folds items whose names differ in whole numeric steps and whose signatures are equal. A row stands for exactly the
 * names that its sets spell out: where layers differ, they are rows of their own, and several sets in one name mean
 * all combinations.
 */
export function foldNames<Item>(
  items: readonly Item[],
  of: (item: Item) => { name: string; signature: string },
): FoldedRow<Item>[] {
  let rows: Row<Item>[] = items.map((item, order) => {
    const { name, signature } = of(item);
    return { steps: stepsOf(name), signature, items: [item], order };
  });
  const positions = new Set(rows.flatMap(({ steps }) => numericPositions(steps)));
  // From the right: experts are folded inside each layer, then the layers that have the same experts.
  for (const position of [...positions].sort((a, b) => b - a)) rows = foldAt(rows, position);
  return rows.sort((a, b) => a.order - b.order).map(({ steps, items: folded }) => ({ steps, items: folded }));
}

/** The steps of a name that folding and the tree go by. */
export function stepsOf(name: string): string[] {
  const steps = name.split('.');
  return steps.length <= MAX_STEPS
    ? steps
    : [...steps.slice(0, MAX_STEPS - 1), steps.slice(MAX_STEPS - 1).join('.')];
}

interface Row<Item> extends FoldedRow<Item> {
  signature: string;
  /** Position of its first item. */
  order: number;
}

function numericPositions(steps: readonly string[]): number[] {
  return steps.flatMap((step, position) => (NUMBER.test(step) ? [position] : []));
}

function foldAt<Item>(rows: readonly Row<Item>[], position: number): Row<Item>[] {
  const kept: Row<Item>[] = [];
  const groups = new Map<string, Row<Item>[]>();
  for (const row of rows) {
    const step = row.steps[position];
    if (step === undefined || !NUMBER.test(step)) {
      kept.push(row);
      continue;
    }
    // NUL parts what a name could hold on either side.
    const before = row.steps.slice(0, position).join('.');
    const after = row.steps.slice(position + 1).join('.');
    const key = `${before}\0${after}\0${row.signature}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  for (const group of groups.values()) kept.push(merged(group, position));
  return kept;
}

function merged<Item>(group: readonly Row<Item>[], position: number): Row<Item> {
  const first = group[0]!;
  if (group.length === 1) return first;
  const numbers = group.map(({ steps }) => Number(steps[position])).sort((a, b) => a - b);
  return {
    steps: first.steps.with(position, indexSetText(numbers)),
    signature: first.signature,
    items: group.flatMap(({ items }) => items),
    order: group.reduce((least, { order }) => Math.min(least, order), first.order),
  };
}
