import { DcpError } from '../../src/errors.js';
import { evaluate, parseExpression } from '../../src/mapping/expression.js';
import { equal, is, ok, suite } from '../suite.js';

const names: Record<string, number> = { a: 6, b_2: 4, 'config.hidden_size': 96 };

suite('expressions', ({ each }) => {
  // What Python's eval says, with // for a division without a rest.
  each(
    [
      ['12', 12],
      ['1 + 2 * 3', 7],
      ['(1 + 2) * 3', 9],
      ['20 - 3 - 2', 15],
      ['96 / 8 / 2', 6],
      ['7 // 2', 3],
      ['-7 // 2', -4],
      ['-7 % 3', 2],
      ['a * b_2 + 1', 25],
      ['config.hidden_size / a', 16],
      ['-(a - 8)', 2],
      ['  3  ', 3],
    ] as const,
    ([text]) => text,
    ([text, value]) =>
      is(
        evaluate(parseExpression(text), name => names[name]!),
        value,
      ),
  );

  each(
    ['', '1 +', '1 2', '(1', '1)', 'a..b', '1.5', 'a[0]', 'a ** 2', '**', '2 $ 3', '('.repeat(100)],
    text => `not understood: ${JSON.stringify(text.slice(0, 10))}`,
    text => {
      let caught: unknown;
      try {
        parseExpression(text);
      } catch (error) {
        caught = error;
      }
      ok(caught instanceof DcpError && caught.code === 'format', String(caught));
    },
  );

  each(
    ['7 / 2', '1 / 0', '1 // 0', '1 % 0', '9007199254740991 + 1'],
    text => `no whole number: ${text}`,
    text => {
      let caught: unknown;
      try {
        evaluate(parseExpression(text), () => 0);
      } catch (error) {
        caught = error;
      }
      ok(caught instanceof DcpError);
      equal(caught.code, 'format');
    },
  );
});
