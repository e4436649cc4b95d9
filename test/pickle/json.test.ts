import { PyDict } from '../../src/pickle/dict.js';
import { toExactJson } from '../../src/pickle/json.js';
import { PyFloat, PyList, PyStr, PyTuple, type PyValue } from '../../src/pickle/values.js';
import { is, suite } from '../suite.js';

const list = (...items: PyValue[]): PyList => new PyList(items);

suite('pickle/json', ({ each, test }) => {
  // Each text is what Python's json.loads reads the value from.
  each(
    [
      [null, 'null'],
      [true, 'true'],
      [7, '7'],
      [2n ** 70n, '1180591620717411303424'],
      [PyFloat.of(1), '1.0'],
      [PyFloat.of(-0), '-0.0'],
      [PyFloat.of(1e-7), '1e-7'],
      [PyFloat.of(1e300), '1e+300'],
      [PyFloat.of(123456789012345680000), '123456789012345680000.0'],
      ['é\n', '"é\\n"'],
      [new PyStr('a'), '"a"'],
      [list(), '[]'],
      [list(1, list(2)), '[\n  1,\n  [\n    2\n  ]\n]'],
      [new PyDict(), '{}'],
      [
        PyDict.of([
          ['b', 1],
          ['1', list()],
        ]),
        '{\n  "b": 1,\n  "1": []\n}',
      ],
    ] as [PyValue, string][],
    ([, text]) => text,
    ([value, text]) => is(toExactJson(value), `${text}\n`),
  );

  const shared = list(1);
  each(
    [
      ['a tuple', new PyTuple([1])],
      ['NaN', PyFloat.of(Number.NaN)],
      ['infinity', PyFloat.of(Number.NEGATIVE_INFINITY)],
      ['bytes', new Uint8Array(1)],
      ['a key that is no text', PyDict.of([[1, 2]])],
      ['half a surrogate pair', '\ud800'],
      ['one list in two places', list(shared, shared)],
      ['something inexact inside', list(list(new PyTuple([])))],
    ] as [string, PyValue][],
    ([name]) => `not exact: ${name}`,
    ([, value]) => is(toExactJson(value), undefined),
  );

  test('leaves are asked for', () => {
    is(
      toExactJson(list('x'), leaf => (leaf === 'x' ? 3 : leaf)),
      '[\n  3\n]\n',
    );
  });
});
