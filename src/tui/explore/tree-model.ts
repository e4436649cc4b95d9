import { elementCountOf } from '../../checkpoint/box.js';
import type { Entry, EntryPath } from '../../checkpoint/checkpoint.js';
import type { DTypeInfo } from '../../dtype.js';
import { printable } from '../printable.js';

/**
 * The names of a checkpoint as a tree, in columns: there may be a hundred thousand entries. Nodes are numbered
 * depth-first in the order of the checkpoint, so that the nodes below node `n` are `n + 1` … `end[n] - 1`. Node 0 is
 * the checkpoint itself.
 */
export interface TreeModel {
  readonly count: number;
  /** What a row shows, printable. A group that holds nothing but one group has one label with it: `attn.wq`. */
  readonly labels: readonly string[];
  /** Of node 0: itself. */
  readonly parent: Int32Array;
  readonly depth: Uint16Array;
  readonly end: Int32Array;
  /** Position among the entries; −1 for a group. */
  readonly entry: Int32Array;
  /** Bytes of the tensors, and of the stored objects, at and below the node. */
  readonly byteLength: Float64Array;
  readonly tensorCount: Int32Array;
  readonly objectCount: Int32Array;
  /** Short name of the element type that has most bytes, at and below the node; '' where there are only objects. */
  readonly dtypes: readonly string[];
  /** Nodes of entries, in the order of the entries. */
  readonly nodeOfEntry: Int32Array;
}

/** @param name what the root is called */
export function buildTree(entries: readonly Entry[], name: string): TreeModel {
  return numbered(grown(entries), entries, name);
}

/** The tree as it grows: nodes in the order in which they are met. */
interface Growth {
  labels: string[];
  parent: number[];
  entry: number[];
  children: number[][];
}

function grown(entries: readonly Entry[]): Growth {
  const growth: Growth = { labels: [''], parent: [0], entry: [-1], children: [[]] };
  const groups = new Map<string, number>();
  const add = (parent: number, label: string, entry: number): number => {
    const node = growth.labels.length;
    growth.labels.push(label);
    growth.parent.push(parent);
    growth.entry.push(entry);
    growth.children.push([]);
    growth.children[parent]!.push(node);
    return node;
  };
  // Neighbours share most of their path: only where they part is a group looked up.
  let open: { node: number; label: string }[] = [];
  for (const [i, { fqn, path }] of entries.entries()) {
    const labels = labelsOf(path, fqn);
    const last = labels.length - 1;
    let depth = 0;
    while (depth < last && open[depth]?.label === labels[depth]) depth++;
    open = open.slice(0, depth);
    for (; depth < last; depth++) {
      const parent = open.at(-1)?.node ?? 0;
      const label = labels[depth]!;
      const key = `${parent} ${label}`;
      let node = groups.get(key);
      if (node === undefined) groups.set(key, (node = add(parent, label, -1)));
      open.push({ node, label });
    }
    add(open.at(-1)?.node ?? 0, labels[last]!, i);
  }
  return growth;
}

/** Names of more parts than this are not taken apart to their end. */
const MAX_DEPTH = 200;
/** Of a longer key the rest is not shown. */
const MAX_LABEL_LENGTH = 1000;

/**
 * Keys, taken apart at their dots: many state dicts have one level of dotted keys. A key stays whole where a part would
 * be empty or where it reads as a path or a sentence.
 */
function labelsOf(path: EntryPath, fqn: string): string[] {
  if (path.length === 0) return [fqn === '' ? "''" : fqn];
  const labels = path.flatMap(key =>
    typeof key === 'string' && !/^$|^\.|\.\.|\.$|[\s/\\]/.test(key)
      ? key.split('.')
      : [key === '' ? "''" : String(key)],
  );
  if (labels.length > MAX_DEPTH) labels.push(labels.splice(MAX_DEPTH - 1).join('.'));
  // The second of two values of one name is called so in its FQN alone.
  const again = /#\d+$/.exec(fqn)?.[0];
  if (again !== undefined && !labels.at(-1)!.endsWith(again)) labels.push(`${labels.pop()!}${again}`);
  return labels;
}

