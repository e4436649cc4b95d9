import type { Entry } from '../../checkpoint/checkpoint.js';
import { detailDocument } from './detail.js';
import { geometryOf } from './geometry.js';
import { helpDocument } from './help.js';
import { withInside } from './inside.js';
import type { ExplorerAction } from './keys.js';
import { entryAtCursor, withLoaded } from './loads.js';
import { nextMatch, searchTree } from './search.js';
import { cursorNode, type ExplorerState, type Loaded, type Prompt } from './state.js';
import { isGroup } from './tree-model.js';
import { rowOf, sortTree, TREE_SORTS, tensorsBySize, unfoldTo, visibleNodes } from './tree-order.js';
import { movedOrigin, parseElement, steppedOrigin, valuesGrid } from './values-grid.js';

export type ExplorerEvent =
  | ExplorerAction
  | { type: 'resize'; columns: number; lines: number }
  | { type: 'loaded'; key: string; result: Loaded };

/** The state after an event. Pure. */
export function explorerReducer(state: ExplorerState, event: ExplorerEvent): ExplorerState {
  if (event.type === 'loaded') {
    const { key, result } = event;
    const loaded = { ...state, loaded: withLoaded(state.loaded, key, result) };
    return result.state === 'lines' ? settled(withInside(loaded, result.holder, result.tensors)) : loaded;
  }
  if (event.type === 'resize') {
    return settled({ ...state, columns: Math.max(1, event.columns), lines: Math.max(1, event.lines) });
  }
  return settled(
    atNode(reduceAction({ ...state, notice: undefined }, event), cursorNode(state), event.type === 'size'),
  );
}

/** Another entry is shown from its beginning. */
function atNode(state: ExplorerState, before: number, isBySize: boolean): ExplorerState {
  if (cursorNode(state) === before) return state;
  const sizeIndex = isBySize ? state.sizeIndex : undefined;
  return { ...state, origin: [], detailTop: 0, wantsStatistics: false, sizeIndex };
}

function reduceAction(state: ExplorerState, action: ExplorerAction): ExplorerState {
  if (state.prompt !== undefined) return reducePrompt(state, state.prompt, action);
  if (state.isHelpOpen) return reduceHelp(state, action);
  switch (action.type) {
    case 'quit':
      return { ...state, isDone: true };
    case 'help':
      return { ...state, isHelpOpen: true, detailTop: 0 };
    case 'cancel':
      if (state.search !== undefined) return { ...state, search: undefined };
      return state.pane === 'detail' ? { ...state, pane: 'tree' } : state;
    case 'pane':
      return { ...state, pane: state.pane === 'tree' ? 'detail' : 'tree' };
    case 'tab': {
      const isAgain = state.tab === action.tab;
      return {
        ...state,
        tab: action.tab,
        detailTop: 0,
        wantsStatistics: state.wantsStatistics || (isAgain && action.tab === 'statistics'),
      };
    }
    case 'prompt':
      return openPrompt(state, action.kind);
    case 'match':
      return toMatch(state, action.direction, false);
    case 'sort':
      return sorted(state);
    case 'size':
      return bySize(state, action.direction);
    case 'layer': {
      const entry = entryAtCursor(state);
      if (entry?.kind !== 'tensor' || state.tab !== 'values') return state;
      return { ...state, origin: steppedOrigin(entry.shape, state.origin, action.direction) };
    }
    case 'fold':
      return action.all ? foldedAll(state) : unfoldedBelow(state);
    default:
      return state.pane === 'tree' ? reduceTree(state, action) : reduceDetail(state, action);
  }
}

function reduceTree(state: ExplorerState, action: ExplorerAction): ExplorerState {
  const { model, rows, cursor, unfolded } = state;
  const node = cursorNode(state);
  const hasChildren = isGroup(model, node) && model.end[node]! > node + 1;
  switch (action.type) {
    case 'move':
      return toRow(state, cursor + action.by);
    case 'page':
      return toRow(state, cursor + action.by * Math.max(1, bodyHeight(state) - 1));
    case 'end':
      return toRow(state, action.of === 'first' ? 0 : rows.length - 1);
    case 'in':
      if (!hasChildren) return { ...state, pane: 'detail' };
      return unfolded[node] === 1 ? toRow(state, cursor + 1) : withFold(state, node, 1);
    case 'out':
      if (hasChildren && unfolded[node] === 1 && node !== 0) return withFold(state, node, 0);
      return toNode(state, model.parent[node]!);
    case 'toggle':
      if (!hasChildren) return { ...state, pane: 'detail' };
      return withFold(state, node, unfolded[node] === 1 ? 0 : 1);
    default:
      return state;
  }
}

