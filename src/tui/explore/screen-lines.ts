import { displayWidth } from '../text-width.js';
import { formatCount } from '../units.js';
import { checkpointLine } from './checkpoint-line.js';
import type { MapLook } from './chunk-map-lines.js';
import { detailDocument } from './detail.js';
import type { Document } from './document.js';
import { geometryOf } from './geometry.js';
import { helpDocument } from './help.js';
import { BLANK, columnText, fit, type Line, line, type Span, span, spread } from './line.js';
import { entryAtCursor } from './loads.js';
import type { ExplorerState } from './state.js';
import { treeLines } from './tree-lines.js';

/** The whole screen: `state.lines` lines of exactly `state.columns` columns. */
export function screenLines(state: ExplorerState, look: MapLook): Line[] {
  const { columns, lines } = state;
  const { isTiny, treeWidth, detailWidth, bodyHeight } = geometryOf(columns, lines, state.pane);
  if (isTiny) {
    return Array.from({ length: lines }, (_, i) =>
      fit(i === 0 ? line('too small, q quits', 'dim') : BLANK, columns),
    );
  }
  const head = checkpointLine(state.checkpoint, state.model, columns);
  const foot = footLine(state, columns, look.unicode);
  if (state.isHelpOpen)
    return [
      head,
      ...scrolled(helpDocument(columns, look.unicode), state.detailTop, columns - 1, bodyHeight, 1),
      foot,
    ];
  const tree = treeWidth === 0 ? undefined : treeLines(state, treeWidth, bodyHeight, look.unicode);
  const detail =
    detailWidth === 0
      ? undefined
      : scrolled(
          detailDocument(state, detailWidth, bodyHeight, look),
          state.detailTop,
          detailWidth,
          bodyHeight,
        );
  const bar = span(look.unicode ? '│ ' : '| ', 'dim');
  const body = Array.from({ length: bodyHeight }, (_, i): Line => {
    if (tree === undefined) return detail![i]!;
    return detail === undefined ? tree[i]! : [...tree[i]!, bar, ...detail[i]!];
  });
  return [head, ...body, foot];
}

function scrolled(document: Document, top: number, width: number, height: number, indent = 0): Line[] {
  return Array.from({ length: height }, (_, i) => {
    const shown = top + i < document.height ? document.lineAt(top + i) : BLANK;
    return fit(indent === 0 ? shown : [span(' '.repeat(indent)), ...shown], width + indent);
  });
}

/** Columns below which the last line does not tell of the search. */
const WITH_MATCHES = 60;

/** The last line: what is typed, what there is to say, or the keys that matter now. */
function footLine(state: ExplorerState, width: number, unicode: boolean): Line {
  const { prompt, search, notice, rows, cursor, sort } = state;
  if (prompt !== undefined) {
    const count =
      search === undefined || prompt.kind !== 'search' ? '' : `${formatCount(search.matches.length)} found `;
    const label = prompt.kind === 'search' ? '/' : 'go to element: ';
    const typed = tail(columnText(prompt.text), Math.max(1, width - label.length - count.length - 4));
    return spread(
      [span(` ${label}`, 'accent'), span(typed), span(unicode ? '▏' : '_', 'accent')],
      [span(count, 'dim')],
      width,
    );
  }
  if (notice !== undefined) return fit([span(` ${columnText(notice)}`, 'accent')], width);
  if (state.isHelpOpen) return fit(keySpans(state, unicode, width), width);
  const found = width < WITH_MATCHES ? '' : matchText(state);
  const place = `${found}${sort === 'saved' ? '' : `by ${sort}  `}${formatCount(cursor + 1)}/${formatCount(rows.length)} `;
  return spread(keySpans(state, unicode, width - place.length - 1), [span(place, 'dim')], width);
}

function matchText({ search, rows, cursor }: ExplorerState): string {
  if (search === undefined) return '';
  const { matches, pattern } = search;
  const index = matches.indexOf(rows[cursor]!);
  return `/${columnText(pattern).slice(0, 20)}: ${index === -1 ? '' : `${formatCount(index + 1)} of `}${formatCount(matches.length)}  `;
}

/** The end of a text that is too long for its place: there it is typed. */
function tail(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : characters.slice(-width).join('');
}

type KeyHint = readonly [key: string, what: string];

/** As many of the keys as there is room for, the last two always. */
function keySpans(state: ExplorerState, unicode: boolean, width: number): Span[] {
  const hints = hintsFor(state, unicode);
  const widthOf = (list: readonly KeyHint[]): number =>
    list.reduce((sum, [key, what]) => sum + displayWidth(key) + what.length + 3, -1);
  while (hints.length > 2 && widthOf(hints) > width) hints.splice(-3, 1);
  return hints.flatMap(([key, what], i) => [
    span(i === 0 ? ' ' : '  '),
    span(key, 'accent'),
    span(` ${what}`, 'dim'),
  ]);
}

function hintsFor(state: ExplorerState, unicode: boolean): KeyHint[] {
  const [updown, inout, all] = unicode ? ['↑↓', '←→', '←→↑↓'] : ['j k', 'h l', 'h j k l'];
  const isTensor = entryAtCursor(state)?.kind === 'tensor';
  if (state.isHelpOpen)
    return [
      [updown, 'scroll'],
      ['Esc', 'close'],
    ];
  const last: readonly KeyHint[] = [
    ['?', 'help'],
    ['q', 'quit'],
  ];
  if (state.pane === 'detail') {
    return [
      // Where only this pane has room, nothing else tells the way back.
      ['Tab', 'tree'],
      isTensor && state.tab === 'values' ? [all, 'move'] : [updown, 'scroll'],
      ...(isTensor
        ? ([
            ['1 2 3', 'tabs'],
            [':', 'go to'],
          ] as const)
        : []),
      ...last,
    ];
  }
  return [
    [updown, 'move'],
    [inout, 'fold'],
    ['/', 'search'],
    ...(isTensor
      ? ([
          ['1 2 3', 'tabs'],
          [':', 'go to'],
        ] as const)
      : []),
    ['s', 'sort'],
    ['b', 'largest'],
    ...last,
  ];
}
