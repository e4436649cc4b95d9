import type { Pane } from './geometry.js';
import type { Tab } from './state.js';

/** What a key press asks for. */
export type ExplorerAction =
  | { type: 'move'; by: number }
  | { type: 'page'; by: number }
  | { type: 'end'; of: 'first' | 'last' }
  | { type: 'in' }
  | { type: 'out' }
  | { type: 'toggle' }
  | { type: 'fold'; all: boolean }
  | { type: 'prompt'; kind: 'search' | 'element' }
  | { type: 'text'; text: string }
  | { type: 'erase' }
  | { type: 'accept' }
  | { type: 'cancel' }
  | { type: 'match'; direction: 1 | -1 }
  | { type: 'sort' }
  | { type: 'size'; direction: 1 | -1 }
  | { type: 'layer'; direction: 1 | -1 }
  | { type: 'tab'; tab: Tab }
  | { type: 'pane'; pane?: Pane }
  | { type: 'help' }
  | { type: 'quit' };

/** A key as ink tells it: a character, or the name of a key that has none. */
export type Key = string;

interface KeyRow {
  readonly keys: readonly Key[];
  /** How help and footer call the keys. */
  readonly shown: string;
  readonly help: string;
  readonly action: ExplorerAction;
}

/** A few rows that belong together in the help. */
interface KeyGroup {
  readonly title: string;
  readonly rows: readonly KeyRow[];
}

/** All keys but those of a prompt. The help is made of it. */
export const KEY_GROUPS: readonly KeyGroup[] = [
  {
    title: 'Move',
    rows: [
      { keys: ['up', 'k'], shown: '↑ k', help: 'up', action: { type: 'move', by: -1 } },
      { keys: ['down', 'j'], shown: '↓ j', help: 'down', action: { type: 'move', by: 1 } },
      {
        keys: ['pageup', 'ctrl-b', 'ctrl-u'],
        shown: 'PgUp',
        help: 'a page up',
        action: { type: 'page', by: -1 },
      },
      {
        keys: ['pagedown', 'ctrl-f', 'ctrl-d'],
        shown: 'PgDn',
        help: 'a page down',
        action: { type: 'page', by: 1 },
      },
      { keys: ['home', 'g'], shown: 'Home g', help: 'to the top', action: { type: 'end', of: 'first' } },
      { keys: ['end', 'G'], shown: 'End G', help: 'to the bottom', action: { type: 'end', of: 'last' } },
    ],
  },
  {
    title: 'Tree',
    rows: [
      { keys: ['right', 'l'], shown: '→ l', help: 'unfold, then go in', action: { type: 'in' } },
      { keys: ['left', 'h'], shown: '← h', help: 'fold, then go out', action: { type: 'out' } },
      {
        keys: ['return', ' '],
        shown: 'Enter',
        help: 'fold or unfold; on a tensor, its detail',
        action: { type: 'toggle' },
      },
      { keys: ['*'], shown: '*', help: 'unfold all below', action: { type: 'fold', all: false } },
      { keys: ['-'], shown: '-', help: 'fold everything', action: { type: 'fold', all: true } },
      { keys: ['s'], shown: 's', help: 'sort: saved, name, size, dtype', action: { type: 'sort' } },
      {
        keys: ['b'],
        shown: 'b',
        help: 'the largest tensor, then the next',
        action: { type: 'size', direction: 1 },
      },
      {
        keys: ['B'],
        shown: 'B',
        help: 'back to the one that is larger',
        action: { type: 'size', direction: -1 },
      },
    ],
  },
  {
    title: 'Search',
    rows: [
      {
        keys: ['/'],
        shown: '/',
        help: 'search names; * is any text, ? one character',
        action: { type: 'prompt', kind: 'search' },
      },
      { keys: ['n'], shown: 'n', help: 'next match', action: { type: 'match', direction: 1 } },
      { keys: ['N'], shown: 'N', help: 'previous match', action: { type: 'match', direction: -1 } },
    ],
  },
  {
    title: 'Detail',
    rows: [
      { keys: ['tab', 'shift-tab'], shown: 'Tab', help: 'to the other side', action: { type: 'pane' } },
      {
        keys: ['1'],
        shown: '1',
        help: 'layout: map of the chunks, files, offsets',
        action: { type: 'tab', tab: 'layout' },
      },
      {
        keys: ['2', 'v'],
        shown: '2 v',
        help: 'values: arrows move through them',
        action: { type: 'tab', tab: 'values' },
      },
      {
        keys: ['3', 't'],
        shown: '3 t',
        help: 'statistics and histogram',
        action: { type: 'tab', tab: 'statistics' },
      },
      {
        keys: [':'],
        shown: ':',
        help: 'go to an element: 5000 or 3,5000,0',
        action: { type: 'prompt', kind: 'element' },
      },
      {
        keys: ['['],
        shown: '[',
        help: 'values: matrix before, of more than two dimensions',
        action: { type: 'layer', direction: -1 },
      },
      { keys: [']'], shown: ']', help: 'values: matrix after', action: { type: 'layer', direction: 1 } },
    ],
  },
  {
    title: 'Other',
    rows: [
      { keys: ['?'], shown: '?', help: 'this help', action: { type: 'help' } },
      { keys: ['escape'], shown: 'Esc', help: 'close, or forget the search', action: { type: 'cancel' } },
      { keys: ['q', 'ctrl-c'], shown: 'q', help: 'quit', action: { type: 'quit' } },
    ],
  },
];

