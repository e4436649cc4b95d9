import { elementCountOf } from '../../checkpoint/box.js';
import type { Entry, EntryPath, ObjectEntry } from '../../checkpoint/checkpoint.js';
import type { DTypeInfo } from '../../dtype.js';
import { printable } from '../printable.js';

/**
 * The names of a checkpoint as a tree, in columns: there may be a hundred thousand entries. Nodes are numbered
 * depth-first in the order of the checkpoint, so that the nodes below node `n` are `n + 1` … `end[n] - 1`. Node 0 is
 * the checkpoint itself.
 */
export interface TreeModel {
  readonly count: number;
  /**
   * What a row shows, printable. A group that holds nothing but one group has one label with it: `attn.wq`. A tensor
   * inside an object is below it, as its path in there: `['exp_avg'][0]`.
   */
  readonly labels: readonly string[];
  /** Of node 0: itself. */
  readonly parent: Int32Array;
  readonly depth: Uint16Array;
  readonly end: Int32Array;
  /** Position among the entries; −1 for a group. */
  readonly entry: Int32Array;
  /**
   * Bytes of the tensors, and of the stored objects, at and below the node. Those of tensors inside objects are the
   * object's already, and the counts are those of the state dict.
   */
  readonly byteLength: Float64Array;
  readonly tensorCount: Int32Array;
  readonly objectCount: Int32Array;
  /** Short name of the element type that has most bytes, at and below the node; '' where there are only objects. */
  readonly dtypes: readonly string[];
  /** Nodes of entries, in the order of the entries. */
  readonly nodeOfEntry: Int32Array;
}

/**
 * @param name what the root is called
 * @param holderOf of tensors inside objects, which come behind their object
 */
export function buildTree(
  entries: readonly Entry[],
  name: string,
  holderOf: ReadonlyMap<Entry, ObjectEntry> = new Map(),
): TreeModel {
  return numbered(grown(entries, holderOf), entries, name);
}

/** The tree as it grows, in columns too: nodes in the order in which they are met, siblings as linked lists. */
class Growth {
  readonly labels: string[] = [''];
  readonly entry: number[] = [-1];
  /** 0: there is none. */
  readonly firstChild: number[] = [0];
  readonly nextSibling: number[] = [0];
  private readonly lastChild: number[] = [0];

  add(parent: number, label: string, entry: number): number {
    const node = this.labels.length;
    this.labels.push(label);
    this.entry.push(entry);
    this.firstChild.push(0);
    this.nextSibling.push(0);
    this.lastChild.push(0);
    const last = this.lastChild[parent]!;
    if (last === 0) this.firstChild[parent] = node;
    else this.nextSibling[last] = node;
    this.lastChild[parent] = node;
    return node;
  }
}

