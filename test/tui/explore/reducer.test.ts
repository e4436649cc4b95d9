import type { ObjectEntry } from '../../../src/checkpoint/checkpoint.js';
import { actionOf } from '../../../src/tui/explore/keys.js';
import { entryAtCursor } from '../../../src/tui/explore/loads.js';
import { explorerReducer } from '../../../src/tui/explore/reducer.js';
import { cursorNode, type ExplorerState, initialState } from '../../../src/tui/explore/state.js';
import { buildTree } from '../../../src/tui/explore/tree-model.js';
import { equal, is, suite } from '../../suite.js';
import { checkpointOf, MODEL_ENTRIES, tensorEntry } from './entries.js';

const START = start(MODEL_ENTRIES);

function start(entries: typeof MODEL_ENTRIES, columns = 100, lines = 12): ExplorerState {
  return initialState(checkpointOf(entries), buildTree(entries, 'step-7'), { columns, lines });
}

/** Keys apart by blanks; `abc` after a prompt is typed. */
function press(state: ExplorerState, keys: string): ExplorerState {
  return keys.split(' ').reduce((before, word) => {
    const presses =
      before.prompt !== undefined && !/^(return|escape|backspace)$/.test(word) ? [...word] : [word];
    return presses.reduce((each, key) => {
      const action = actionOf(key === 'space' ? ' ' : key, each.prompt !== undefined);
      return action === undefined ? each : explorerReducer(each, action);
    }, before);
  }, state);
}

/** Labels of the rows, the one with the cursor marked. */
function seen({ rows, cursor, model }: ExplorerState): string[] {
  return [...rows].map((node, row) => (row === cursor ? '>' : '') + model.labels[node]!);
}

const label = (state: ExplorerState): string => state.model.labels[cursorNode(state)]!;

