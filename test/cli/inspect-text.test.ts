import { boxText } from '../../src/cli/inspect-table.js';
import { type InspectView, inspectText } from '../../src/cli/inspect-text.js';
import { styleFor } from '../../src/cli/style.js';
import type { InspectReport } from '../../src/ops/inspect.js';
import { displayWidth } from '../../src/tui/text-width.js';
import { is, ok, suite } from '../suite.js';
import { RATE, REPORT, VIEW, WEIGHT } from './inspect-sample.js';

const ALL: InspectView = { ...VIEW, all: true };
const text = (change: Partial<InspectReport> = {}, columns?: number, view = ALL): string =>
  [...inspectText({ ...REPORT, ...change }, { columns, unicode: true, style: styleFor(false), view })].join(
    '',
  );
/** The text of a label, its lines joined. */
const row = (label: string, change: Partial<InspectReport>): string => {
  const lines = text(change).split('\n\n')[0]!.trimEnd().split('\n');
  const start = lines.findIndex(line => line.startsWith(`${label} `));
  const next = lines.findIndex((line, i) => i > start && !line.startsWith(' '));
  return lines
    .slice(start, next === -1 ? undefined : next)
    .map((line, i) => (i === 0 ? line.slice(label.length) : line).trim())
    .join(' | ');
};
/** The table, its title line left out. */
const table = (...args: Parameters<typeof text>): string[] =>
  text(...args)
    .split('\n\n')[1]!
    .trimEnd()
    .split('\n')
    .slice(1);