function reduceDetail(state: ExplorerState, action: ExplorerAction): ExplorerState {
  const entry = entryAtCursor(state);
  if (action.type === 'toggle') {
    return state.tab === 'statistics' && entry?.kind === 'tensor'
      ? { ...state, wantsStatistics: true }
      : { ...state, pane: 'tree' };
  }
  if (entry?.kind === 'tensor' && state.tab === 'values') return moveValues(state, entry, action);
  const page = Math.max(1, bodyHeight(state) - 1);
  switch (action.type) {
    case 'move':
      return { ...state, detailTop: state.detailTop + action.by };
    case 'page':
      return { ...state, detailTop: state.detailTop + action.by * page };
    case 'end':
      return { ...state, detailTop: action.of === 'first' ? 0 : Number.MAX_SAFE_INTEGER };
    case 'out':
      return { ...state, pane: 'tree' };
    default:
      return state;
  }
}

function moveValues(
  state: ExplorerState,
  entry: Extract<Entry, { kind: 'tensor' }>,
  action: ExplorerAction,
): ExplorerState {
  const { detailWidth, bodyHeight: height } = geometryOf(state.columns, state.lines, state.pane);
  const grid = valuesGrid(entry, detailWidth, height);
  const moved = (move: { rows?: number; columns?: number }): ExplorerState => ({
    ...state,
    origin: movedOrigin(entry.shape, state.origin, grid, move),
  });
  const all = Number.MAX_SAFE_INTEGER;
  switch (action.type) {
    case 'move':
      return moved({ rows: action.by });
    case 'page':
      return moved({ rows: action.by * grid.rows });
    case 'in':
      return moved({ columns: grid.columns });
    case 'out':
      // From the first column the way leads back.
      return (state.origin.at(-1) ?? 0) === 0 || entry.shape.length < 2
        ? { ...state, pane: 'tree' }
        : moved({ columns: -grid.columns });
    case 'end':
      return moved({ rows: action.of === 'first' ? -all : all });
    default:
      return state;
  }
}

function reduceHelp(state: ExplorerState, action: ExplorerAction): ExplorerState {
  switch (action.type) {
    case 'move':
      return { ...state, detailTop: state.detailTop + action.by };
    case 'page':
      return { ...state, detailTop: state.detailTop + action.by * Math.max(1, bodyHeight(state) - 1) };
    case 'end':
      return { ...state, detailTop: action.of === 'first' ? 0 : Number.MAX_SAFE_INTEGER };
    default:
      return { ...state, isHelpOpen: false, detailTop: 0, isDone: action.type === 'quit' };
  }
}

function openPrompt(state: ExplorerState, kind: Prompt['kind']): ExplorerState {
  const entry = entryAtCursor(state);
  if (kind === 'element' && (entry?.kind !== 'tensor' || entry.shape.length === 0)) {
    return { ...state, notice: 'Only tensors have elements to go to' };
  }
  return { ...state, prompt: { kind, text: '', from: cursorNode(state), unfolded: state.unfolded } };
}

function reducePrompt(state: ExplorerState, prompt: Prompt, action: ExplorerAction): ExplorerState {
  switch (action.type) {
    case 'text':
      return typed(state, { ...prompt, text: prompt.text + action.text });
    case 'erase':
      return prompt.text === ''
        ? cancelled(state, prompt)
        : typed(state, { ...prompt, text: [...prompt.text].slice(0, -1).join('') });
    case 'cancel':
      return cancelled(state, prompt);
    case 'accept':
      return accepted(state, prompt);
    default:
      return state;
  }
}

/** While a name is typed, the cursor is on the first entry that has it. */
function typed(state: ExplorerState, prompt: Prompt): ExplorerState {
  if (prompt.kind === 'element') return { ...state, prompt };
  const begun = atBegin(state, prompt);
  if (prompt.text === '') return { ...begun, prompt, search: undefined };
  const search = searchTree(state.model, state.order, state.checkpoint.entries, prompt.text);
  const found = nextMatch(search, state.order, prompt.from, 1, true);
  return toNode({ ...begun, prompt, search }, found?.node ?? prompt.from);
}

function cancelled(state: ExplorerState, prompt: Prompt): ExplorerState {
  if (prompt.kind === 'element') return { ...state, prompt: undefined };
  return { ...atBegin(state, prompt), prompt: undefined, search: undefined };
}

/** The tree as it was before something was typed. */
function atBegin(state: ExplorerState, { from, unfolded }: Prompt): ExplorerState {
  return unfolded === state.unfolded ? toNode(state, from) : withUnfolded(state, unfolded, from);
}

function accepted(state: ExplorerState, prompt: Prompt): ExplorerState {
  const closed = { ...state, prompt: undefined };
  const entry = entryAtCursor(state);
  if (prompt.text === '') return closed;
  if (prompt.kind === 'search') {
    return state.search?.matches.length === 0
      ? { ...closed, notice: `Nothing has ${prompt.text} in its name` }
      : closed;
  }
  if (entry?.kind !== 'tensor') return closed;
  const origin = parseElement(prompt.text, entry.shape);
  if (typeof origin === 'string') return { ...closed, notice: origin };
  return { ...closed, tab: 'values', origin, pane: 'detail', detailTop: 0 };
}