function grown(entries: readonly Entry[], holderOf: ReadonlyMap<Entry, ObjectEntry>): Growth {
  const growth = new Growth();
  const groups = new Map<string, number>();
  // Neighbours share most of their path: only where they part is a group looked up.
  const open: { node: number; label: string }[] = [];
  let holderNode = 0;
  for (let i = 0; i < entries.length; i++) {
    const { fqn, path } = entries[i]!;
    const holder = holderOf.get(entries[i]!);
    if (holder !== undefined) {
      growth.add(holderNode, fqn.slice(holder.fqn.length + 1) || 'itself', i);
      continue;
    }
    const labels = labelsOf(path, fqn);
    const last = labels.length - 1;
    let depth = 0;
    while (depth < last && open[depth]?.label === labels[depth]) depth++;
    open.length = Math.min(open.length, depth);
    for (; depth < last; depth++) {
      const parent = depth === 0 ? 0 : open[depth - 1]!.node;
      const label = labels[depth]!;
      const key = `${parent} ${label}`;
      let node = groups.get(key);
      if (node === undefined) groups.set(key, (node = growth.add(parent, label, -1)));
      open.push({ node, label });
    }
    holderNode = growth.add(last === 0 ? 0 : open[last - 1]!.node, labels[last]!, i);
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

/** Numbers the nodes depth-first, leaves out groups of one group, and adds up what is below each. */
function numbered(growth: Growth, entries: readonly Entry[], name: string): TreeModel {
  const capacity = growth.labels.length;
  const labels: string[] = [];
  const parent = new Int32Array(capacity);
  const depth = new Uint16Array(capacity);
  const end = new Int32Array(capacity);
  const entry = new Int32Array(capacity);
  const shown = new Map<string, string>();
  const add = (grownNode: number, label: string, above: number): number => {
    const node = labels.length;
    let text = shown.get(label);
    if (text === undefined) shown.set(label, (text = printable(label.slice(0, MAX_LABEL_LENGTH))));
    labels.push(text);
    entry[node] = growth.entry[grownNode]!;
    parent[node] = above;
    depth[node] = node === 0 ? 0 : depth[above]! + 1;
    return node;
  };
  // What is still to be numbered: the next sibling at each level, and the node above.
  const levels = [{ next: growth.firstChild[0]!, node: add(0, name, 0) }];
  while (levels.length > 0) {
    const level = levels.at(-1)!;
    if (level.next === 0) {
      end[level.node] = labels.length;
      levels.pop();
      continue;
    }
    let child = level.next;
    level.next = growth.nextSibling[child]!;
    let label = growth.labels[child]!;
    for (let only = onlyChild(growth, child); only !== 0; only = onlyChild(growth, child)) {
      child = only;
      label += `.${growth.labels[child]}`;
    }
    const node = add(child, label, level.node);
    levels.push({ next: growth.firstChild[child]!, node });
  }
  const count = labels.length;
  return { count, labels, parent, depth, end, entry, ...addedUp(entries, count, parent, entry) };
}

/** 0: there is none, or there are more; objects stay apart from what is inside them. */
function onlyChild({ firstChild, nextSibling, entry }: Growth, node: number): number {
  if (entry[node] !== -1) return 0;
  const first = firstChild[node]!;
  return first !== 0 && nextSibling[first] === 0 ? first : 0;
}

function addedUp(
  entries: readonly Entry[],
  count: number,
  parent: Int32Array,
  entry: Int32Array,
): Pick<TreeModel, 'byteLength' | 'tensorCount' | 'objectCount' | 'dtypes' | 'nodeOfEntry'> {
  const byteLength = new Float64Array(count);
  const tensorCount = new Int32Array(count);
  const objectCount = new Int32Array(count);
  const nodeOfEntry = new Int32Array(entries.length);
  const byType = new Map<DTypeInfo, Float64Array>();
  for (let node = 0; node < count; node++) {
    const of = entries[entry[node]!];
    if (of === undefined) continue;
    nodeOfEntry[entry[node]!] = node;
    if (of.kind === 'object') {
      byteLength[node] = of.byteLength;
      objectCount[node] = 1;
      continue;
    }
    byteLength[node] = elementCountOf(of.shape) * of.dtype.itemSize;
    tensorCount[node] = 1;
    let bytes = byType.get(of.dtype);
    // Tensors without elements have a type too.
    if (bytes === undefined) byType.set(of.dtype, (bytes = new Float64Array(count).fill(-1)));
    bytes[node] = byteLength[node]!;
  }
  // A node comes after the one above it.
  for (let node = count - 1; node > 0; node--) {
    const above = parent[node]!;
    if (entry[above] !== -1) continue;
    byteLength[above] = byteLength[above]! + byteLength[node]!;
    tensorCount[above] = tensorCount[above]! + tensorCount[node]!;
    objectCount[above] = objectCount[above]! + objectCount[node]!;
    for (const bytes of byType.values()) {
      if (bytes[node] !== -1) bytes[above] = Math.max(0, bytes[above]!) + bytes[node]!;
    }
  }
  const types = [...byType];
  const dtypes = Array.from({ length: count }, (_, node) => {
    let most: (typeof types)[number] | undefined;
    for (const type of types) {
      if (type[1][node] !== -1 && (most === undefined || type[1][node]! > most[1][node]!)) most = type;
    }
    return most === undefined ? '' : most[0].short;
  });
  return { byteLength, tensorCount, objectCount, dtypes, nodeOfEntry };
}

/** Whether something is below a node, or could be: an object with tensors inside is a group of these. */
export function isGroup({ entry, end }: TreeModel, node: number): boolean {
  return entry[node] === -1 || end[node]! > node + 1;
}

/** Direct children, in the order of the checkpoint. */
export function childrenOf({ end }: TreeModel, node: number): number[] {
  const children: number[] = [];
  for (let child = node + 1; child < end[node]!; child = end[child]!) children.push(child);
  return children;
}
