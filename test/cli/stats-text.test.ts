import { statsText } from '../../src/cli/stats-text.js';
import { styleFor } from '../../src/cli/style.js';
import type { StatsEntry, StatsReport } from '../../src/ops/stats.js';
import { displayWidth } from '../../src/tui/text-width.js';
import { equal, is, ok, suite } from '../suite.js';

const NUMBERS = {
  count: 4096,
  nanCount: 0,
  positiveInfCount: 0,
  negativeInfCount: 0,
  zeroCount: 0,
  subnormalCount: 0,
  min: -5.40625,
  max: 5.21875,
  mean: 6.336462e-5,
  std: 0.99981967,
  norm: 5791.574,
};
const WEIGHT: StatsEntry = {
  ...NUMBERS,
  elementCount: 4096,
  fqn: 'model.layers.0.weight',
  dtype: 'bfloat16',
  dtypeShort: 'bf16',
  size: [64, 64],
  byteLength: 8192,
};
const REPORT: StatsReport = {
  schema: 1,
  path: 'ckpt',
  format: 'dcp',
  device: { name: 'cpu', label: 'CPU, main thread', isGpu: false, limits: [] },
  tensors: 1,
  parameters: 4096,
  byteLength: 8192,
  crc: { checked: 1, partlyRead: 0, withoutCrc: 0 },
  total: NUMBERS,
  dtypes: [{ ...NUMBERS, dtype: 'bfloat16', tensors: 1, byteLength: 8192 }],
  problems: [],
  entries: [WEIGHT],
};
const text = (change: Partial<StatsReport> = {}, columns?: number, colors = false): string[] =>
  statsText({ ...REPORT, ...change }, { columns, style: styleFor(colors), seconds: 0.5 }).split('\n');
const noteOf = (change: Partial<StatsEntry>): string => {
  const [head, line] = text({ entries: [{ ...WEIGHT, ...change }] }) as [string, string];
  const start = head.indexOf('notes');
  return start < 0 ? '' : line.slice(start, line.indexOf('model.')).trim();
};

suite('stats text', ({ each, test }) => {
  test('a healthy tensor has no notes, and the summary says so', () => {
    equal(text(), [
      'dtype  shape        min    max      mean     std  norm  name',
      'bf16   [64, 64]  -5.406  5.219  6.336e-5  0.9998  5792  model.layers.0.weight',
      '',
      'tensors    1, 4,096 parameters, 8.00 KiB (8,192 bytes)',
      'all        min -5.406, max 5.219, mean 6.336e-5, std 0.9998, norm 5792',
      'checksums  1 storage checked, all good',
      'time       0.50 s',
      'device     CPU, main thread',
      'healthy    no NaN, no Inf',
      '',
    ]);
  });

  const NOTES: readonly [note: string, change: Partial<StatsEntry>][] = [
    ['3 NaN', { nanCount: 3 }],
    ['3 NaN, 1,200 Inf', { nanCount: 3, positiveInfCount: 1000, negativeInfCount: 200 }],
    ['all zero', { zeroCount: 4096 }],
    ['50 % zero', { zeroCount: 2048 }],
    ['', { zeroCount: 2047 }],
    ['1 % subnormal', { subnormalCount: 41 }],
    ['', { subnormalCount: 40 }],
    ['', { count: 1, zeroCount: 1 }],
  ];
  each(
    NOTES,
    ([note, change]) => `${JSON.stringify(change)}: ${note || 'nothing'}`,
    ([note, change]) => is(noteOf(change), note),
  );

  test('problems stand at the end, in place of health', () => {
    const lines = text({
      problems: [
        { kind: 'nan', tensors: 2, count: 1234, first: 'a.b' },
        { kind: 'all_zero', tensors: 1, count: 66, first: 'c' },
      ],
    });
    equal(lines.slice(-3), ['NaN        1,234 in 2 tensors, first a.b', 'all zero   1 tensor, first c', '']);
  });

  test('sick tensors are in colour, healthy ones are not', () => {
    const [, sick, zero, healthy] = text(
      {
        entries: [{ ...WEIGHT, nanCount: 1 }, { ...WEIGHT, zeroCount: 4096 }, WEIGHT],
        problems: [{ kind: 'nan', tensors: 1, count: 1, first: 'a' }],
      },
      undefined,
      true,
    );
    ok(sick!.startsWith('\u001b[31m'));
    ok(zero!.startsWith('\u001b[33m'));
    ok(!healthy!.includes('\u001b'));
  });

  test('a tensor without finite numbers has dashes', () => {
    const none = { min: null, max: null, mean: null, std: null, norm: null };
    const [, line] = text({ entries: [{ ...WEIGHT, ...none, count: 0, elementCount: 0, size: [0] }] });
    is(line!.split(/ {2,}/).slice(2, 7).join(' '), '- - - - -');
    ok(text({ total: { ...NUMBERS, ...none } }).includes('all        no finite numbers'));
  });

  const WIDTHS: readonly [columns: number, kept: string][] = [
    [100, 'dtype shape min max mean std norm name'],
    [70, 'dtype min max mean std norm name'],
    [60, 'dtype min max std norm name'],
    [50, 'dtype min max norm name'],
    [42, 'dtype min max name'],
    [34, 'dtype max name'],
    [20, 'dtype name'],
  ];
  each(
    WIDTHS,
    ([columns]) => `in ${columns} columns`,
    ([columns, kept]) => {
      const [head, line] = text({}, columns) as [string, string];
      is(head.trim().split(/ +/).join(' '), kept);
      if (columns > 30) ok(displayWidth(line) <= columns, line);
    },
  );

  test('where types differ, each has its line', () => {
    const other = {
      ...NUMBERS,
      dtype: 'int64',
      tensors: 1,
      byteLength: 8,
      min: 3n,
      max: 2n ** 62n,
      zeroCount: 2,
    };
    const lines = text({ dtypes: [REPORT.dtypes[0]!, other] });
    ok(lines.includes('int64      min 3, max 4.612e+18, mean 6.336e-5, std 0.9998, norm 5792; 2 zero'));
  });

  test('names from a checkpoint cannot reach the terminal raw', () => {
    const lines = text({ entries: [{ ...WEIGHT, fqn: 'a\u001b[31m' }] });
    ok(lines.some(line => line.endsWith('a\\x1b[31m')));
  });

  test('what a device is not exact in is said', () => {
    const device = { ...REPORT.device, limits: ['float64 is counted on the CPU'] };
    ok(text({ device }).some(line => line.endsWith('float64 is counted on the CPU')));
  });

  each(
    [
      ['cpu', '--no-crc'],
      ['webgpu', 'webgpu checks none'],
    ] as const,
    ([name]) => `why no checksum was looked at on ${name}`,
    ([name, reason]) => {
      const { crc: _, ...rest } = REPORT;
      const text = statsText(
        { ...rest, device: { ...REPORT.device, name } },
        { columns: undefined, style: styleFor(false), seconds: 1 },
      );
      ok(text.includes(`not checked (${reason})`), text);
    },
  );
});
