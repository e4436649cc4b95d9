import type { Entry, ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import { searchTree } from './search.js';
import { cursorNode, type ExplorerState } from './state.js';
import { buildTree } from './tree-model.js';
import { rowOf, sortTree, visibleNodes } from './tree-order.js';

/**
 * The state with the tensors inside an object below it, which are known once its value is read. The cursor stays where
 * it is. @param tensors all of that object
 */
export function withInside(
  state: ExplorerState,
  holder: ObjectEntry,
  tensors: readonly TensorEntry[],
): ExplorerState {
  const { checkpoint, model, search, prompt } = state;
  const [first] = tensors;
  if (first === undefined || checkpoint.holderOf.has(first)) return state;
  const at = checkpoint.entries.indexOf(holder);
  const node = model.nodeOfEntry[at];
  if (node === undefined) return state;
  const entries = checkpoint.entries.toSpliced(at + 1, 0, ...tensors);
  const holderOf = new Map<Entry, ObjectEntry>(checkpoint.holderOf);
  for (const tensor of tensors) holderOf.set(tensor, holder);
  const grown = buildTree(entries, model.labels[0]!, holderOf);
  // Nodes are numbered depth-first: those behind the object move on.
  const moved = (old: number): number => (old > node ? old + tensors.length : old);
  const grownFolds = (before: Uint8Array): Uint8Array => {
    const after = new Uint8Array(grown.count);
    for (let old = 0; old < model.count; old++) after[moved(old)] = before[old]!;
    after[node] = 0;
    return after;
  };
  const unfolded = grownFolds(state.unfolded);
  const order = sortTree(grown, state.sort);
  const rows = visibleNodes(grown, order, unfolded);
  return {
    ...state,
    checkpoint: { ...checkpoint, entries, holderOf },
    model: grown,
    order,
    unfolded,
    rows,
    cursor: rowOf(grown, order, rows, moved(cursorNode(state))),
    prompt: prompt && { ...prompt, from: moved(prompt.from), unfolded: grownFolds(prompt.unfolded) },
    search: search && searchTree(grown, order, entries, search.pattern),
    bySize: undefined,
    sizeIndex: undefined,
  };
}
