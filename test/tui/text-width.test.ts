import {
  displayWidth,
  padEnd,
  padStart,
  shortenEnd,
  shortenMiddle,
  wrapWords,
} from '../../src/tui/text-width.js';
import { equal, is, suite } from '../suite.js';

suite('text width', ({ each, test }) => {
  each(
    [
      ['', 0],
      ['weight', 6],
      ['modèle', 6],
      ['mode\u0300le', 6],
      ['模型', 4],
      ['ﾊﾛｰ', 3],
      ['한국', 4],
      ['🤗', 2],
      ['a🤗b', 4],
    ] as const,
    ([text, width]) => `${JSON.stringify(text)} takes ${width} columns`,
    ([text, width]) => is(displayWidth(text), width),
  );

  test('pads by columns, and never cuts', () => {
    equal([padEnd('模', 4), padStart('模', 4), padEnd('long', 2)], ['模  ', '  模', 'long']);
  });

  each(
    [
      ['short', 5, 'short'],
      ['model.layers.0.weight', 21, 'model.layers.0.weight'],
      ['model.layers.0.weight', 20, 'model.la....0.weight'],
      ['model.layers.0.weight', 11, 'mode...ight'],
      ['abcdefgh', 5, 'a...h'],
      ['abcdefgh', 4, 'abcd'],
      ['abcdefgh', 0, ''],
      ['模型模型模型', 7, '模...型'],
      ['模型模型模型', 8, '模...型'],
    ] as const,
    ([text, width]) => `${text} in ${width} columns, cut in the middle`,
    ([text, width, short]) => {
      is(shortenMiddle(text, width), short);
      is(displayWidth(short) <= width, true);
    },
  );

  each(
    [
      ['value', 5, 'value'],
      ['longer value', 9, 'longer...'],
      ['abcdefgh', 4, 'a...'],
      ['abcdefgh', 3, 'abc'],
    ] as const,
    ([text, width]) => `${text} in ${width} columns, cut at the end`,
    ([text, width, short]) => is(shortenEnd(text, width), short),
  );

  each(
    [
      ['', 10, ['']],
      ['one two three', 7, ['one two', 'three']],
      ['one two three', 100, ['one two three']],
      ['a verylongword b', 5, ['a', 'verylongword', 'b']],
      ['模型 模型', 8, ['模型', '模型']],
    ] as const,
    ([text, width]) => `${JSON.stringify(text)} wrapped to ${width}`,
    ([text, width, lines]) => equal(wrapWords(text, width), [...lines]),
  );
});
