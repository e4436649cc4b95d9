import type { Entry } from '../../checkpoint/checkpoint.js';
import { globMatcher } from '../../ops/glob.js';
import type { TreeModel } from './tree-model.js';
import type { TreeOrder } from './tree-order.js';

/** What was searched for, and the nodes that have it, in the order of the tree. */
export interface Search {
  readonly pattern: string;
  readonly matches: Int32Array;
}

/**
 * Entries whose FQN has the text in it. `*` and `?` are as in `--keys`. Capitals matter where there are any in the text.
 */
export function searchTree(
  model: TreeModel,
  order: TreeOrder,
  entries: readonly Entry[],
  pattern: string,
): Search {
  const test = matcherOf(pattern);
  const positions: number[] = [];
  for (const [i, { fqn }] of entries.entries()) {
    if (test(fqn)) positions.push(order.position[model.nodeOfEntry[i]!]!);
  }
  const sorted = Int32Array.from(positions).sort();
  return { pattern, matches: sorted.map(position => order.nodes[position]!) };
}

function matcherOf(pattern: string): (fqn: string) => boolean {
  const isExact = pattern !== pattern.toLowerCase();
  const wanted = isExact ? pattern : pattern.toLowerCase();
  const matches = /[*?]/.test(wanted)
    ? globMatcher([`*${wanted}*`])
    : (text: string) => text.includes(wanted);
  return fqn => matches(isExact ? fqn : fqn.toLowerCase());
}

/**
 * The match before or after a node, and which one it is; from the last on to the first. `isFrom`: the node itself counts.
 */
export function nextMatch(
  { matches }: Search,
  order: TreeOrder,
  node: number,
  direction: 1 | -1,
  isFrom = false,
): { node: number; index: number } | undefined {
  if (matches.length === 0) return undefined;
  const at = order.position[node]!;
  let index: number;
  if (direction === 1) {
    index = matches.findIndex(match => {
      const position = order.position[match]!;
      return isFrom ? position >= at : position > at;
    });
    if (index === -1) index = 0;
  } else {
    index = matches.findLastIndex(match => order.position[match]! < at);
    if (index === -1) index = matches.length - 1;
  }
  return { node: matches[index]!, index };
}
