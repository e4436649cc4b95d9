import { type TreeTextOptions, treeLines } from '../../src/cli/inspect-tree.js';
import { styleFor } from '../../src/cli/style.js';
import type { InspectedEntry } from '../../src/ops/inspect.js';
import { displayWidth } from '../../src/tui/text-width.js';
import { equal, is, ok, suite } from '../suite.js';
import { RATE, WEIGHT } from './inspect-sample.js';

const tensor = (fqn: string, size: number[], dtype: 'bf16' | 'f32' = 'bf16'): InspectedEntry => ({
  ...WEIGHT,
  fqn,
  size,
  dtype: dtype === 'bf16' ? 'bfloat16' : 'float32',
  dtypeShort: dtype,
  byteLength: size.reduce((product, length) => product * length, dtype === 'bf16' ? 2 : 4),
});
const layers = (count: number): InspectedEntry[] =>
  Array.from({ length: count }, (_, i) => [
    tensor(`layers.${i}.attn.wq.weight`, [4096, 4096]),
    tensor(`layers.${i}.norm.weight`, [4096]),
  ]).flat();

const PIPE: TreeTextOptions = {
  columns: undefined,
  branches: false,
  unicode: true,
  sort: undefined,
  style: styleFor(false),
};
const lines = (entries: readonly InspectedEntry[], change: Partial<TreeTextOptions> = {}): string[] =>
  treeLines(entries, { ...PIPE, ...change });

suite('inspect tree', ({ each, test }) => {
  test('equal layers are one line', () => {
    equal(lines(Array.from({ length: 32 }, (_, i) => tensor(`layers.${i}.attn.wq.weight`, [4096, 4096]))), [
      'name                           shape         dtype           size',
      'layers.{0..31}.attn.wq.weight  [4096, 4096]  bf16   ×32  1.00 GiB',
    ]);
  });

  test('a group stands above what is below it, with all its bytes', () => {
    equal(lines([tensor('embed.weight', [10, 4]), ...layers(2), { ...RATE, fqn: 'lr' }]), [
      'name                shape         dtype          size',
      'embed.weight        [10, 4]       bf16           80 B',
      'layers.{0,1}                                 64.0 MiB',
      '  attn.wq.weight    [4096, 4096]  bf16   ×2  64.0 MiB',
      '  norm.weight       [4096]        bf16   ×2  16.0 KiB',
      'lr = 0.001',
    ]);
  });

  test('only tensors of equal shape and type fold', () => {
    const entries = [
      tensor('l.0.w', [4]),
      tensor('l.1.w', [4]),
      tensor('l.2.w', [8]),
      tensor('l.3.w', [4], 'f32'),
      tensor('l.4.w', [4]),
    ];
    equal(
      lines(entries).map(line => line.replace(/ +/g, ' ')),
      [
        'name shape dtype size',
        'l 56 B',
        ' {0,1,4}.w [4] bf16 ×3 24 B',
        ' 2.w [8] bf16 16 B',
        ' 3.w [4] f32 16 B',
      ],
    );
  });

  test('objects fold where they show the same value', () => {
    const steps = [1000, 1000, 999].map((value, i) => ({
      ...RATE,
      fqn: `state.${i}.step`,
      value: String(value),
    }));
    equal(lines(steps).slice(1), [
      'state                   3.69 KiB',
      '  {0,1}.step = 1000  ×2',
      '  2.step = 999',
    ]);
  });

  test('branches are drawn on a terminal', () => {
    equal(
      lines([...layers(2), tensor('out.weight', [1])], { columns: 80, branches: true }).map(
        line => line.split('  ')[0],
      ),
      ['name', 'layers.{0,1}', '├─ attn.wq.weight', '└─ norm.weight', 'out.weight'],
    );
  });

  test('a terminal without Unicode gets ASCII', () => {
    ok(lines(layers(2), { columns: 80, unicode: false }).every(line => /^[ -~]*$/.test(line)));
  });

  each(
    [
      ['size', ['layers', '{1,2}.w', '0.w', 'b', 'a']],
      ['name', ['a', 'b', 'layers', '0.w', '{1,2}.w']],
      ['dtype', ['layers', '{1,2}.w', '0.w', 'b', 'a']],
    ] as const,
    ([sort]) => `sorted by ${sort}, each level on its own`,
    ([sort, names]) => {
      const entries = [
        tensor('b', [3], 'f32'),
        tensor('layers.0.w', [4]),
        tensor('layers.2.w', [400]),
        tensor('layers.1.w', [400]),
        { ...tensor('a', [2], 'f32') },
      ];
      const printed = lines(entries, { sort })
        .slice(1)
        .map(line => line.trim().split(' ')[0]);
      equal(printed, sort === 'dtype' ? ['layers', '0.w', '{1,2}.w', 'b', 'a'] : names);
    },
  );

  each(
    [200, 80, 40, 20],
    columns => `lines fit in ${columns} columns`,
    columns => {
      const entries = [
        ...layers(3),
        tensor(`${'deep.'.repeat(20)}weight`, [1]),
        tensor(`x${'é漢'.repeat(60)}`, [1]),
        { ...RATE, value: `'${'v'.repeat(57)}'` },
      ];
      for (const line of lines(entries, { columns, branches: true })) ok(displayWidth(line) <= columns, line);
    },
  );

  test('a narrow terminal loses the shape first, and keeps sizes', () => {
    const [title] = lines(layers(3), { columns: 40 });
    is(title!.replace(/ +/g, ' '), 'name dtype size');
  });

  test('a long name pushes no other line aside', () => {
    const long = tensor(`model.${'x'.repeat(100)}`, [1]);
    const [, other] = lines([tensor('model.a', [1]), long]).slice(1);
    const [, alone] = lines([tensor('model.a', [1]), tensor('model.b', [1])]).slice(1);
    ok(other!.length < 90);
    ok(alone!.length < 90);
    is(lines([long]).at(-1)!.replace(/ +/g, ' '), `${long.fqn} [1] bf16 2 B`);
  });

  test('colours: folded numbers, groups, objects', () => {
    const [, group, member, object] = lines([...layers(2), RATE], { style: styleFor(true) }).filter(
      line => !line.includes('norm'),
    );
    is(group!.split('  ')[0], '\u001b[1mlayers.\u001b[36m{0,1}\u001b[39m\u001b[22m');
    ok(member!.includes('\u001b[36m×2\u001b[39m'));
    ok(object!.startsWith('\u001b[2mlr = 0.001'));
  });

  test('an entry without a name, and names that are also above others', () => {
    equal(
      lines([tensor('', [1]), tensor('a', [1]), tensor('a.b', [1])]).map(line => line.replace(/ +/g, ' ')),
      ['name shape dtype size', ' [1] bf16 2 B', 'a [1] bf16 2 B', ' b [1] bf16 2 B'],
    );
  });
});
