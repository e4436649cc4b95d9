import {
  columnText,
  fit,
  lineWidth,
  nameText,
  span,
  spread,
  tableLines,
  wrapHard,
} from '../../../src/tui/explore/line.js';
import { paint } from '../../../src/tui/explore/palette.js';
import { equal, is, suite } from '../../suite.js';

const text = (spans: readonly { text: string }[]): string => spans.map(part => part.text).join('');

suite('explorer: lines', ({ test, each }) => {
  each<readonly [spans: string[], width: number, expected: string]>(
    [
      [['ab', 'cd'], 6, 'abcd  '],
      [['ab', 'cd'], 4, 'abcd'],
      [['ab', 'cdefgh'], 6, 'abc...'],
      [['層層', 'x'], 4, '層層'],
      [['層層層'], 5, '層...'],
      [['層層層'], 4, '... '],
      [[], 3, '   '],
      [['ab'], 0, ''],
    ],
    ([spans, width]) => `${spans.join('|')} in ${width}`,
    ([spans, width, expected]) => {
      const fitted = fit(
        spans.map(part => span(part)),
        width,
      );
      is(lineWidth(fitted), width);
      is(text(fitted), expected);
    },
  );

  each<readonly [width: number, expected: string]>(
    [
      [12, 'left   right'],
      [10, 'left right'],
      [8, 'le right'],
      [6, 'left  '],
    ],
    ([width]) => `two ends of ${width} columns`,
    ([width, expected]) => is(text(spread([span('left')], [span('right')], width)), expected),
  );

  each<readonly [name: string, shown: string]>(
    [
      ['plain', 'plain'],
      ['a\u001b[31mb', 'a\\x1b[31mb'],
      ['\u202eabc', '\\u202eabc'],
      ['👨\u200d👩', '👨\\u200d👩'],
      ['❤\ufe0f', '❤\\ufe0f'],
      ['🇩🇪', '\\U0001f1e9\\U0001f1ea'],
      ['層', '層'],
      ['e\u0301', 'e\u0301'],
    ],
    ([name]) => JSON.stringify(name),
    ([name, shown]) => is(columnText(name), shown),
  );

  test('names are cut in the middle', () => is(nameText('layers.0.attention.weight', 15), 'layers...weight'));

  test('text is broken anywhere, wide characters whole', () => {
    equal(wrapHard('abcdef', 4), ['abcd', 'ef']);
    equal(wrapHard('層層層', 5), ['層層', '層']);
    equal(wrapHard('層', 1), ['層']);
    equal(wrapHard('', 4), ['']);
  });

  test('columns of a table are as wide as their widest cell', () => {
    const rows = [
      [span('a'), span('1'), span('x')],
      [span('層'), span('22'), span('y')],
    ];
    equal(tableLines(rows, [1]).map(text), ['a    1  x', '層  22  y']);
  });

  test('looks: with colours, without, and none for plain text', () => {
    const line = [span('a'), span('b', 'error'), span('c', 'rank9')];
    is(paint(line, '256'), 'a\u001b[31mb\u001b[0m\u001b[30;48;5;150mc\u001b[0m');
    is(paint(line, '16'), 'a\u001b[31mb\u001b[0m\u001b[30;45mc\u001b[0m');
    is(paint(line, 'none'), 'a\u001b[1mb\u001b[0m\u001b[7mc\u001b[0m');
  });
});
