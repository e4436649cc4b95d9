import { nextMatch, searchTree } from '../../../src/tui/explore/search.js';
import { buildTree } from '../../../src/tui/explore/tree-model.js';
import { sortTree } from '../../../src/tui/explore/tree-order.js';
import { equal, is, suite } from '../../suite.js';
import { MODEL_ENTRIES, tensorEntry } from './entries.js';

const model = buildTree(MODEL_ENTRIES, 'step-7');
const order = sortTree(model, 'saved');
const found = (pattern: string): number[] => [...searchTree(model, order, MODEL_ENTRIES, pattern).matches];

suite('explorer: search', ({ test, each }) => {
  each<readonly [pattern: string, nodes: number[]]>(
    [
      ['wq', [3, 6, 8]],
      ['WQ', []],
      ['layers.1', [6, 7, 8]],
      ['layers.1.', [6, 7]],
      ['0*wq', [3, 8]],
      ['layers.?.norm', [4, 7]],
      ['lr', [10]],
      ['[0]', []],
      ['no such', []],
    ],
    ([pattern]) => `/${pattern}`,
    ([pattern, nodes]) => equal(found(pattern), nodes),
  );

  test('capitals matter only where there are any', () => {
    const entries = [tensorEntry('Embed', [1]), tensorEntry('embed', [1])];
    const tree = buildTree(entries, 'root');
    const search = (pattern: string): number[] => [
      ...searchTree(tree, sortTree(tree, 'saved'), entries, pattern).matches,
    ];
    equal(search('embed'), [1, 2]);
    equal(search('Embed'), [1]);
  });

  test('matches come in the order of the tree', () => {
    const bySize = sortTree(model, 'size');
    equal([...searchTree(model, bySize, MODEL_ENTRIES, 'wq').matches], [8, 3, 6]);
  });

  each<readonly [node: number, direction: 1 | -1, isFrom: boolean, next: number]>(
    [
      [0, 1, false, 3],
      [3, 1, false, 6],
      [3, 1, true, 3],
      [8, 1, false, 3],
      [11, 1, true, 3],
      [6, -1, false, 3],
      [3, -1, false, 8],
      [11, -1, false, 8],
    ],
    ([node, direction, isFrom]) => `from ${node}${isFrom ? ' on' : ''} ${direction === 1 ? 'down' : 'up'}`,
    ([node, direction, isFrom, next]) => {
      const search = searchTree(model, order, MODEL_ENTRIES, 'wq');
      const match = nextMatch(search, order, node, direction, isFrom)!;
      is(match.node, next);
      is(search.matches[match.index], next);
    },
  );

  test('of no matches there is no next', () => {
    is(nextMatch(searchTree(model, order, MODEL_ENTRIES, 'zz'), order, 0, 1), undefined);
  });
});
