import { buildTree } from '../../../src/tui/explore/tree-model.js';
import {
  compareNames,
  rowOf,
  sortTree,
  type TreeSort,
  tensorsBySize,
  unfoldTo,
  visibleNodes,
} from '../../../src/tui/explore/tree-order.js';
import { equal, is, suite } from '../../suite.js';
import { MODEL_ENTRIES, tensorEntry } from './entries.js';

const model = buildTree(MODEL_ENTRIES, 'step-7');
const all = new Uint8Array(model.count).fill(1);

const names = (sort: TreeSort, unfolded = all): string[] =>
  [...visibleNodes(model, sortTree(model, sort), unfolded)].map(
    node => ' '.repeat(model.depth[node]!) + model.labels[node]!,
  );

suite('explorer: order', ({ test, each }) => {
  each<readonly [sort: TreeSort, expected: string[]]>(
    [
      ['saved', ['0', '1', '10.attn.wq.weight']],
      ['name', ['0', '1', '10.attn.wq.weight']],
      ['size', ['10.attn.wq.weight', '0', '1']],
      ['dtype', ['10.attn.wq.weight', '0', '1']],
    ],
    ([sort]) => `layers by ${sort}`,
    ([sort, expected]) => {
      equal(
        names(sort).flatMap(name => /^ {2}(\d.*)/.exec(name)?.[1] ?? []),
        expected,
      );
    },
  );

  test('dtype: by type, then the largest, objects last', () => {
    const small = tensorEntry('a', [1]);
    const entries = [small, tensorEntry('b', [2], 'bfloat16'), tensorEntry('c', [9]), MODEL_ENTRIES[5]!];
    const mixed = buildTree(entries, 'root');
    const order = sortTree(mixed, 'dtype');
    equal(
      [...order.nodes].map(node => mixed.labels[node]),
      ['root', 'b', 'c', 'a', 'optim.param_groups.0.lr'],
    );
  });

  test('every order holds each node once, below its group', () => {
    for (const sort of ['saved', 'name', 'size', 'dtype'] as const) {
      const { nodes, position } = sortTree(model, sort);
      equal(
        [...nodes].sort((a, b) => a - b),
        [...nodes.keys()],
      );
      for (const node of nodes.subarray(1)) is(position[node]! > position[model.parent[node]!]!, true);
    }
  });

  each<readonly [a: string, b: string, sign: number]>(
    [
      ['2', '10', -1],
      ['layer2', 'layer10', -1],
      ['layer2', 'layer2', 0],
      ['layer2', 'layer2b', -1],
      ['a', 'b', -1],
      ['B', 'a', -1],
      ['x.9.y', 'x.10.a', -1],
      ['99999999999999999999', '100000000000000000000', 1],
    ],
    ([a, b]) => `${a} against ${b}`,
    ([a, b, sign]) => {
      is(Math.sign(compareNames(a, b)), sign);
      is(Math.sign(compareNames(b, a)) + sign, 0);
    },
  );

  test('what is folded is not seen, wherever it is sorted to', () => {
    const unfolded = new Uint8Array(model.count);
    unfolded[0] = 1;
    equal(names('size', unfolded), ['step-7', ' model.layers', ' optim']);
    unfolded[9] = 1;
    equal(names('name', unfolded), ['step-7', ' model.layers', ' optim', '  param_groups.0.lr', '  step']);
    equal(names('saved', new Uint8Array(model.count)), ['step-7']);
  });

  test('the row of a node is that of the group that hides it', () => {
    const order = sortTree(model, 'size');
    const unfolded = new Uint8Array(model.count);
    unfolded[0] = 1;
    const rows = visibleNodes(model, order, unfolded);
    equal(
      [0, 1, 3, 8, 9, 11].map(node => rowOf(model, order, rows, node)),
      [0, 1, 1, 1, 2, 2],
    );
  });

  test('unfolding to a node unfolds what it is in, in a copy', () => {
    const before = new Uint8Array(model.count);
    const after = unfoldTo(model, before, 3);
    equal(
      [...after.keys()].filter(node => after[node] === 1),
      [0, 1, 2],
    );
    equal(before.includes(1), false);
  });

  test('tensors by size: the largest first, equal ones as saved', () => {
    equal([...tensorsBySize(model)], [8, 3, 6, 4, 7, 11]);
  });
});
