import { type InspectView, inspectText } from '../../src/cli/inspect-text.js';
import { styleFor } from '../../src/cli/style.js';
import type { InspectReport } from '../../src/ops/inspect.js';
import { is, ok, suite } from '../suite.js';
import { RATE, REPORT, VIEW, WEIGHT } from './inspect-sample.js';

const text = (change: Partial<InspectReport>, view: Partial<InspectView>, columns?: number): string =>
  [
    ...inspectText(
      { ...REPORT, ...change },
      { columns, unicode: true, style: styleFor(false), view: { ...VIEW, ...view } },
    ),
  ].join('');
/** What follows the header. */
const below = (...args: Parameters<typeof text>): string =>
  text(...args)
    .split('\n\n')
    .slice(1)
    .join('\n\n');

const CHUNKS = [
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

suite('inspect text: files', ({ test }) => {
  test('rank, size, items and share of each', () => {
    is(
      below({}, { files: true }),
      [
        'rank      size  items  share  file',
        '   0  5.00 MiB      2   56 %  __0_0.distcp',
        '   1  5.00 MiB      1   44 %  __1_0.distcp',
        '',
      ].join('\n'),
    );
  });
  test('what is missing or too short is said; an index on its own misses nothing', () => {
    const [first, second] = REPORT.files as [InspectReport['files'][number], InspectReport['files'][number]];
    const files = [
      { ...first, byteLength: null },
      { ...second, byteLength: 7, requiredByteLength: 5 << 20 },
    ];
    is(
      below({ files, completeness: 'files_missing' }, { files: true }),
      [
        'rank     size  items  share  file',
        '   0  missing      2   56 %  __0_0.distcp',
        '   1      7 B      1   44 %  __1_0.distcp  too short: 5,242,880 bytes wanted',
        '',
      ].join('\n'),
    );
    ok(!below({ files: [files[0]!], completeness: 'index_only' }, { files: true }).includes('missing'));
  });
  test('bars on a terminal are to scale', () => {
    const lines = below({}, { files: true }, 80).split('\n');
    ok(lines[1]!.includes('█'.repeat(20)));
    ok(lines[2]!.includes(` ${'█'.repeat(16)} `));
  });
  test('sorted by size', () => {
    ok(below({ files: [...REPORT.files].reverse() }, { files: true, sort: 'size' }).indexOf('__0') < 120);
  });
});

suite('inspect text: objects', ({ test }) => {
  test('values of one line stand together, others on their own', () => {
    const entries = [
      WEIGHT,
      { ...RATE, lines: ['0.001'] },
      { ...RATE, fqn: 'step', lines: ['7'] },
      { ...RATE, fqn: 'args', lines: ['{', "  'a': 1,", '}'] },
      { ...RATE, fqn: 'gone' },
    ];
    is(
      below({ entries }, { objects: true }),
      ['lr = 0.001', 'step = 7', '', 'args = {', "  'a': 1,", '}', '', 'gone = not at hand', ''].join('\n'),
    );
  });
});

suite('inspect text: one entry', ({ test }) => {
  test('a tensor: where its chunks lie', () => {
    is(
      text({ entries: [{ ...WEIGHT, chunks: CHUNKS }] }, { one: true }),
      [
        'name    model.layers.0.weight',
        'tensor  bfloat16 [4096, 1024], 8.00 MiB (8,388,608 bytes), requires grad',
        'chunks  2',
        '',
        'box                  rank  offset   length  file',
        '[0:2048, 0:1024]        0       0  4195000  __0_0.distcp',
        '[2048:4096, 0:1024]     1      77  4195000  __1_0.distcp',
        '',
      ].join('\n'),
    );
  });
  test('a slice of it', () => {
    const slice = { offsets: [3000, 0], sizes: [1, 512], steps: [1, 2] };
    const lines = text({ entries: [{ ...WEIGHT, chunks: CHUNKS.slice(1), slice }] }, { one: true }).split(
      '\n',
    );
    is(lines[3], 'slice   [3000:3001, 0:1023:2] is in 1 of these');
    is(lines.filter(line => line.includes('.distcp')).length, 1);
  });
  test('files of no rank have no such column', () => {
    const chunks = [{ ...CHUNKS[0]!, rank: null, relativePath: 'model.safetensors' }];
    ok(!text({ entries: [{ ...WEIGHT, chunks }] }, { one: true }).includes('rank'));
  });
  test('an object: its value', () => {
    is(text({ entries: [{ ...RATE, lines: ['0.001'] }] }, { one: true }), 'lr = 0.001\n');
  });
});

suite('inspect text: what to do next', ({ test }) => {
  test('is said on a terminal, within its width, and not in a pipe', () => {
    const lines = text({}, {}, 40).trimEnd().split('\n');
    ok(lines.at(-1)!.endsWith('whole.'));
    ok(
      lines.every(line => line.length <= 40),
      lines.join('\n'),
    );
    ok(!text({}, {}).includes('Add a name'));
  });
});

suite('inspect text: balance', ({ each }) => {
  const share = (rank: number, itemByteLength: number) => ({ rank, files: 1, items: 1, itemByteLength });
  const file = (relativePath: string, itemByteLength: number) => ({
    ...REPORT.files[0]!,
    relativePath,
    itemByteLength,
  });
  each(
    [
      [{ rankShares: [share(0, 1024), share(1, 1024)] }, 'balance       even: 2 ranks of 1.00 KiB each'],
      [
        { rankShares: [share(0, 300), share(1, 100), share(2, 200)] },
        'balance       3 ranks, from 100 B (rank 1) to 300 B (rank 0), 1.50 times the mean',
      ],
      [
        { rankShares: [], files: [file('a.safetensors', 100), file('b.safetensors', 300)] },
        'balance       2 files, from 100 B (a.safetensors) to 300 B (b.safetensors), 1.50 times the mean',
      ],
      [{ rankShares: [], files: [file('model.pth', 100)] }, undefined],
    ] as [Partial<InspectReport>, string | undefined][],
    ([, line]) => line ?? 'one file',
    ([change, line]) =>
      is(
        text(change, {})
          .split('\n')
          .find(each => each.startsWith('balance')),
        line,
      ),
  );
});
