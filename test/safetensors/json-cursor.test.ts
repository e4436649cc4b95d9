import { JsonCursor } from '../../src/safetensors/json-cursor.js';
import { equal, suite, throws } from '../suite.js';

/** What Python's `json` and RFC 8259 say of each text as a whole value. */
const ACCEPTED = [
  '0',
  '-0.5e+3',
  'true',
  'null',
  '""',
  '"\\u00e9\\n"',
  '[]',
  '[1, [2, {}]]',
  '{"a": {"b": [true, false]}}',
  ' \t\r\n1 ',
];
const REFUSED = [
  '',
  '01',
  '1.',
  '.5',
  '+1',
  'NaN',
  'Infinity',
  'tru',
  "'a'",
  '"\t"',
  '"\\x"',
  '"a',
  '[1,]',
  '[,1]',
  '[1 2]',
  '{"a"}',
  '{"a":1,}',
  '{a:1}',
  '{"a":1 "b":2}',
  '1 2',
  '\u00a01',
];

function skip(text: string): void {
  const cursor = new JsonCursor(text);
  cursor.skipValue();
  cursor.end();
}

suite('safetensors/json-cursor', ({ test, each }) => {
  each(
    ACCEPTED,
    text => `takes ${text}`,
    text => skip(text),
  );
  each(
    REFUSED,
    text => `refuses ${text}`,
    text => void throws(() => skip(text), { code: 'format' }),
  );

  test('members come in the order of the text, whatever their names', () => {
    const names: string[] = [];
    const cursor = new JsonCursor('{"b":1,"1":2,"0":3,"__proto__":4}');
    cursor.object(name => names.push(`${name}=${cursor.integer()}`));
    equal(names, ['b=1', '1=2', '0=3', '__proto__=4']);
  });

  test('a name twice is refused at any depth, with its position', () => {
    const error = throws(() => skip('{"x":[{"a":1,"a":2}]}'), { code: 'format', message: /same name.*"a"/ });
    equal(error.context.byteOffset, 13);
  });

  test('two spellings of a name are one name', () => {
    throws(() => skip('{"a":1,"\\u0061":2}'), { code: 'format', message: /same name/ });
  });

  each(
    ['1.0', '1e3', '-1', '"1"', 'null'],
    text => `${text} is no integer`,
    text => void throws(() => new JsonCursor(text).integer(), { code: 'format', message: /integer/ }),
  );

  test('integers are exact or refused', () => {
    equal(new JsonCursor('9007199254740991').integer(), 2 ** 53 - 1);
    throws(() => new JsonCursor('9007199254740992').integer(), { code: 'limit' });
  });

  test('a string of megabytes is one step, and nesting has a limit', () => {
    const long = `"${'\\"x'.repeat(2_000_000)}"`;
    equal(new JsonCursor(long).string().length, 4_000_000);
    throws(() => skip('['.repeat(100_000)), { code: 'limit', message: /nested/ });
  });
});
