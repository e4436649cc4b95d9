import { childrenOf, isGroup, type TreeModel } from './tree-model.js';

/** `saved`: as in the checkpoint. `size`: the largest first. `dtype`: by type, then the largest first. */
export type TreeSort = 'saved' | 'name' | 'size' | 'dtype';

export const TREE_SORTS: readonly TreeSort[] = ['saved', 'name', 'size', 'dtype'];

/** All nodes depth-first with siblings in some order. */
export interface TreeOrder {
  readonly nodes: Int32Array;
  /** Where each node is in `nodes`. */
  readonly position: Int32Array;
}

/** Sorts siblings; each group stays with what is in it. */
export function sortTree(model: TreeModel, sort: TreeSort): TreeOrder {
  const { count } = model;
  const nodes = new Int32Array(count);
  const position = new Int32Array(count);
  const compare = comparisonOf(model, sort);
  let next = 0;
  const visit = (node: number): void => {
    position[node] = next;
    nodes[next++] = node;
    if (isGroup(model, node)) for (const child of childrenOf(model, node).sort(compare)) visit(child);
  };
  if (compare !== undefined) visit(0);
  else for (let node = 0; node < count; node++) nodes[node] = position[node] = node;
  return { nodes, position };
}

function comparisonOf(
  { labels, byteLength, dtypes }: TreeModel,
  sort: TreeSort,
): ((a: number, b: number) => number) | undefined {
  const bySize = (a: number, b: number): number => byteLength[b]! - byteLength[a]! || a - b;
  switch (sort) {
    case 'saved':
      return undefined;
    case 'size':
      return bySize;
    case 'name':
      return (a, b) => compareNames(labels[a]!, labels[b]!) || a - b;
    case 'dtype':
      // Objects, which have no type, come last.
      return (a, b) => compareTexts(dtypes[a] || '\uffff', dtypes[b] || '\uffff') || bySize(a, b);
  }
}

const DIGITS = /^\d{1,15}$/;

/** Numbers by their value, so that layer 2 comes before layer 10; the same in every locale. */
export function compareNames(a: string, b: string): number {
  if (DIGITS.test(a) && DIGITS.test(b)) return Number(a) - Number(b);
  const [partsOfA, partsOfB] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (const [i, part] of partsOfA.entries()) {
    const other = partsOfB[i];
    if (other === undefined) return 1;
    if (part === other) continue;
    const byNumber = DIGITS.test(part) && DIGITS.test(other) ? Number(part) - Number(other) : 0;
    return byNumber || compareTexts(part, other);
  }
  return partsOfA.length - partsOfB.length;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The nodes that can be seen, from top to bottom: all whose groups are unfolded.
 * @param unfolded 1 at the place of each node that is a group and shows what is in it
 */
export function visibleNodes(model: TreeModel, order: TreeOrder, unfolded: Uint8Array): Int32Array {
  const { count, end } = model;
  const rows = new Int32Array(count);
  let rowCount = 0;
  for (let at = 0; at < count; ) {
    const node = order.nodes[at]!;
    rows[rowCount++] = node;
    at += isGroup(model, node) && unfolded[node] === 0 ? end[node]! - node : 1;
  }
  return rows.slice(0, rowCount);
}

/** The row of a node, or of the folded group that it is hidden in. */
export function rowOf(model: TreeModel, order: TreeOrder, rows: Int32Array, node: number): number {
  const wanted = order.position[node]!;
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (order.position[rows[middle]!]! <= wanted) low = middle;
    else high = middle - 1;
  }
  return Math.min(low, model.count - 1);
}

/** The groups that a node is in, unfolded, in a copy. */
export function unfoldTo(model: TreeModel, unfolded: Uint8Array, node: number): Uint8Array {
  const copy = unfolded.slice();
  for (let group = model.parent[node]!; ; group = model.parent[group]!) {
    copy[group] = 1;
    if (group === 0) return copy;
  }
}

/** Tensors, the largest first; of equal ones the first saved. */
export function tensorsBySize(model: TreeModel): Int32Array {
  const tensors = model.nodeOfEntry.filter(node => model.tensorCount[node] === 1);
  return tensors.sort((a, b) => model.byteLength[b]! - model.byteLength[a]! || a - b);
}
