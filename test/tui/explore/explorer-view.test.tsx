import { setTimeout } from 'node:timers/promises';
import { render } from 'ink-testing-library';
import { ExplorerView } from '../../../src/tui/explore/explorer-view.js';
import { loadKey, shownLoad } from '../../../src/tui/explore/loads.js';
import { type ExplorerEvent, explorerReducer } from '../../../src/tui/explore/reducer.js';
import { type ExplorerState, initialState, type Loaded } from '../../../src/tui/explore/state.js';
import { buildTree } from '../../../src/tui/explore/tree-model.js';
import { displayWidth } from '../../../src/tui/text-width.js';
import { equal, is, match, ok, suite } from '../../suite.js';
import { checkpointOf, MODEL_ENTRIES, objectEntry, tensorEntry } from './entries.js';

/** That library's terminal has 100 columns. */
const COLUMNS = 100;

function start(entries = MODEL_ENTRIES, lines = 16, overrides = {}): ExplorerState {
  const checkpoint = checkpointOf(entries, overrides);
  return initialState(checkpoint, buildTree(entries, 'step-7'), { columns: COLUMNS, lines });
}

const after = (state: ExplorerState, ...events: ExplorerEvent[]): ExplorerState =>
  events.reduce(explorerReducer, state);

function withRead(state: ExplorerState, result: Loaded): ExplorerState {
  return explorerReducer(state, { type: 'loaded', key: loadKey(shownLoad(state)!), result });
}

