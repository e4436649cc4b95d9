import { stepsOf } from '../ops/fold.js';
import { nameTree, type TreeNode } from '../ops/name-tree.js';

/** A group of entries, or one of them, with the bytes that it comes to. */
export interface ByteNode {
  name: string;
  /** All steps from the top. */
  path: string;
  byteLength: number;
  /** Entries in it. */
  count: number;
  /** Position of the entry; -1 for a group. */
  row: number;
  /** The largest first; none of no bytes. */
  children: ByteNode[];
}

/** The names of entries as a tree by bytes. */
export function byteTree(fqn: readonly string[], byteLength: readonly number[]): ByteNode {
  const tree = nameTree(fqn.map((name, row) => ({ steps: stepsOf(name), row })));
  return byteNode(tree, '', byteLength);
}

function byteNode(
  { name, rows, children }: TreeNode<{ row: number }>,
  above: string,
  byteLength: readonly number[],
): ByteNode {
  const path = above === '' ? name : `${above}.${name}`;
  const leaves = rows.map(
    ({ row }): ByteNode => ({ name, path, byteLength: byteLength[row]!, count: 1, row, children: [] }),
  );
  if (leaves.length === 1 && children.length === 0) return leaves[0]!;
  const nodes = [...leaves, ...children.map(child => byteNode(child, path, byteLength))];
  return {
    name,
    path,
    byteLength: nodes.reduce((sum, node) => sum + node.byteLength, 0),
    count: nodes.reduce((sum, node) => sum + node.count, 0),
    row: -1,
    children: nodes.filter(node => node.byteLength > 0).sort((a, b) => b.byteLength - a.byteLength),
  };
}