const ACTIONS = new Map(
  KEY_GROUPS.flatMap(({ rows }) =>
    rows.flatMap(({ keys, action }) => keys.map(key => [key, action] as const)),
  ),
);

const PROMPT_ACTIONS = new Map<Key, ExplorerAction>([
  ['return', { type: 'accept' }],
  ['escape', { type: 'cancel' }],
  ['ctrl-c', { type: 'cancel' }],
  ['backspace', { type: 'erase' }],
  ['ctrl-u', { type: 'cancel' }],
]);

/** What a key asks for: while something is typed, most are text. */
export function actionOf(key: Key, isTyping: boolean): ExplorerAction | undefined {
  if (!isTyping) return ACTIONS.get(key);
  return PROMPT_ACTIONS.get(key) ?? ([...key].length === 1 ? { type: 'text', text: key } : undefined);
}

/** What ink tells of a key press, as far as it matters. */
export interface InkKey {
  upArrow: boolean;
  downArrow: boolean;
  leftArrow: boolean;
  rightArrow: boolean;
  pageDown: boolean;
  pageUp: boolean;
  home: boolean;
  end: boolean;
  return: boolean;
  escape: boolean;
  ctrl: boolean;
  shift: boolean;
  tab: boolean;
  backspace: boolean;
  delete: boolean;
  meta: boolean;
}

const NAMED: readonly (readonly [keyof InkKey, Key])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'return'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
  // Most terminals send DEL for the backspace key, which ink calls delete.
  ['delete', 'backspace'],
];

const CONTROLS: Readonly<Record<string, Key>> = {
  '\r': 'return',
  '\n': 'return',
  '\t': 'tab',
  '\u007f': 'backspace',
  '\b': 'backspace',
};

/** Key presses in what ink hands on at once: several where keys come faster than they are read, or are pasted. */
export function keysOf(input: string, key: InkKey): Key[] {
  if (key.tab) return [key.shift ? 'shift-tab' : 'tab'];
  const named = NAMED.find(([name]) => key[name]);
  if (named !== undefined) return [named[1]];
  if (key.ctrl) return [`ctrl-${input}`];
  // Alt and a letter, and escape sequences that ink does not know.
  if (key.meta) return [];
  return [...input].flatMap(character => {
    const known = CONTROLS[character];
    if (known !== undefined) return [known];
    const code = character.charCodeAt(0);
    return code < 32 ? [`ctrl-${String.fromCharCode(code + 96)}`] : [character];
  });
}
