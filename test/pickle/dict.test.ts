import { dictKey, PyDict } from '../../src/pickle/dict.js';
import {
  EMPTY_TUPLE,
  PyByteArray,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { Random } from '../random.js';
import { equal, is, ok, suite, throws } from '../suite.js';

const float = PyFloat.of;
const tuple = (...items: PyValue[]): PyTuple => new PyTuple(items);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const separate = new PyStr('\ud800\udc00', bytes(0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80));
const nan = float(Number.NaN);
const object = new PyObject('newobj', new PyGlobal('m', 'C'), EMPTY_TUPLE);

suite('dictKey: equal as Python compares', ({ each }) => {
  const rows: [name: string, PyValue, PyValue][] = [
    ['1 and True', 1, true],
    ['0 and False', 0, false],
    ['1 and 1.0', 1, float(1)],
    ['0 and -0.0', 0, float(-0)],
    ['an int of 2^53 and the float', 2n ** 53n, float(2 ** 53)],
    ['a small bigint and the number', 7n, 7],
    ['2^70 and the float', 2n ** 70n, float(2 ** 70)],
    ['inf and inf', float(Number.POSITIVE_INFINITY), float(Number.POSITIVE_INFINITY)],
    ['a str, bare or not', 'ab', new PyStr('ab')],
    ['text that begins with NUL', '\0s', new PyStr('\0s')],
    ['bytes', bytes(1, 2), bytes(1, 2)],
    ['tuples', tuple(1, 'a', tuple()), tuple(true, new PyStr('a'), EMPTY_TUPLE)],
    ['tuples of floats and ints', tuple(float(2), float(-0)), tuple(2, 0)],
    ['frozensets in any order', new PyFrozenSet([1, 'a']), new PyFrozenSet(['a', float(1)])],
    ['one class twice', new PyGlobal('torch', 'float32'), new PyGlobal('torch', 'float32')],
    ['NaN and itself', nan, nan],
    ['an object and itself in tuples', tuple(object), tuple(object)],
  ];
  each(
    rows,
    ([name]) => name,
    ([, a, b]) => {
      is(dictKey(a), dictKey(b));
      equal(
        [
          ...PyDict.of([
            [a, 1],
            [b, 2],
          ]).entries(),
        ],
        [[a, 2]],
      );
    },
  );
});

suite('dictKey: different', ({ each, test }) => {
  const rows: [name: string, PyValue, PyValue][] = [
    ['1 and "1"', 1, '1'],
    ['None and "None"', null, 'None'],
    ['0 and None', 0, null],
    ['str and bytes', 'a', bytes(97)],
    ['2^53 and 2^53 + 1', 2n ** 53n, 2n ** 53n + 1n],
    ['an int next to a float that rounds to it', 2n ** 53n + 1n, float(2 ** 53)],
    ['two NaN', nan, float(Number.NaN)],
    ['two surrogates and the character', separate, '\u{10000}'],
    ['("a", "b") and ("ab",)', tuple('a', 'b'), tuple('ab')],
    ['((1,), 2) and ((1, 2),)', tuple(tuple(1), 2), tuple(tuple(1, 2))],
    ['(1, 23) and (12, 3)', tuple(1, 23), tuple(12, 3)],
    ['(1,) and ("1",)', tuple(1), tuple('1')],
    ['(None,) and ("N",)', tuple(null), tuple('N')],
    ['tuple and frozenset', tuple(1), new PyFrozenSet([1])],
    ['module a.b, name c and module a, name b.c', new PyGlobal('a.b', 'c'), new PyGlobal('a', 'b.c')],
    ['two objects', object, new PyObject('newobj', new PyGlobal('m', 'C'), EMPTY_TUPLE)],
    ['text that looks like a composite', '\0(n1;)', tuple(1)],
    ['text that looks like escaped text', '\0s\0a', '\0a'],
  ];
  each(
    rows,
    ([name]) => name,
    ([, a, b]) => {
      ok(dictKey(a) !== dictKey(b));
      is(
        PyDict.of([
          [a, 1],
          [b, 2],
        ]).size,
        2,
      );
    },
  );
  test('what Python cannot hash', () => {
    for (const key of [new PyList(), new PyDict(), new PySet(), new PyByteArray(bytes())]) {
      throws(() => new PyDict().set(key, 1), { code: 'format', message: /cannot be a dict key/ });
      throws(() => new PyDict().get(tuple(key)), { code: 'format', message: /cannot be a dict key/ });
    }
  });
});

suite('PyDict', ({ test }) => {
  test('keeps the place and the first object of a key that is set again', () => {
    const dict = PyDict.of([
      ['a', 1],
      [1, 'int'],
      ['b', 2],
    ]);
    dict.set(float(1), 'float');
    dict.set('a', 3);
    equal(
      [...dict.entries()],
      [
        ['a', 3],
        [1, 'float'],
        ['b', 2],
      ],
    );
    equal([...dict.keys()], ['a', 1, 'b']);
    equal([...dict.values()], [3, 'float', 2]);
    equal(dict.alternating, ['a', 3, 1, 'float', 'b', 2]);
  });
  test('new dicts do not share their entries', () => {
    const [a, b] = [new PyDict(), new PyDict()];
    a.set('k', 1);
    is(b.size, 0);
    is(b.getText('k'), undefined);
  });
  test('a missing key, a key whose value is None', () => {
    const dict = PyDict.of([['a', null]]);
    is(dict.get('b'), undefined);
    is(dict.get('a'), null);
    ok(dict.has('a') && !dict.has('b') && !dict.delete('b'));
  });
  test('setAlternating: plain keys, equal keys, other keys', () => {
    const plain = new PyDict();
    plain.setAlternating(['-', 'a', 1, 'b', 2, '-'], 1, 5);
    equal(
      [...plain.entries()],
      [
        ['a', 1],
        ['b', 2],
      ],
    );
    const twice = new PyDict();
    twice.setAlternating(['a', 1, 'a', 2], 0, 4);
    equal([...twice.entries()], [['a', 2]]);
    plain.setAlternating(['b', 3, 4, 5], 0, 4);
    equal(
      [...plain.entries()],
      [
        ['a', 1],
        ['b', 3],
        [4, 5],
      ],
    );
  });
  test('small and large dicts do the same as a list of pairs', () => {
    const random = new Random(11);
    for (let round = 0; round < 200; round++) {
      const dict = new PyDict();
      const pairs: [PyValue, PyValue][] = [];
      const keys = random.int(1, 30);
      for (let step = 0; step < 60; step++) {
        const n = random.int(0, keys);
        const key = random.pick<PyValue>([n, `k${n}`, float(n), tuple(n, 'x'), new PyStr(`k${n}`)]);
        const at = pairs.findIndex(([known]) => dictKey(known) === dictKey(key));
        if (random.int(0, 3) === 0) {
          is(dict.delete(key), at >= 0);
          if (at >= 0) pairs.splice(at, 1);
        } else {
          dict.set(key, step);
          if (at >= 0) pairs[at]![1] = step;
          else pairs.push([key, step]);
        }
      }
      equal([...dict.entries()], pairs);
      for (const [key, value] of pairs) is(dict.get(key), value);
    }
  });
});
