import { type ConvertTextOptions, convertText, noticeText } from '../../src/cli/convert-text.js';
import { styleFor } from '../../src/cli/style.js';
import type { ConvertResult } from '../../src/ops/convert.js';
import { displayWidth } from '../../src/tui/text-width.js';
import { is, ok, suite } from '../suite.js';

const GIB = 1024 ** 3;
const RESULT: ConvertResult = {
  mode: 'dcp_to_torch',
  status: 'converted',
  source: 'ckpt',
  destination: 'out.pth',
  tensors: 1234,
  objects: 1,
  byteLength: 4 * GIB,
  outputs: [{ name: 'out.pth', byteLength: 4 * GIB + 4096 }],
  crc: { checked: 1234, partlyRead: 0, withoutCrc: 0 },
  crcChecked: true,
  replicas: 0,
  casts: [],
  ties: [],
  losses: [],
  lost: [],
  warnings: [],
  globals: [],
  loadsWithWeightsOnly: true,
  workers: 2,
  leftBehind: [],
};
const OPTIONS: ConvertTextOptions = {
  seconds: 2,
  isChosen: false,
  crc: true,
  columns: undefined,
  style: styleFor(false),
};

const text = (change: Partial<ConvertResult> = {}, options: Partial<ConvertTextOptions> = {}): string =>
  convertText({ ...RESULT, ...change }, { ...OPTIONS, ...options });

/** The line of a label. */
const lineOf = (label: string, ...args: Parameters<typeof text>): string =>
  text(...args)
    .split('\n')
    .find(line => line.startsWith(`  ${label} `))!
    .slice(2 + label.length)
    .trim();

suite('convert text', ({ each, test }) => {
  test('the whole of a plain result', () => {
    is(
      text(),
      [
        'Converted DCP directory to torch.save file',
        '  from       ckpt',
        '  to         out.pth',
        '  content    1,234 tensors, 1 object, 4.00 GiB (4,294,967,296 bytes)',
        '  written    1 file, 4.00 GiB (4,294,971,392 bytes)',
        '  time       2 s, 2.00 GiB/s, 2 threads',
        '  checksums  1,234 storages checked, all good',
        '',
      ].join('\n'),
    );
  });

  test('a plan has its outputs, and neither time nor checksums', () => {
    const { crc: _crc, workers: _workers, ...rest } = RESULT;
    const outputs = [
      { name: '__0_0.distcp', byteLength: 2048 },
      { name: '.metadata', byteLength: 100 },
    ];
    is(
      convertText({ ...rest, mode: 'torch_to_dcp', status: 'planned', outputs }, OPTIONS),
      [
        'Plan, nothing written: torch.save file to DCP directory',
        '  from         ckpt',
        '  to           out.pth',
        '  content      1,234 tensors, 1 object, 4.00 GiB (4,294,967,296 bytes)',
        '  would write  __0_0.distcp, 2.00 KiB (2,048 bytes)',
        '               .metadata, 100 bytes',
        '',
      ].join('\n'),
    );
  });

  test('what exists already is compared, not written', () => {
    const up = text({ status: 'up_to_date' });
    ok(up.startsWith('Up to date, nothing written: DCP directory to torch.save file\n'), up);
    is(lineOf('compared', { status: 'up_to_date' }), '1 file, 4.00 GiB (4,294,971,392 bytes)');
  });

  each(
    [
      [{ checked: 1, partlyRead: 0, withoutCrc: 0 }, '1 storage checked, all good'],
      [
        { checked: 2, partlyRead: 1, withoutCrc: 0 },
        '2 storages checked, all good; 1 storage read in part, so not checked',
      ],
      [{ checked: 0, partlyRead: 0, withoutCrc: 3 }, '3 storages saved without checksums, so not checked'],
      [{ checked: 0, partlyRead: 0, withoutCrc: 0 }, 'no bytes to check'],
    ] as const,
    ([, line]) => line,
    ([crc, line]) => is(lineOf('checksums', { crc }), line),
  );

  test('--no-crc is said', () => {
    is(lineOf('checksums', {}, { crc: false }), 'not checked (--no-crc)');
  });

  test('small conversions have no rate, one thread is not told', () => {
    is(lineOf('time', { byteLength: 1000, workers: 1 }, { seconds: 0.05 }), '0.05 s');
  });

  test('replicas are told', () => {
    is(
      lineOf('content', { replicas: 2, byteLength: 8 }),
      '1,234 tensors, 1 object, 8 bytes, 2 replicated chunks left out',
    );
  });

  const losses: ConvertResult['losses'] = [
    { kind: 'strides', count: 1, first: 'w', reason: 'another memory order' },
    { kind: 'key_type', count: 1200, first: 'optim.state.0', reason: 'keys are text' },
  ];

  test('losses have kind, count, first place and reason', () => {
    ok(
      text({ losses }).endsWith(
        '  not kept   strides (w): another memory order\n' +
          '             key_type (1,200 times, first optim.state.0): keys are text\n',
      ),
      text({ losses }),
    );
  });

  test('on a terminal lines are broken to fit', () => {
    const lines = text({ losses }, { columns: 50 }).split('\n');
    ok(
      lines.every(line => displayWidth(line) <= 50),
      lines.join('\n'),
    );
    ok(lines.includes('             optim.state.0): keys are text'), lines.join('\n'));
  });

  test('untrusted names cannot steer the terminal', () => {
    const hostile = '\u001b[2J\n\u009b';
    const shown = text({
      source: hostile,
      destination: hostile,
      losses: [{ kind: 'strides', count: 1, first: hostile, reason: hostile }],
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
    ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(shown));
    is(shown.split('\n').length, 9);
  });
});

suite('notices', ({ each, test }) => {
  const notice = (change: Partial<ConvertResult>): string => noticeText({ ...RESULT, ...change }, OPTIONS);

  each(
    [
      [{}, ''],
      [{ warnings: [{ kind: 'torn_overwrite', message: 'Torn.' }] }, 'dcp: warning: Torn.\n'],
      [
        {
          globals: [
            { name: 'a.B', dangerous: false, fqn: 'x' },
            { name: 'c.D', dangerous: false },
          ],
        },
        "dcp: warning: torch.load(weights_only=True) refuses what is not on torch's list: a.B (first in x), c.D\n",
      ],
      [
        { globals: [{ name: 'os.system', dangerous: true, fqn: 'x\u001b' }] },
        'dcp: warning: loading this in Python runs os.system (first in x\\x1b): do not, unless you know why it is there\n',
      ],
      [{ leftBehind: ['.tmp'] }, 'dcp: warning: this temporary could not be removed: .tmp\n'],
    ] as [Partial<ConvertResult>, string][],
    ([, line]) => line.slice(0, 60) || 'nothing to say',
    ([change, line]) => is(notice(change), line),
  );

  test('on a terminal a notice is broken between words', () => {
    const warnings: ConvertResult['warnings'] = [{ kind: 'torn_overwrite', message: 'one two three four' }];
    const options = { columns: 24, style: styleFor(true) };
    is(
      noticeText({ ...RESULT, warnings }, options),
      '\u001b[33mdcp: warning:\u001b[39m one two\nthree four\n',
    );
  });

  test('many globals are counted', () => {
    const globals = Array.from({ length: 25 }, (_, i) => ({ name: `m.C${i}`, dangerous: false }));
    ok(notice({ globals }).endsWith('m.C19, 5 more (--json lists all)\n'), notice({ globals }));
  });
});