suite('explorer: reducer', ({ test, each }) => {
  each<readonly [keys: string, rows: string[]]>(
    [
      ['down', ['step-7', '>model.layers', 'optim']],
      ['j j', ['step-7', 'model.layers', '>optim']],
      ['end up', ['step-7', '>model.layers', 'optim']],
      ['up', ['>step-7', 'model.layers', 'optim']],
      ['down right', ['step-7', '>model.layers', '0', '1', '10.attn.wq.weight', 'optim']],
      ['down right right', ['step-7', 'model.layers', '>0', '1', '10.attn.wq.weight', 'optim']],
      ['down right right left', ['step-7', '>model.layers', '0', '1', '10.attn.wq.weight', 'optim']],
      ['down right left', ['step-7', '>model.layers', 'optim']],
      ['down space space', ['step-7', '>model.layers', 'optim']],
      ['down left', ['>step-7', 'model.layers', 'optim']],
      ['left', ['>step-7', 'model.layers', 'optim']],
      ['return', ['>step-7']],
      ['end *', ['step-7', 'model.layers', '>optim', 'param_groups.0.lr', 'step']],
      ['* end -', ['step-7', 'model.layers', '>optim']],
      [
        '/ norm return',
        ['step-7', 'model.layers', '0', 'attn.wq.weight', '>norm.weight', '1', '10.attn.wq.weight', 'optim'],
      ],
      // What is found on the way (layer 1) is folded again.
      ['/ 10.attn return', ['step-7', 'model.layers', '0', '1', '>10.attn.wq.weight', 'optim']],
      ['/ norm escape', ['>step-7', 'model.layers', 'optim']],
      ['b', ['step-7', 'model.layers', '0', '1', '>10.attn.wq.weight', 'optim']],
    ],
    ([keys]) => keys,
    ([keys, rows]) => equal(seen(press(START, keys)), rows),
  );

  each<readonly [keys: string, expected: Partial<ExplorerState>]>(
    [
      ['q', { isDone: true }],
      ['ctrl-c', { isDone: true }],
      ['?', { isHelpOpen: true }],
      ['? ?', { isHelpOpen: false }],
      ['? q', { isDone: true }],
      ['? down', { isHelpOpen: true, detailTop: 1 }],
      ['? escape', { isHelpOpen: false, isDone: false }],
      ['tab', { pane: 'detail' }],
      ['tab tab', { pane: 'tree' }],
      ['tab escape', { pane: 'tree' }],
      ['b return', { pane: 'detail' }],
      ['b right', { pane: 'detail' }],
      ['b 2', { tab: 'values' }],
      ['b v', { tab: 'values' }],
      ['b 3', { tab: 'statistics', wantsStatistics: false }],
      ['b 3 3', { tab: 'statistics', wantsStatistics: true }],
      ['b 3 tab return', { wantsStatistics: true, pane: 'detail' }],
      ['b 3 3 up', { tab: 'statistics', wantsStatistics: false }],
      ['s', { sort: 'name' }],
      ['s s s s', { sort: 'saved' }],
      ['b', { notice: 'number 1 by size' }],
      ['b b', { notice: 'number 2 by size' }],
      ['b b B', { notice: 'number 1 by size' }],
      ['b down', { notice: undefined }],
      ['b b up b', { notice: 'number 1 by size' }],
      ['n', { notice: 'Nothing is searched for: / begins' }],
      ['/ zz return', { notice: 'Nothing has zz in its name', prompt: undefined }],
      ['/ wq return escape', { search: undefined }],
      ['/ backspace', { prompt: undefined }],
      [': ', { notice: 'Only tensors have elements to go to' }],
      ['b : 99 return', { notice: 'Position 99 is outside dimension 0, which has 16', pane: 'tree' }],
      ['b : 9,2 return', { tab: 'values', origin: [9, 2], pane: 'detail' }],
      ['b : 9,2 return up', { origin: [8, 0] }],
      ['b : 9,2 return tab up', { origin: [], pane: 'tree' }],
      ['b : 9 escape', { tab: 'layout', origin: [] }],
      ['b 2 tab left', { pane: 'tree' }],
    ],
    ([keys]) => `${keys}: state`,
    ([keys, expected]) => {
      const state = press(START, keys);
      for (const [name, value] of Object.entries(expected)) {
        equal(state[name as keyof ExplorerState], value, name);
      }
    },
  );

  test('n and N go round the matches, through folded groups', () => {
    let state = press(START, '/ wq return');
    const met: string[] = [];
    for (const key of ['n', 'n', 'n', 'N', 'N']) {
      state = press(state, key);
      met.push(state.checkpoint.entries[state.model.entry[cursorNode(state)]!]!.fqn);
    }
    equal(met, [
      'model.layers.1.attn.wq.weight',
      'model.layers.10.attn.wq.weight',
      'model.layers.0.attn.wq.weight',
      'model.layers.10.attn.wq.weight',
      'model.layers.1.attn.wq.weight',
    ]);
  });

  test('sorting keeps the cursor on its node, and the matches in order', () => {
    const state = press(START, '/ wq return s s');
    is(state.sort, 'size');
    is(label(state), 'attn.wq.weight');
    equal([...state.search!.matches], [8, 3, 6]);
  });

  test('the cursor stays on the screen', () => {
    const many = Array.from({ length: 50 }, (_, i) => tensorEntry(`t${i}`, [1]));
    let state = start(many, 100, 12);
    for (const key of ['end', 'pageup', 'pageup', 'home', 'pagedown', 'j', 'k', 'G', 'g']) {
      state = press(state, key);
      is(state.cursor >= state.top && state.cursor < state.top + 10, true, key);
    }
    state = press(state, 'end');
    equal([state.cursor, state.top], [50, 41]);
    state = explorerReducer(state, { type: 'resize', columns: 60, lines: 7 });
    is(state.cursor < state.top + 5, true);
    state = explorerReducer(state, { type: 'resize', columns: 200, lines: 80 });
    is(state.top, 0);
  });

  test('what was far away comes to the middle of the screen', () => {
    const many = Array.from({ length: 500 }, (_, i) => tensorEntry(`t${i}`, [i === 300 ? 9 : 1]));
    const state = press(start(many, 100, 12), 'b');
    equal([state.cursor, state.top], [301, 296]);
  });

  test('a detail is scrolled no further than to its end, and another begins at its top', () => {
    const entries = [tensorEntry('a', [64, 2]), tensorEntry('b', [64, 2])];
    const small = initialState(checkpointOf(entries), buildTree(entries, 'x'), { columns: 100, lines: 10 });
    let state = press(small, 'down tab end');
    const last = state.detailTop;
    is(last > 0, true);
    state = press(state, 'down pagedown');
    is(state.detailTop, last);
    is(press(state, 'tab down').detailTop, 0);
  });

  test('a size of nothing is a screen of one cell', () => {
    const state = explorerReducer(START, { type: 'resize', columns: 0, lines: 0 });
    equal([state.columns, state.lines], [1, 1]);
  });

  test('what was read is kept, the oldest forgotten', () => {
    let state = START;
    for (let i = 0; i < 70; i++) {
      state = explorerReducer(state, { type: 'loaded', key: `k${i}`, result: { state: 'done' } });
    }
    is(state.loaded.size, 64);
    is(state.loaded.has('k5'), false);
    is(state.loaded.has('k69'), true);
  });

  test('an empty checkpoint can be looked at', () => {
    const state = press(start([]), 'down right return * b / x return n s tab 2 3 : escape');
    equal(seen(state), ['>step-7']);
  });

  test('no state is changed', () => {
    const before = press(START, 'b');
    const copy = { ...before, unfolded: before.unfolded.slice(), rows: before.rows.slice() };
    press(before, '- * s / wq return n tab 2 down 3 3 ? q');
    equal(before.rows, copy.rows);
    equal(before.unfolded, copy.unfolded);
    is(before.cursor, copy.cursor);
  });

  test('tensors inside an object come below it when its value is read; all else stays as it was', () => {
    const state = press(START, 'end * down');
    const holder = MODEL_ENTRIES.find(({ fqn }) => fqn.endsWith('.lr')) as ObjectEntry;
    const tensors = ['[0]', '[1]'].map(path => tensorEntry(`${holder.fqn}!${path}`, [3]));
    const result = { state: 'lines', lines: [], holder, tensors } as const;
    const grown = explorerReducer(state, { type: 'loaded', key: 'x', result });
    equal(seen(grown), ['step-7', 'model.layers', 'optim', '>param_groups.0.lr', 'step']);
    equal(seen(press(grown, 'right down')), [
      ...['step-7', 'model.layers', 'optim', 'param_groups.0.lr', '>[0]', '[1]', 'step'],
    ]);
    // Those behind it are found where they are now, and the same value again changes nothing.
    is(label(press(grown, 'end')), 'step');
    is(entryAtCursor(press(grown, 'end'))?.fqn, 'optim.step');
    is(label(press(grown, '/ [1] return')), '[1]');
    is(explorerReducer(grown, { type: 'loaded', key: 'x', result }).model, grown.model);
    const before = press(START, 'end *');
    const behind = explorerReducer(press(before, 'end'), { type: 'loaded', key: 'x', result });
    is(label(behind), 'step');
  });
});
