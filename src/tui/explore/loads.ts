import { type Box, boxText, elementCountOf } from '../../checkpoint/box.js';
import type { Entry, ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import { geometryOf } from './geometry.js';
import { cursorNode, type ExplorerState, type Loaded } from './state.js';
import { valuesGrid, windowBox } from './values-grid.js';

/** Something that the screen shows and that must be read for it. */
export type LoadRequest =
  /** Where a torch.save file keeps its storages. */
  | { kind: 'places'; entry: TensorEntry }
  | { kind: 'lines'; entry: ObjectEntry; width: number }
  | { kind: 'window'; entry: TensorEntry; box: Box }
  | { kind: 'statistics'; entry: TensorEntry };

/** Tensors of up to this are counted as soon as their statistics are looked at; larger ones when asked for. */
export const COUNTED_AT_ONCE_BYTE_LENGTH = 64 << 20;

export function entryAtCursor(state: ExplorerState): Entry | undefined {
  return state.checkpoint.entries[state.model.entry[cursorNode(state)]!];
}

export function byteLengthOf({ shape, dtype }: TensorEntry): number {
  return elementCountOf(shape) * dtype.itemSize;
}

/** What the detail shows of things that must be read, whether they have been or not. */
export function shownLoad(state: ExplorerState): LoadRequest | undefined {
  const { detailWidth, bodyHeight } = geometryOf(state.columns, state.lines, state.pane);
  const entry = entryAtCursor(state);
  if (detailWidth === 0 || entry === undefined || state.checkpoint.completeness === 'index_only')
    return undefined;
  if (entry.kind === 'object') return { kind: 'lines', entry, width: detailWidth };
  if (state.tab === 'values') {
    const box = windowBox(entry.shape, state.origin, valuesGrid(entry, detailWidth, bodyHeight));
    return elementCountOf(box.sizes) === 0 ? undefined : { kind: 'window', entry, box };
  }
  if (state.tab === 'layout') return state.checkpoint.needsPlaces ? { kind: 'places', entry } : undefined;
  const isAsked = state.wantsStatistics || byteLengthOf(entry) <= COUNTED_AT_ONCE_BYTE_LENGTH;
  return isAsked ? { kind: 'statistics', entry } : undefined;
}

/** What is to be read now. */
export function neededLoad(state: ExplorerState): LoadRequest | undefined {
  const shown = shownLoad(state);
  if (shown === undefined) return undefined;
  const known = state.loaded.get(loadKey(shown));
  return known === undefined || known.state === 'reading' ? shown : undefined;
}

/** Equal for equal requests. */
export function loadKey(request: LoadRequest): string {
  const { kind, entry } = request;
  if (kind === 'places') return kind;
  const rest = kind === 'window' ? boxText(request.box) : kind === 'lines' ? String(request.width) : '';
  return `${kind} ${rest} ${entry.fqn}`;
}

const MAX_LOADED = 64;

/** With one more result, the oldest forgotten. */
export function withLoaded(
  loaded: ReadonlyMap<string, Loaded>,
  key: string,
  result: Loaded,
): ReadonlyMap<string, Loaded> {
  const next = new Map(loaded);
  next.delete(key);
  next.set(key, result);
  for (const oldest of next.keys()) {
    if (next.size <= MAX_LOADED) break;
    next.delete(oldest);
  }
  return next;
}