function numbered({ labels, entry, children }: Growth, entries: readonly Entry[], name: string): TreeModel {
  const capacity = labels.length;
  const model = {
    labels: [] as string[],
    parent: new Int32Array(capacity),
    depth: new Uint16Array(capacity),
    end: new Int32Array(capacity),
    entry: new Int32Array(capacity),
    byteLength: new Float64Array(capacity),
    tensorCount: new Int32Array(capacity),
    objectCount: new Int32Array(capacity),
    dtypes: [] as string[],
    nodeOfEntry: new Int32Array(entries.length),
  };
  const visit = (grownNode: number, label: string, parent: number, depth: number): Map<DTypeInfo, number> => {
    const node = model.labels.length;
    model.labels.push(printable(label.slice(0, MAX_LABEL_LENGTH)));
    model.dtypes.push('');
    model.parent[node] = parent;
    model.depth[node] = depth;
    model.entry[node] = entry[grownNode]!;
    let bytes = new Map<DTypeInfo, number>();
    if (entry[grownNode] === -1) {
      for (const first of children[grownNode]!) {
        const { child, label: joined } = skipSingles(first);
        const below = visit(child, joined, node, depth + 1);
        bytes = bytes.size === 0 ? below : added(bytes, below);
      }
      sumUp(node, bytes);
    } else bytes = leaf(node, entries[entry[grownNode]!]!);
    model.end[node] = model.labels.length;
    return bytes;
  };
  const skipSingles = (start: number): { child: number; label: string } => {
    let child = start;
    let label = labels[child]!;
    while (children[child]!.length === 1 && entry[child] === -1) {
      child = children[child]![0]!;
      label += `.${labels[child]}`;
    }
    return { child, label };
  };
  const leaf = (node: number, of: Entry): Map<DTypeInfo, number> => {
    model.nodeOfEntry[model.entry[node]!] = node;
    if (of.kind === 'object') {
      model.byteLength[node] = of.byteLength;
      model.objectCount[node] = 1;
      return new Map();
    }
    const byteLength = elementCountOf(of.shape) * of.dtype.itemSize;
    model.byteLength[node] = byteLength;
    model.tensorCount[node] = 1;
    model.dtypes[node] = of.dtype.short;
    return new Map([[of.dtype, byteLength]]);
  };
  const sumUp = (node: number, bytes: ReadonlyMap<DTypeInfo, number>): void => {
    for (let child = node + 1; child < model.labels.length; child = model.end[child]!) {
      model.byteLength[node] = model.byteLength[node]! + model.byteLength[child]!;
      model.tensorCount[node] = model.tensorCount[node]! + model.tensorCount[child]!;
      model.objectCount[node] = model.objectCount[node]! + model.objectCount[child]!;
    }
    let most = -1;
    for (const [dtype, byteLength] of bytes) {
      if (byteLength <= most) continue;
      most = byteLength;
      model.dtypes[node] = dtype.short;
    }
  };
  visit(0, name, 0, 0);
  return { count: model.labels.length, ...model };
}

function added(a: Map<DTypeInfo, number>, b: ReadonlyMap<DTypeInfo, number>): Map<DTypeInfo, number> {
  for (const [dtype, byteLength] of b) a.set(dtype, (a.get(dtype) ?? 0) + byteLength);
  return a;
}

export function isGroup({ entry }: TreeModel, node: number): boolean {
  return entry[node] === -1;
}

/** Direct children, in the order of the checkpoint. */
export function childrenOf({ end }: TreeModel, node: number): number[] {
  const children: number[] = [];
  for (let child = node + 1; child < end[node]!; child = end[child]!) children.push(child);
  return children;
}