function frameOf(state: ExplorerState, unicode = true): string[] {
  const { lastFrame, unmount } = render(
    <ExplorerView state={state} depth="none" unicode={unicode} onKeys={() => {}} />,
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: looks of lines.
  const frame = (lastFrame() ?? '').replace(/\u001b\[[\d;]*m/g, '');
  unmount();
  return frame.split('\n').map(line => line.trimEnd());
}

const LARGEST: ExplorerEvent = { type: 'size', direction: 1 };

suite('explorer: view', ({ test, each }) => {
  test('tree and map', () => {
    equal(frameOf(after(start(), LARGEST)), [
      ' run/step-7  DCP directory, 6 tensors, 635 B',
      ' ▾ step-7                             635 B │ model.layers.10.attn.wq.weight',
      '   ▾ model.layers                     528 B │ float32  [16, 4]  256 B',
      '     ▸ 0                              136 B │ 1 layout   2 values   3 statistics',
      '     ▸ 1                              136 B │',
      '▌      10.attn.wq.weight              256 B │ 2 chunks on 2 ranks, cut along dimension 0',
      '   ▸ optim                            107 B │',
      '                                            │    0              4',
      '                                            │  0 0000000000000000',
      '                                            │    0000000000000000',
      '                                            │  8 1111111111111111',
      '                                            │    1111111111111111',
      '                                            │ 16',
      '                                            │',
      '                                            │ rank  box          file          offset  bytes',
      ' number 1 by size',
    ]);
  });

  test('values under their places', () => {
    const state = after(start(), LARGEST, { type: 'tab', tab: 'values' });
    const { box } = shownLoad(state) as Extract<ReturnType<typeof shownLoad>, { kind: 'window' }>;
    const texts = Array.from({ length: box.sizes[0]! * box.sizes[1]! }, (_, i) =>
      i === 5 ? 'nan' : `0.${i}`,
    );
    const detail = frameOf(withRead(state, { state: 'window', window: { ...box, texts } })).map(line =>
      line.slice(46),
    );
    equal(detail.slice(3, 10), [
      '1 layout   2 values   3 statistics',
      '',
      '[0:7, 0:4] of [16, 4]',
      'rank 0, __0_0.distcp',
      '              0           1           2           3',
      ' 0          0.0         0.1         0.2         0.3',
      ' 1          0.4         nan         0.6         0.7',
    ]);
  });

  test('statistics and histogram', () => {
    const state = after(start(), LARGEST, { type: 'tab', tab: 'statistics' });
    const stats = {
      fqn: '',
      dtype: 'float32',
      dtypeShort: 'f32',
      size: [16, 4],
      byteLength: 256,
      elementCount: 64,
      count: 64,
      nanCount: 1,
      positiveInfCount: 1,
      negativeInfCount: 1,
      zeroCount: 0,
      subnormalCount: 0,
      min: -1,
      max: 1,
      mean: 0.25,
      std: 0.5,
      norm: 8,
    };
    const histogram = { min: -1, max: 1, counts: [1, 0, 60], total: 61 };
    const shown = withRead(state, { state: 'statistics', statistics: { stats, histogram, isWhole: true } });
    equal(
      frameOf(shown)
        .map(line => line.slice(46))
        .slice(5, 15),
      [
        'min       -1    numbers    64',
        'max        1    zeros      0',
        'mean  0.2500    NaN        1',
        'std   0.5000    Inf        2',
        'norm       8    subnormal  0',
        '',
        'finite numbers from each value on',
        `     -1 ▊${' '.repeat(43)}1`,
        `-0.3333 ${' '.repeat(44)}0`,
        ` 0.3333 ${'█'.repeat(42)} 60`,
      ],
    );
  });

  each<readonly [name: string, state: ExplorerState, wanted: RegExp]>(
    [
      ['being read', after(start(), LARGEST, { type: 'tab', tab: 'values' }), /│ reading$/],
      [
        'what cannot be read',
        withRead(after(start(), LARGEST, { type: 'tab', tab: 'values' }), {
          state: 'failed',
          message: 'A data file is missing',
          hint: 'Copy it.',
        }),
        /│ A data file is missing\n.*│ Copy it\.$/,
      ],
      [
        'a large tensor',
        after(start([tensorEntry('w', [1 << 14, 1 << 11])]), LARGEST, { type: 'tab', tab: 'statistics' }),
        /To count these, 128 MiB are read\.\n.*Enter begins\./,
      ],
      [
        'an object',
        withRead(after(start([objectEntry('lr', 7)]), { type: 'move', by: 1 }), {
          state: 'lines',
          holder: objectEntry('optim'),
          tensors: [],
          lines: ["{'a': 1,", " 'b\u001b': 2}"],
        }),
        /Python object {2}7 B\n.*\n.*│ \{'a': 1,\n.*│ {2}'b\\x1b': 2\}$/,
      ],
      ['nothing in it', start([]), /The checkpoint holds nothing\./],
      [
        'a missing file',
        start(MODEL_ENTRIES, 20, {
          completeness: 'files_missing',
          files: [{ relativePath: '__0_0.distcp', byteLength: null, rank: 0 }],
        }),
        /NOT COMPLETE\n[\s\S]*complete {2}NO: files are missing\n.*missing {3}__0_0\.distcp$/,
      ],
      ['an index on its own', start(MODEL_ENTRIES, 20, { completeness: 'index_only' }), /index only\n/],
      ['bytes of ranks', start(MODEL_ENTRIES, 30), /rank 0 {2}300 B {2}█+\n.*rank 1 {2}200 B {2}█+/],
      [
        'no elements',
        after(start([tensorEntry('w', [0, 3])]), LARGEST, { type: 'tab', tab: 'values' }),
        /The tensor has no elements\./,
      ],
      ['help', after(start(), { type: 'help' }), /Move\n {3}↑ k {6}up\n/],
      [
        'what is typed',
        after(start(), { type: 'prompt', kind: 'search' }, { type: 'text', text: 'w' }),
        /\n \/w▏ +\d+ found$/,
      ],
      ['tiny', after(start(), { type: 'resize', columns: 20, lines: 5 }), /^too small, q quits/],
    ],
    ([name]) => name,
    ([, state, wanted]) => {
      const text = frameOf(state).join('\n');
      const inLines = new RegExp(wanted.source, 'm');
      ok(inLines.test(text), text);
    },
  );

  const odd = [
    tensorEntry(['層'.repeat(60), 'x'], [3]),
    tensorEntry(['層'.repeat(60), '👨‍👩‍👧 ❤️ e\u0301 \u202e\u001b[31m'], [3]),
    tensorEntry('a'.repeat(500), [1, 2, 3, 4, 5, 6, 7, 8], 'float8_e4m3fnuz'),
    objectEntry('\u0007\u009b2J'),
  ];
  each<readonly [columns: number, lines: number]>(
    [
      [24, 6],
      [40, 10],
      [72, 24],
      [80, 24],
      [120, 40],
      [200, 60],
    ],
    ([columns, lines]) => `every line of ${columns} × ${lines} fills its columns, whatever names there are`,
    async ([columns, lines]) => {
      const { screenLines } = await import('../../../src/tui/explore/screen-lines.js');
      const small = after(start([...odd, ...MODEL_ENTRIES]), { type: 'resize', columns, lines });
      let state = after(small, { type: 'fold', all: false });
      for (let row = 0; row < state.rows.length; row++) {
        for (const tab of ['layout', 'values', 'statistics'] as const) {
          for (const pane of ['tree', 'detail'] as const) {
            state = after(
              { ...state, pane: 'tree' },
              { type: 'end', of: 'first' },
              { type: 'move', by: row },
            );
            state = after(state, { type: 'tab', tab }, { type: 'pane', pane });
            const shown = screenLines({ ...state, pane }, { colors: true, unicode: true });
            is(shown.length, lines);
            for (const spans of shown) {
              const text = spans.map(part => part.text).join('');
              is(displayWidth(text), columns, text);
              // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there.
              ok(!/[\u0000-\u001f\u007f-\u009f\u202e]/.test(text), text);
            }
          }
        }
      }
    },
  );

  test('plain ASCII where the terminal shows nothing else', () => {
    for (const state of [
      start(),
      after(start(), LARGEST),
      after(start(), { type: 'prompt', kind: 'search' }),
    ]) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII.
      match(frameOf(state, false).join('\n'), /^[\u0000-\u007f]*$/);
    }
  });

  test('keys that are pressed come in order', async () => {
    const keys: string[] = [];
    const { stdin, unmount } = render(
      <ExplorerView state={start()} depth="256" unicode={true} onKeys={pressed => keys.push(...pressed)} />,
    );
    await setTimeout(20);
    for (const input of [
      'j',
      '\u001b[A',
      '\u001b[5~',
      '\u001b[H',
      'ab\r',
      '\t',
      '\u001b[Z',
      '\u007f',
      '\u0003',
    ]) {
      stdin.write(input);
      await setTimeout(5);
    }
    unmount();
    equal(keys, ['j', 'up', 'pageup', 'home', 'a', 'b', 'return', 'tab', 'shift-tab', 'backspace', 'ctrl-c']);
  });
});
