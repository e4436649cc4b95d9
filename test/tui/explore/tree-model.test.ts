import type { Entry } from '../../../src/checkpoint/checkpoint.js';
import { buildTree, childrenOf, type TreeModel } from '../../../src/tui/explore/tree-model.js';
import { equal, is, suite } from '../../suite.js';
import { MODEL_ENTRIES, objectEntry, tensorEntry } from './entries.js';

/** One line a node, its depth as blanks. */
function drawn({ count, labels, depth }: TreeModel): string[] {
  return Array.from({ length: count }, (_, node) => ' '.repeat(depth[node]!) + labels[node]!);
}

const tree = (...entries: Entry[]): string[] => drawn(buildTree(entries, 'root'));

suite('explorer: tree', ({ test, each }) => {
  test('keys are taken apart at their dots, groups of one group are joined', () => {
    equal(drawn(buildTree(MODEL_ENTRIES, 'step-7')), [
      'step-7',
      ' model.layers',
      '  0',
      '   attn.wq.weight',
      '   norm.weight',
      '  1',
      '   attn.wq.weight',
      '   norm.weight',
      '  10.attn.wq.weight',
      ' optim',
      '  param_groups.0.lr',
      '  step',
    ]);
  });

  test('tensors inside an object are below it, and are in no sum', () => {
    const holder = objectEntry('optim', 40);
    const inner = [tensorEntry("optim![0]['a.b']", [4]), tensorEntry('optim!', [2])];
    const entries = [tensorEntry('w', [1]), holder, ...inner, tensorEntry('x.y', [1])];
    const model = buildTree(entries, 'root', new Map(inner.map(entry => [entry, holder])));
    equal(drawn(model), ['root', ' w', ' optim', "  [0]['a.b']", '  itself', ' x.y']);
    equal([...model.byteLength], [48, 4, 40, 16, 8, 4]);
    equal([...model.tensorCount], [2, 1, 0, 1, 1, 1]);
  });

  each<readonly [name: string, entries: Entry[], expected: string[]]>(
    [
      ['nothing', [], ['root']],
      ['one tensor without a name', [tensorEntry([], [2])], ['root', " ''"]],
      ['an empty key', [tensorEntry([''], [2])], ['root', " ''"]],
      [
        'paths and sentences stay whole',
        [tensorEntry('a/b.c', [1]), tensorEntry('a b.c', [1])],
        ['root', ' a/b.c', ' a b.c'],
      ],
      [
        'dots side by side, first and last',
        [tensorEntry('a..b', [1]), tensorEntry('.c', [1]), tensorEntry('d.', [1])],
        ['root', ' a..b', ' .c', ' d.'],
      ],
      [
        'list positions',
        [tensorEntry(['a', 0], [1]), tensorEntry(['a', 1], [1])],
        ['root', ' a', '  0', '  1'],
      ],
      [
        'neighbours that come again later',
        [tensorEntry('a.b', [1]), tensorEntry('c', [1]), tensorEntry('a.d', [1])],
        ['root', ' a', '  b', '  d', ' c'],
      ],
      [
        'a tensor and a group of one name',
        [tensorEntry('a', [1]), tensorEntry('a.b', [1]), tensorEntry('a.c', [1])],
        ['root', ' a', ' a', '  b', '  c'],
      ],
      ['controls are escaped', [tensorEntry('a\u001b[2J\n', [1])], ['root', ' a\\x1b[2J\\n']],
    ],
    ([name]) => name,
    ([, entries, expected]) => equal(tree(...entries), expected),
  );

  test('of two values of one name the second is told by its FQN', () => {
    const twin = tensorEntry(['a', 'b'], [1]);
    const second = Object.assign(tensorEntry('a.b', [1]), { fqn: 'a.b#2' });
    equal(tree(twin, second), ['root', ' a', '  b', '  b#2']);
  });

  test('a name of a hundred thousand parts makes a tree that is no deeper than 200', () => {
    const long = Array.from({ length: 100_000 }, () => 'a').join('.');
    const model = buildTree([tensorEntry(`${long}.x`, [1]), tensorEntry(`${long}.y`, [1])], 'root');
    is(model.count, 4);
    is(Math.max(...model.labels.map(label => label.length)) <= 1000, true);
  });

  test('sums of what is below', () => {
    const model = buildTree(MODEL_ENTRIES, 'step-7');
    const at = (label: string): number => model.labels.indexOf(label);
    const row = (node: number): unknown[] => [
      model.byteLength[node],
      model.tensorCount[node],
      model.objectCount[node],
      model.dtypes[node],
    ];
    equal(row(0), [128 + 8 + 128 + 8 + 256 + 99 + 8, 6, 1, 'f32']);
    equal(row(at('model.layers')), [528, 5, 0, 'f32']);
    equal(row(at('optim')), [107, 1, 1, 'i64']);
    equal(row(at('param_groups.0.lr')), [99, 0, 1, '']);
    equal(row(at('norm.weight')), [8, 1, 0, 'bf16']);
  });

  test('a type without bytes is a type', () => {
    equal(buildTree([tensorEntry('a.x', [0], 'int8'), objectEntry('a.y')], 'root').dtypes, [
      'i8',
      'i8',
      'i8',
      '',
    ]);
  });

  test('nodes of entries, children, ends', () => {
    const model = buildTree(MODEL_ENTRIES, 'step-7');
    equal([...model.nodeOfEntry], [3, 4, 6, 7, 8, 10, 11]);
    equal(childrenOf(model, 0), [1, 9]);
    equal(childrenOf(model, 1), [2, 5, 8]);
    equal([model.end[0], model.end[1], model.end[2], model.end[3]], [12, 9, 5, 4]);
  });
});
