import { foldNames } from '../../src/ops/fold.js';
import { indexSetText } from '../../src/ops/index-set.js';
import { nameTree, type TreeNode } from '../../src/ops/name-tree.js';
import { equal, is, ok, suite } from '../suite.js';

const range = (count: number, of: (i: number) => number = i => i): number[] =>
  Array.from({ length: count }, (_, i) => of(i));

suite('indexSetText', ({ each }) => {
  each(
    [
      [[7], '7'],
      [[0, 1], '{0,1}'],
      [[0, 1, 2], '{0..2}'],
      [range(32), '{0..31}'],
      [[0, 1, 2, 3, 5], '{0..3,5}'],
      [[5, 7, 8, 9], '{5,7..9}'],
      [[1, 10, 19], '{1,10,19}'],
      [range(32, i => 1 + 9 * i), '{1..280..9}'],
      [[0, 4, 8, 12, 13, 14], '{0..12..4,13,14}'],
      [[1, 2, 3, 4, 10, 11, 12, 13], '{1..4,10..13}'],
    ] as [number[], string][],
    ([, text]) => text,
    ([numbers, text]) => is(indexSetText(numbers), text),
  );
});

/** `name signature` to `folded name ×count signature`. */
function folded(lines: readonly string[]): string[] {
  const rows = foldNames(lines, line => {
    const [name, signature] = line.split(' ') as [string, string];
    return { name, signature };
  });
  return rows.map(({ steps, items }) => `${steps.join('.')} ×${items.length} ${items[0]!.split(' ')[1]}`);
}

suite('foldNames', ({ each, test }) => {
  each(
    [
      [
        'layers',
        range(32).flatMap(i => [`layers.${i}.wq A`, `layers.${i}.norm B`]),
        ['layers.{0..31}.wq ×32 A', 'layers.{0..31}.norm ×32 B'],
      ],
      [
        'only what has the same signature',
        ['l.0.w A', 'l.1.w A', 'l.2.w A', 'l.3.w A', 'l.4.w B', 'l.5.w A'],
        ['l.{0..3,5}.w ×5 A', 'l.4.w ×1 B'],
      ],
      ['the order is that of first sight', ['z.1.w A', 'a B', 'z.0.w A'], ['z.{0,1}.w ×2 A', 'a ×1 B']],
      [
        'experts in layers',
        range(2).flatMap(l => range(4).map(e => `l.${l}.e.${e}.w A`)),
        ['l.{0,1}.e.{0..3}.w ×8 A'],
      ],
      [
        'layers with other experts stay apart',
        ['l.0.e.0.w A', 'l.0.e.1.w A', 'l.1.e.0.w A', 'l.2.e.0.w A', 'l.2.e.1.w A'],
        ['l.{0,2}.e.{0,1}.w ×4 A', 'l.1.e.0.w ×1 A'],
      ],
      [
        'optimizer state by number',
        range(291).map(i => `optim.state.${i}.exp_avg A`),
        ['optim.state.{0..290}.exp_avg ×291 A'],
      ],
      [
        'optimizer state by name',
        range(4).map(i => `optim.state.layers.${i}.w.exp_avg A`),
        ['optim.state.layers.{0..3}.w.exp_avg ×4 A'],
      ],
      ['names that are numbers', ['0 A', '1 A', '3 A'], ['{0,1,3} ×3 A']],
      ['a single layer', ['layers.0.w A'], ['layers.0.w ×1 A']],
      [
        'what only looks like a number',
        ['l.00.w A', 'l.01.w A', 'l.1e3.w A', 'l.-1.w A', 'l.1234567890123456.w A', 'l.2.w A'],
        [
          'l.00.w ×1 A',
          'l.01.w ×1 A',
          'l.1e3.w ×1 A',
          'l.-1.w ×1 A',
          'l.1234567890123456.w ×1 A',
          'l.2.w ×1 A',
        ],
      ],
      ['numbers inside a step', ['w1 A', 'w2 A'], ['w1 ×1 A', 'w2 ×1 A']],
      ['empty steps', ['.0. A', '.1. A', '..0 A'], ['.{0,1}. ×2 A', '..0 ×1 A']],
      ['a name that looks folded', ['l.{0..3}.w A', 'l.0.w A'], ['l.{0..3}.w ×1 A', 'l.0.w ×1 A']],
    ] as [string, string[], string[]][],
    ([name]) => name,
    ([, lines, expected]) => equal(folded(lines), expected),
  );

  test('each name is in exactly one row, whatever the names', () => {
    const names = range(7).flatMap(a =>
      range(5).flatMap(b => range(3).flatMap(c => ((a * b + c) % 4 === 0 ? [] : [`x.${a}.y.${b}.${c}`]))),
    );
    const rows = foldNames(names, name => ({ name, signature: String(name.length) }));
    const spelled = rows.flatMap(({ steps }) =>
      steps.reduce<string[]>(
        (heads, step) =>
          heads.flatMap(head => expand(step).map(one => (head === '' ? one : `${head}.${one}`))),
        [''],
      ),
    );
    equal(spelled.sort(), [...names].sort());
    ok(rows.length < names.length);
  });

  test('names without end are no work without end', () => {
    const deep = '0.'.repeat(30_000);
    equal(
      foldNames([deep, `${deep}1`], name => ({ name, signature: '' })).map(({ items }) => items.length),
      [1, 1],
    );
  });
});

/** What a shell makes of a set. */
function expand(step: string): string[] {
  if (!step.startsWith('{')) return [step];
  return step
    .slice(1, -1)
    .split(',')
    .flatMap(part => {
      const [first, last, by = '1'] = part.split('..');
      if (last === undefined) return [first!];
      return range((Number(last) - Number(first)) / Number(by) + 1, i => Number(first) + i * Number(by)).map(
        String,
      );
    });
}

suite('nameTree', ({ test }) => {
  const shape = ({ name, rows, children }: TreeNode<{ steps: string[] }>): unknown => [
    name,
    rows.length,
    ...children.map(shape),
  ];
  const treeOf = (...names: string[]): unknown =>
    shape(nameTree(names.map(name => ({ steps: name.split('.') }))));

  test('steps without a branch are joined', () => {
    equal(treeOf('a.b.c.w', 'a.b.c.b', 'a.n.w'), [
      '',
      0,
      ['a', 0, ['b.c', 0, ['w', 1], ['b', 1]], ['n.w', 1]],
    ]);
  });
  test('a name that others go on from', () => {
    equal(treeOf('a', 'a.b'), ['', 0, ['a', 1, ['b', 1]]]);
  });
  test('one name', () => equal(treeOf('layers.{0..3}.w'), ['', 0, ['layers.{0..3}.w', 1]]));
  test('nothing', () => equal(treeOf(), ['', 0]));
  test('steps that objects of JavaScript have', () => {
    equal(treeOf('__proto__.a', '__proto__.b', 'constructor'), [
      '',
      0,
      ['__proto__', 0, ['a', 1], ['b', 1]],
      ['constructor', 1],
    ]);
  });
});