suite('inspect text', ({ each, test }) => {
  test('the whole, as a pipe gets it', () => {
    is(
      text(),
      [
        'path          ckpt',
        'format        DCP directory, saved by torch 2.9 or newer',
        'complete      yes: 2 files of 2 ranks, 10.0 MiB (10,485,760 bytes)',
        'tensors       1 in 2 chunks, 4,194,304 parameters, 8.00 MiB (8,388,608 bytes)',
        'parts         model   1 tensor            4,194,304 parameters  8.00 MiB  100 %',
        '              other  0 tensors  1 object          0 parameters       0 B    0 %',
        'dtypes        bfloat16  1 tensor  4,194,304 parameters  8.00 MiB',
        'balance       2 ranks, from 4.00 MiB (rank 1) to 5.00 MiB (rank 0), 1.11 times the mean',
        "weights_only  yes: only classes on torch's list",
        '',
        'dtype   shape             size  chunks  name',
        'bf16    [4096, 1024]  8.00 MiB       2  model.layers.0.weight',
        'object                1.23 KiB          lr = 0.001',
        '',
      ].join('\n'),
    );
  });

  each(
    [60, 80, 200],
    columns => `lines of the header fit ${columns} columns`,
    columns => {
      for (const line of text({}, columns).split('\n\n')[0]!.split('\n'))
        ok(displayWidth(line) <= columns, line);
    },
  );

  test('of safetensors nothing is pickled, unless there is a state.pth', () => {
    const files = (relativePath: string) => [{ ...REPORT.files[0]!, relativePath }];
    is(
      row('weights_only', { format: 'safetensors', files: files('a.safetensors') }),
      'yes: nothing in it is pickled',
    );
    is(
      row('weights_only', { format: 'safetensors', files: files('state.pth') }),
      "yes: only classes on torch's list",
    );
  });

  each(
    [
      [81, ['model   1 tensor            4,194,304 parameters  8.00 MiB  100 %', '0 tensors  1 object']],
      [70, ['model   1 tensor            8.00 MiB  100 %', 'other  0 tensors  1 object       0 B    0 %']],
      [
        52,
        [
          'model   1 tensor  8.00 MiB  100 %',
          'other  0 tensors       0 B    0 %',
          'bfloat16  1 tensor  8.00 MiB',
        ],
      ],
      [40, ['model  8.00 MiB  100 %', 'other       0 B    0 %', 'bfloat16  8.00 MiB']],
    ] as const,
    ([columns]) => `rows of the header drop their lesser numbers in ${columns} columns`,
    ([columns, rows]) => {
      const shown = text({}, columns);
      for (const row of rows) ok(shown.includes(row), shown);
    },
  );

  each(
    [
      ['format', { format: 'torch', torchEra: '2.1 to 2.6' }, 'torch.save file, saved by torch 2.1 to 2.6'],
      [
        'complete',
        { completeness: 'index_only' },
        'index only: the data (2 files of 2 ranks) is not at hand',
      ],
      ['format', { completeness: 'index_only' }, 'DCP index, saved by torch 2.9 or newer'],
      [
        'complete',
        {
          completeness: 'files_missing',
          files: [{ ...REPORT.files[0]!, byteLength: 1 }, ...missing(7)],
          ranks: 8,
        },
        'NO: 7 of 8 files of 8 ranks missing: __1_0.distcp, __2_0.distcp, __3_0.distcp, __4_0.distcp, __5_0.distcp, 2 more',
      ],
      [
        'complete',
        {
          completeness: 'files_short',
          files: [
            { ...REPORT.files[0]!, byteLength: 1 },
            { ...REPORT.files[1]!, byteLength: 1, requiredByteLength: 2 },
          ],
        },
        'NO: 1 of 2 files of 2 ranks shorter than the index says: __1_0.distcp',
      ],
      ['weights_only', { loadsWithWeightsOnly: null }, 'not known: the data is not at hand'],
      [
        'weights_only',
        {
          loadsWithWeightsOnly: false,
          globals: [
            { name: 'a.B', dangerous: false, fqn: 'x' },
            { name: 'os.system', dangerous: true },
          ],
        },
        "no: the pickles name what is not on torch's list: | DANGEROUS: os.system | a.B (first in x)",
      ],
      ['WARNING', { warnings: [{ kind: 'torn_overwrite', message: 'Torn.' }] }, 'Torn.'],
      [
        'dtypes',
        {
          dtypes: [
            { dtype: 'float32', tensors: 12, parameters: 100, byteLength: 400 },
            { dtype: 'uint8', tensors: 1, parameters: 7, byteLength: 7 },
          ],
        },
        'float32  12 tensors  100 parameters  400 B | uint8      1 tensor    7 parameters    7 B',
      ],
    ] as [string, Partial<InspectReport>, string][],
    ([label, , expected]) => `${label}: ${expected.slice(0, 50)}`,
    ([label, change, expected]) => is(row(label, change), expected),
  );

  test('a torch file has no chunks, and no size where an object has none', () => {
    const entries = [WEIGHT, { ...RATE, byteLength: 0 }];
    is(
      table({ format: 'torch', entries }).join('\n'),
      [
        'bf16    [4096, 1024]  8.00 MiB  model.layers.0.weight',
        'object                          lr = 0.001',
      ].join('\n'),
    );
  });

  test('a scalar, an empty tensor, an object that is not loaded', () => {
    const { value: _value, ...unknown } = RATE;
    const entries = [
      { ...WEIGHT, size: [], byteLength: 2 },
      { ...WEIGHT, size: [0, 3], byteLength: 0 },
      unknown,
    ];
    is(
      table({ entries }).join('\n'),
      [
        'bf16    []           2 B       2  model.layers.0.weight',
        'bf16    [0, 3]       0 B       2  model.layers.0.weight',
        'object          1.23 KiB          lr',
      ].join('\n'),
    );
  });

  test('chunks stand below their tensor', () => {
    const chunks = [
      {
        offsets: [0, 0],
        sizes: [2048, 1024],
        relativePath: '__0_0.distcp',
        rank: 0,
        offset: 0,
        length: 4_195_000,
      },
      {
        offsets: [2048, 0],
        sizes: [2048, 1024],
        relativePath: '__1_0.distcp',
        rank: 1,
        offset: 77,
        length: 4_195_000,
      },
    ];
    is(
      table({ entries: [{ ...WEIGHT, chunks }] }).join('\n'),
      [
        'bf16   [4096, 1024]  8.00 MiB       2  model.layers.0.weight',
        '    [0:2048, 0:1024]     __0_0.distcp  offset  0  length 4195000',
        '    [2048:4096, 0:1024]  __1_0.distcp  offset 77  length 4195000',
      ].join('\n'),
    );
  });

  test('what is dangerous comes first, however many names there are', () => {
    const globals = Array.from({ length: 30 }, (_, i) => ({ name: `m.C${i}`, dangerous: i === 29 }));
    const shown = row('weights_only', { loadsWithWeightsOnly: false, globals }).split(' | ');
    is(shown[1], 'DANGEROUS: m.C29');
    is(shown.at(-1), 'and 10 more (--json lists all)');
  });

  test('the header comes by itself, before entries are looked at', () => {
    const parts = inspectText(REPORT, { columns: 80, unicode: true, style: styleFor(false), view: ALL });
    const { value: header } = parts.next();
    ok(/^balance /m.test(header!), header);
    ok(!header!.includes(WEIGHT.fqn));
    ok([...parts].join('').includes(WEIGHT.fqn));
  });

  test('colours on a terminal', () => {
    const parts = inspectText(
      {
        ...REPORT,
        loadsWithWeightsOnly: false,
        globals: [{ name: 'os.system', dangerous: true }],
        warnings: [{ kind: 'torn_overwrite', message: 'Torn.' }],
      },
      { columns: 80, unicode: true, style: styleFor(true), view: ALL },
    );
    const shown = [...parts].join('');
    ok(shown.includes('\n              \u001b[31mDANGEROUS:\u001b[39m os.system\n'), shown);
    ok(shown.includes('\n\u001b[33mWARNING\u001b[39m       Torn.\n'), shown);
  });

  test('without entries there is no table', () => {
    ok(!text({ entries: [] }).includes('dtype   shape'));
  });

  const long = `model.${'layers.'.repeat(30)}weight`;
  const entries = [
    { ...WEIGHT, fqn: long },
    { ...RATE, fqn: long, value: `'${'x'.repeat(58)}'` },
    { ...RATE, fqn: 'short', value: `'${'x'.repeat(58)}'` },
  ];

  test('in a pipe nothing is cut', () => {
    ok(table({ entries })[0]!.endsWith(long));
    ok(table({ entries })[1]!.endsWith(` = ${entries[1]!.value}`));
  });

  each(
    [80, 70, 200],
    columns => `in ${columns} columns lines fit, names keep both ends, values their start`,
    columns => {
      const lines = table({ entries }, columns);
      for (const line of lines) ok(displayWidth(line) <= columns, line);
      ok(/model\.\S*\.\.\.\S*weight$/.test(lines[0]!), lines[0]);
      ok(/model\.\S*\.\.\.\S*weight = 'x/.test(lines[1]!), lines[1]);
      ok(/ short = 'xxx/.test(lines[2]!), lines[2]);
    },
  );

  test('untrusted names cannot steer the terminal, nor begin a line', () => {
    const hostile = 'a\u001b[2J\nb\u009b\u202e';
    const shown = text({
      path: hostile,
      torchEra: hostile,
      globals: [{ name: hostile, dangerous: true, fqn: hostile }],
      loadsWithWeightsOnly: false,
      warnings: [{ kind: 'torn_overwrite', message: hostile }],
      entries: [
        { ...WEIGHT, fqn: hostile },
        { ...RATE, fqn: hostile, value: hostile },
      ],
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
    ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(shown));
    is(shown.match(/^b(?!f16|alance)/gm), null);
    ok(shown.includes('a\\x1b[2J\\nb\\x9b\\u202e = a\\x1b[2J\\nb\\x9b\\u202e'), shown);
  });

  each(
    [
      [[], [], '[]'],
      [[0], [4], '[0:4]'],
      [[2, 0], [2, 16], '[2:4, 0:16]'],
      [[5], [0], '[5:5]'],
    ] as [number[], number[], string][],
    ([, , box]) => `box ${box}`,
    ([offsets, sizes, box]) => is(boxText({ offsets, sizes }), box),
  );
});

function missing(count: number): InspectReport['files'] {
  return Array.from({ length: count }, (_, i) => ({
    relativePath: `__${i + 1}_0.distcp`,
    byteLength: null,
    rank: i + 1,
    items: 1,
    itemByteLength: 1,
  }));
}
