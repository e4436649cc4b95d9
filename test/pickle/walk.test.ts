import { PyDict } from '../../src/pickle/dict.js';
import { PyGlobal, PyList, PyObject, PySet, PyTuple, type PyValue } from '../../src/pickle/values.js';
import { walkValue } from '../../src/pickle/walk.js';
import { equal, is, suite } from '../suite.js';

const paths = (value: PyValue, enters = (_: PyValue): boolean => true): string[] =>
  [...walkValue(value, enters)].map(({ path }) => path);
const list = (...items: PyValue[]): PyList => new PyList(items);

suite('walkValue', ({ test, each }) => {
  each<readonly [name: string, value: PyValue, expected: string[]]>(
    [
      ['a number', 1, []],
      ['numbers in a list', list(1, 'a', null), ['']],
      ['lists in a list', list(list(1), 2, list(list())), ['', '[0]', '[2]', '[2][0]']],
      ['tuples', new PyTuple([1, new PyTuple([list()])]), ['', '[1]', '[1][0]']],
      [
        'a dict',
        PyDict.of([
          ['a', list()],
          [1, 2],
          [2, list()],
        ]),
        ['', "['a']", '[2]'],
      ],
      ['a set', new PySet([1, new PyTuple([1])]), ['', ' item (1,)']],
      [
        'an object',
        new PyObject('reduce', new PyGlobal('m', 'C'), new PyTuple([list()])),
        ['', '.args', '.args[0]'],
      ],
    ],
    ([name]) => name,
    ([, value, expected]) => equal(paths(value), expected),
  );

  test('what stands in several places comes once', () => {
    const shared = list();
    equal(paths(list(shared, list(shared))), ['', '[0]', '[1]']);
    const cyclic = list();
    cyclic.items.push(cyclic);
    equal(paths(cyclic), ['']);
  });

  test('what is not entered is told, and nothing inside it', () => {
    const inner = list(list());
    equal(
      paths(list(inner, list()), value => value !== inner),
      ['', '[0]', '[1]'],
    );
  });

  test('a million values in one list', () => {
    const many = list(...Array.from({ length: 1000 }, () => list()));
    const huge = list();
    for (let i = 0; i < 1000; i++) huge.items.push(...Array.from({ length: 1000 }, () => list()));
    is(paths(many).length, 1001);
    is(paths(huge).length, 1_000_001);
  });
});
