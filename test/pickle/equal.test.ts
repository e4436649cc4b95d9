import { PyDict } from '../../src/pickle/dict.js';
import { type EqualOptions, findDifference } from '../../src/pickle/equal.js';
import {
  EMPTY_TUPLE,
  PyByteArray,
  PyExternal,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  PyPersistentId,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { equal, is, suite } from '../suite.js';

const float = PyFloat.of;
const list = (...items: PyValue[]): PyList => new PyList(items);
const tuple = (...items: PyValue[]): PyTuple => new PyTuple(items);
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const object = (state?: PyValue, how: 'reduce' | 'newobj' = 'newobj'): PyObject => {
  const made = new PyObject(how, new PyGlobal('m', 'C'), EMPTY_TUPLE);
  made.state = state;
  return made;
};
const shared = list();

class Leaf extends PyExternal {
  protected readonly external = true;
  constructor(readonly key: string) {
    super();
  }
}

suite('findDifference: equal', ({ each }) => {
  const cyclic = (): PyList => {
    const made = list(1);
    made.items.push(made);
    return made;
  };
  const rows: [name: string, PyValue, PyValue, EqualOptions?][] = [
    ['ints, however held', 7, 7n],
    ['text, however held', tuple('ab'), tuple(new PyStr('ab'))],
    ['NaN of the same bits', float(Number.NaN), float(Number.NaN)],
    ['bytes', bytes(1, 2), bytes(1, 2)],
    ['classes', new PyGlobal('a', 'b'), new PyGlobal('a', 'b')],
    ['objects', object(PyDict.of([['a', list(1)]])), object(PyDict.of([['a', list(1)]]))],
    ['shared on both sides', list(shared, shared), (l => list(l, l))(list())],
    ['cycles', cyclic(), cyclic()],
    ['empty tuples are one', tuple(EMPTY_TUPLE, EMPTY_TUPLE), tuple(new PyTuple([]), new PyTuple([]))],
    ['sets in any order', new PySet([1, 'a', tuple(1)]), new PySet([tuple(1), 'a', 1])],
    ['an item that was added to a set twice', new PySet([1, 1, 'a']), new PySet(['a', 1])],
    ['and to a frozenset, on either side', new PyFrozenSet([1]), new PyFrozenSet([1, 1, true])],
    [
      'dicts in any order',
      PyDict.of([
        ['a', 1],
        [2, 3],
      ]),
      PyDict.of([
        [2, 3],
        ['a', 1],
      ]),
      { dictOrder: false },
    ],
    ['objects as keys', PyDict.of([[object(1), 1]]), PyDict.of([[object(1), 1]]), { dictOrder: false }],
    [
      'shared on one side, if that is no matter',
      list(shared, shared),
      list(list(), list()),
      { identity: false },
    ],
    ['leaves by a rule', new Leaf('a'), new Leaf('a'), { external: () => true }],
    ['persistent ids', new PyPersistentId(tuple(1)), new PyPersistentId(tuple(1))],
  ];
  each(
    rows,
    ([name]) => name,
    ([, a, b, options]) => equal(findDifference(a, b, options), undefined),
  );
});

suite('findDifference: different', ({ each, test }) => {
  const rows: [name: string, PyValue, PyValue, path: string, what: string, EqualOptions?][] = [
    ['int and float', 1, float(1), '', '1 here, 1.0 there'],
    ['int and bool', tuple(1), tuple(true), '[0]', '1 here, True there'],
    ['0.0 and -0.0', float(0), float(-0), '', '0.0 here, -0.0 there'],
    ['list and tuple', list(1), tuple(1), '', '[1] here, (1,) there'],
    ['str and bytes', 'a', bytes(97), '', "'a' here, b'a' there"],
    [
      'bytearray',
      new PyByteArray(bytes(1)),
      new PyByteArray(bytes(2)),
      '',
      "bytearray(b'\\x01') here, bytearray(b'\\x02') there",
    ],
    ['lengths', list(1, 2), list(1), '', '2 items here, 1 there'],
    ['an entry', PyDict.of([['a', list(1)]]), PyDict.of([['a', list(2)]]), "['a'][0]", '1 here, 2 there'],
    [
      'order of keys',
      PyDict.of([
        ['a', 1],
        ['b', 1],
      ]),
      PyDict.of([
        ['b', 1],
        ['a', 1],
      ]),
      " key 'a'",
      "'a' here, 'b' there",
    ],
    [
      'a number of another type in a set',
      new PySet([1]),
      new PySet([float(1)]),
      ' item 1',
      '1 here, 1.0 there',
    ],
    [
      'a key, in any order',
      PyDict.of([['a', 1]]),
      PyDict.of([['b', 1]]),
      '',
      "'a' only here, 'b' only there",
      { dictOrder: false },
    ],
    ['items of sets', new PyFrozenSet([1]), new PyFrozenSet([2]), '', '1 only here, 2 only there'],
    [
      'how an object is made',
      object(),
      object(undefined, 'reduce'),
      '',
      'made by newobj here, by reduce there',
    ],
    ['state', object(1), object(), '', 'state only here'],
    ['a part of the state', object(list(1)), object(list(2)), '.state[0]', '1 here, 2 there'],
    ['shared here', list(shared, shared), list(list(), list()), '[1]', 'one object here is two there'],
    ['shared there', list(list(), list()), list(shared, shared), '[1]', 'two objects here are one there'],
    ['the first of several', tuple(1, 2, 3), tuple(1, 0, 0), '[1]', '2 here, 0 there'],
    ['leaves', new Leaf('a'), new Leaf('a'), '', 'Leaf <Leaf> here, Leaf there'],
  ];
  each(
    rows,
    ([name]) => name,
    ([, a, b, path, what, options]) => equal(findDifference(a, b, options), { path, what }),
  );
  test('deep and bushy values take no time and no stack', () => {
    const grow = (): PyValue => {
      let value: PyValue = list();
      for (let i = 0; i < 20_000; i++) value = tuple(value, value);
      return value;
    };
    is(findDifference(grow(), grow()), undefined);
  });
});
