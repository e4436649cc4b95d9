import { loadKey, neededLoad, shownLoad } from '../../../src/tui/explore/loads.js';
import { explorerReducer } from '../../../src/tui/explore/reducer.js';
import { type ExplorerState, initialState } from '../../../src/tui/explore/state.js';
import { buildTree } from '../../../src/tui/explore/tree-model.js';
import { equal, is, suite } from '../../suite.js';
import { checkpointOf, objectEntry, tensorEntry } from './entries.js';

const entries = [
  tensorEntry('small', [8, 4]),
  tensorEntry('large', [1 << 14, 1 << 11]),
  tensorEntry('empty', [0, 4]),
  objectEntry('object'),
];
const model = buildTree(entries, 'x');

function at(entry: number, changes: Partial<ExplorerState> = {}, overrides = {}): ExplorerState {
  const state = initialState(checkpointOf(entries, overrides), model, { columns: 100, lines: 20 });
  return { ...state, cursor: entry + 1, ...changes };
}

suite('explorer: what is read', ({ test, each }) => {
  each<readonly [name: string, state: ExplorerState, kind: string | undefined]>(
    [
      ['the root', at(-1), undefined],
      ['how a tensor is cut', at(0), undefined],
      ['how a tensor of a torch.save file is cut', at(0, {}, { needsPlaces: true }), 'places'],
      ['values', at(0, { tab: 'values' }), 'window'],
      ['values of a large tensor', at(1, { tab: 'values' }), 'window'],
      ['values of nothing', at(2, { tab: 'values' }), undefined],
      ['statistics', at(0, { tab: 'statistics' }), 'statistics'],
      ['statistics of a large tensor', at(1, { tab: 'statistics' }), undefined],
      ['when asked for', at(1, { tab: 'statistics', wantsStatistics: true }), 'statistics'],
      ['an object', at(3), 'lines'],
      ['an object, on a narrow screen', at(3, { columns: 40 }), undefined],
      ['on a narrow screen, its detail', at(3, { columns: 40, pane: 'detail' }), 'lines'],
      ['of an index on its own', at(0, { tab: 'values' }, { completeness: 'index_only' }), undefined],
    ],
    ([name]) => name,
    ([, state, kind]) => is(shownLoad(state)?.kind, kind),
  );

  test('what has been read is not read again; what is being read goes on', () => {
    const state = at(0, { tab: 'statistics' });
    const key = loadKey(shownLoad(state)!);
    const reading = explorerReducer(state, { type: 'loaded', key, result: { state: 'reading', share: 0.5 } });
    is(neededLoad(reading)?.kind, 'statistics');
    const failed = { state: 'failed', message: 'gone', hint: undefined } as const;
    is(neededLoad(explorerReducer(reading, { type: 'loaded', key, result: failed })), undefined);
  });

  test('values are another thing at another place', () => {
    const key = (origin: number[]): string => loadKey(shownLoad(at(0, { tab: 'values', origin }))!);
    equal(key([0, 0]) === key([]), true);
    equal(key([1, 0]) === key([]), false);
  });
});
