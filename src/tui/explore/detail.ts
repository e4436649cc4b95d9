import type { ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import { formatBytes, formatCount } from '../units.js';
import type { MapLook } from './chunk-map-lines.js';
import { type Document, documentOf, joined } from './document.js';
import { groupDocument } from './group-detail.js';
import { layoutDocument } from './layout-detail.js';
import { BLANK, columnText, type Line, line, nameText, type Span, span } from './line.js';
import { byteLengthOf, entryAtCursor, loadKey, shownLoad } from './loads.js';
import { type ExplorerState, type Loaded, TABS } from './state.js';
import { statisticsDocument } from './statistics-detail.js';
import { valuesDocument } from './values-detail.js';
import { waitingLines } from './waiting.js';

/** What stands on the right: what is under the cursor. @param height rows of the screen that it has */
export function detailDocument(state: ExplorerState, width: number, height: number, look: MapLook): Document {
  const entry = entryAtCursor(state);
  if (entry === undefined) return groupDocument(state, width, look);
  return entry.kind === 'tensor'
    ? tensorDocument(state, entry, width, height, look)
    : objectDocument(state, entry, width);
}

function tensorDocument(
  state: ExplorerState,
  entry: TensorEntry,
  width: number,
  height: number,
  look: MapLook,
): Document {
  const { dtype, shape, requiresGrad } = entry;
  const facts: Span[] = [
    span(dtype.name, 'accent'),
    span(`  [${shape.join(', ')}]  ${formatBytes(byteLengthOf(entry))}`),
    ...(requiresGrad ? [span('  requires grad', 'dim')] : []),
  ];
  const head: Line[] = [line(nameText(entry.fqn, width), 'strong'), facts, tabLine(state), BLANK];
  switch (state.tab) {
    case 'layout':
      return joined(head, layoutDocument(state.checkpoint, entry, width, height - head.length, look));
    case 'values':
      return joined(head, documentOf(valuesDocument(state, entry, width, height, loadedNow(state))));
    case 'statistics':
      return joined(head, documentOf(statisticsDocument(entry, width, loadedNow(state), look)));
  }
}

function tabLine({ tab, pane }: ExplorerState): Line {
  return TABS.flatMap((name, i) => [
    ...(i === 0 ? [] : [span('   ')]),
    span(`${i + 1} `, 'dim'),
    span(name, name === tab ? (pane === 'detail' ? 'cursor' : 'accent') : 'dim'),
  ]);
}

/** What was read of what is shown. */
function loadedNow(state: ExplorerState): Loaded | undefined {
  const shown = shownLoad(state);
  return shown === undefined
    ? undefined
    : (state.loaded.get(loadKey(shown)) ?? { state: 'reading', share: 0 });
}

function objectDocument(state: ExplorerState, entry: ObjectEntry, width: number): Document {
  const size = entry.byteLength === 0 ? '' : `  ${formatBytes(entry.byteLength)}`;
  const head: Line[] = [
    line(nameText(entry.fqn, width), 'strong'),
    [span('Python object', 'accent'), span(size)],
    BLANK,
  ];
  const loaded = loadedNow(state);
  if (loaded?.state !== 'lines') return joined(head, documentOf(waitingLines(loaded, width)));
  const { lines, tensors } = loaded;
  if (tensors.length > 0) {
    head.splice(
      2,
      0,
      line(`${formatCount(tensors.length, 'tensor')} inside it, below it in the tree`, 'dim'),
    );
  }
  // Lines that could not be broken are cut here: each has to stay one row.
  return joined(head, { height: lines.length, lineAt: index => line(columnText(lines[index]!)) });
}
