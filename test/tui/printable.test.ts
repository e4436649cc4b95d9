import { printable, printableDeep, printableJson } from '../../src/tui/printable.js';
import { equal, is, ok, suite } from '../suite.js';

/** What must never reach a terminal from a file, and what is printed for it. */
const UNSAFE: readonly (readonly [what: string, text: string, printed: string])[] = [
  ['a colour', '\u001b[31mred', '\\x1b[31mred'],
  ['a window title', '\u001b]0;title\u0007', '\\x1b]0;title\\x07'],
  ['CSI as one character', '\u009b2J', '\\x9b2J'],
  ['NUL', 'a\0b', 'a\\x00b'],
  ['delete', '\u007f', '\\x7f'],
  ['line breaks and tabs', 'a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['line separator', 'a\u2028b\u2029', 'a\\u2028b\\u2029'],
  ['text turned around', 'layer\u202egnp.', 'layer\\u202egnp.'],
  ['isolates', '\u2066a\u2069', '\\u2066a\\u2069'],
  ['no width', 'a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
  ['soft hyphen', 'a\u00adb', 'a\\xadb'],
  ['tag characters', '\u{e0041}', '\\U000e0041'],
  ['a lone surrogate', 'a\ud800b', 'a\\ud800b'],
];

suite('printable', ({ each, test }) => {
  each(
    UNSAFE,
    ([what]) => `shows ${what}`,
    ([, text, printed]) => is(printable(text), printed),
  );

  each(
    ['', 'model.layers.0.weight', 'modèle.couche', '模型.权重', '🤗', 'क्‍ष', 'C:\\data\\run', '{"a": [1]}'],
    text => `leaves ${JSON.stringify(text)} alone`,
    text => is(printable(text), text),
  );

  test('goes through all texts of plain data, and leaves the rest', () => {
    const report = { name: 'a\u001b', list: ['\u009b', 1, null, { deep: 'b\n', yes: true }] };
    equal(printableDeep(report), { name: 'a\\x1b', list: ['\\x9b', 1, null, { deep: 'b\\n', yes: true }] });
    is(report.name, 'a\u001b', 'the report itself is not changed');
  });

  each(
    UNSAFE,
    ([what]) => `JSON with ${what} is the same document, in safe characters`,
    ([, text]) => {
      const json = printableJson(JSON.stringify({ text }));
      equal(JSON.parse(json), { text });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
      ok(/^[^\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]*$/.test(json), json);
    },
  );
});
