import type { ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { ExploredCheckpoint, TensorStatistics } from '../../ops/explore/explorer.js';
import type { TensorWindow } from '../../ops/explore/tensor-numbers.js';
import type { Pane } from './geometry.js';
import type { Search } from './search.js';
import type { TreeModel } from './tree-model.js';
import type { TreeOrder, TreeSort } from './tree-order.js';
import { sortTree, visibleNodes } from './tree-order.js';

/** All that the explorer's screen depends on. Only {@link explorerReducer} makes new ones. */
export interface ExplorerState {
  readonly checkpoint: ExploredCheckpoint;
  readonly model: TreeModel;
  readonly order: TreeOrder;
  readonly sort: TreeSort;
  /** 1 at the place of each group that shows what is in it. */
  readonly unfolded: Uint8Array;
  /** Nodes that can be seen when scrolled to. */
  readonly rows: Int32Array;
  /** Row of the cursor, and the first row on the screen. */
  readonly cursor: number;
  readonly top: number;

  /** Of the terminal. */
  readonly columns: number;
  readonly lines: number;

  readonly pane: Pane;
  readonly tab: Tab;
  /** First line of the detail that is shown. */
  readonly detailTop: number;
  /** First element that the values show: one number a dimension. */
  readonly origin: readonly number[];
  /** Statistics that were asked for though they take long. */
  readonly wantsStatistics: boolean;

  readonly prompt: Prompt | undefined;
  readonly search: Search | undefined;
  /** Tensors by size, made when they are first asked for. */
  readonly bySize: Int32Array | undefined;
  /** Which of them the cursor was sent to, until it moves on its own. */
  readonly sizeIndex: number | undefined;
  readonly isHelpOpen: boolean;
  /** What to say once, in place of the keys. */
  readonly notice: string | undefined;
  /** What was read for the entry under the cursor, by {@link loadKey}. */
  readonly loaded: ReadonlyMap<string, Loaded>;
  readonly isDone: boolean;
}

export type Tab = 'layout' | 'values' | 'statistics';

export const TABS: readonly Tab[] = ['layout', 'values', 'statistics'];

/** A line that is typed: what to search for, or which element to go to. */
export interface Prompt {
  readonly kind: 'search' | 'element';
  readonly text: string;
  /** Node of the cursor when it began, and what was unfolded then: what is found on the way leaves no trace. */
  readonly from: number;
  readonly unfolded: Uint8Array;
}

/** Something that was asked of the checkpoint. */
export type Loaded =
  | { readonly state: 'reading'; readonly share: number }
  | { readonly state: 'failed'; readonly message: string; readonly hint: string | undefined }
  | { readonly state: 'done' }
  | {
      readonly state: 'lines';
      readonly lines: readonly string[];
      /** The object whose value this is, and the tensors inside it. */
      readonly holder: ObjectEntry;
      readonly tensors: readonly TensorEntry[];
    }
  | { readonly state: 'window'; readonly window: TensorWindow }
  | { readonly state: 'statistics'; readonly statistics: TensorStatistics };

export interface InitialOptions {
  columns: number;
  lines: number;
}

/** Everything folded but what is directly in the checkpoint, and the chain of groups that lead to more than one. */
export function initialState(
  checkpoint: ExploredCheckpoint,
  model: TreeModel,
  { columns, lines }: InitialOptions,
): ExplorerState {
  const order = sortTree(model, 'saved');
  const unfolded = new Uint8Array(model.count);
  unfolded[0] = 1;
  return {
    checkpoint,
    model,
    order,
    sort: 'saved',
    unfolded,
    rows: visibleNodes(model, order, unfolded),
    cursor: 0,
    top: 0,
    columns,
    lines,
    pane: 'tree',
    tab: 'layout',
    detailTop: 0,
    origin: [],
    wantsStatistics: false,
    prompt: undefined,
    search: undefined,
    bySize: undefined,
    sizeIndex: undefined,
    isHelpOpen: false,
    notice: undefined,
    loaded: new Map(),
    isDone: false,
  };
}

/** The node under the cursor. */
export function cursorNode({ rows, cursor }: ExplorerState): number {
  return rows[cursor] ?? 0;
}