function toMatch(state: ExplorerState, direction: 1 | -1, isFrom: boolean): ExplorerState {
  const { search, order } = state;
  if (search === undefined) return { ...state, notice: 'Nothing is searched for: / begins' };
  const found = nextMatch(search, order, cursorNode(state), direction, isFrom);
  return found === undefined ? state : toNode(state, found.node);
}

function sorted(state: ExplorerState): ExplorerState {
  const { model, unfolded, sort, search } = state;
  const node = cursorNode(state);
  const next = TREE_SORTS[(TREE_SORTS.indexOf(sort) + 1) % TREE_SORTS.length]!;
  const order = sortTree(model, next);
  const rows = visibleNodes(model, order, unfolded);
  return {
    ...state,
    sort: next,
    order,
    rows,
    cursor: rowOf(model, order, rows, node),
    search:
      search === undefined ? undefined : searchTree(model, order, state.checkpoint.entries, search.pattern),
  };
}

function bySize(state: ExplorerState, direction: 1 | -1): ExplorerState {
  const largest = state.bySize ?? tensorsBySize(state.model);
  const withSizes = { ...state, bySize: largest };
  if (largest.length === 0) return { ...withSizes, notice: 'There are no tensors' };
  const at = state.sizeIndex;
  const next = at === undefined ? 0 : Math.min(largest.length - 1, Math.max(0, at + direction));
  const notice = `number ${next + 1} by size`;
  return { ...toNode(withSizes, largest[next]!), sizeIndex: next, notice };
}

function withFold(state: ExplorerState, node: number, value: 0 | 1): ExplorerState {
  const unfolded = state.unfolded.slice();
  unfolded[node] = value;
  return withUnfolded(state, unfolded, node);
}

function unfoldedBelow(state: ExplorerState): ExplorerState {
  const { model } = state;
  const node = cursorNode(state);
  const unfolded = state.unfolded.slice().fill(1, node, model.end[node]);
  return withUnfolded(state, unfolded, node);
}

function foldedAll(state: ExplorerState): ExplorerState {
  const { model } = state;
  const unfolded = new Uint8Array(model.count);
  unfolded[0] = 1;
  return withUnfolded(state, unfolded, cursorNode(state));
}

function withUnfolded(state: ExplorerState, unfolded: Uint8Array, node: number): ExplorerState {
  const { model, order } = state;
  const rows = visibleNodes(model, order, unfolded);
  return { ...state, unfolded, rows, cursor: rowOf(model, order, rows, node) };
}

function toRow(state: ExplorerState, row: number): ExplorerState {
  return { ...state, cursor: Math.max(0, Math.min(row, state.rows.length - 1)) };
}

/** To a node, which is unfolded to if it is hidden. */
function toNode(state: ExplorerState, node: number): ExplorerState {
  const { model, order, rows } = state;
  const row = rowOf(model, order, rows, node);
  if (rows[row] === node) return toRow(state, row);
  return withUnfolded(state, unfoldTo(model, state.unfolded, node), node);
}

function bodyHeight(state: ExplorerState): number {
  return geometryOf(state.columns, state.lines, state.pane).bodyHeight;
}

/** Rows that stay seen above and below the cursor, where there are any. */
const MARGIN = 2;
const PLAIN = { colors: false, unicode: true };

/** What follows from a change: the cursor stays on the screen, and no document is scrolled beyond its end. */
function settled(state: ExplorerState): ExplorerState {
  const { bodyHeight: height, detailWidth } = geometryOf(state.columns, state.lines, state.pane);
  const top = topFor(state, height);
  const kept = { ...state, top };
  if (state.isHelpOpen) {
    return {
      ...kept,
      detailTop: clampedTop(state.detailTop, helpDocument(state.columns, true).height, height),
    };
  }
  if (detailWidth === 0 || state.detailTop === 0) return { ...kept, detailTop: Math.max(0, state.detailTop) };
  const document = detailDocument(state, detailWidth, height, PLAIN);
  return { ...kept, detailTop: clampedTop(state.detailTop, document.height, height) };
}

/** The first row on the screen: as it was, if the cursor can be seen so. What was far away comes to the middle. */
function topFor({ rows, cursor, top }: ExplorerState, height: number): number {
  const margin = Math.min(MARGIN, (height - 1) >> 1);
  const [lowest, highest] = [cursor + margin + 1 - height, cursor - margin];
  const isFar = lowest > top + height || highest < top - height;
  const wanted = isFar ? cursor - (height >> 1) : Math.min(highest, Math.max(top, lowest));
  return Math.max(0, Math.min(rows.length - height, wanted));
}

function clampedTop(top: number, documentHeight: number, height: number): number {
  return Math.max(0, Math.min(top, documentHeight - height));
}
