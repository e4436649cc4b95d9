import { fromPython, toPython } from '../../../src/ops/state-dict/python.js';
import { tensor } from '../../../src/ops/state-dict/tensor.js';
import { PyDict } from '../../../src/pickle/dict.js';
import {
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
} from '../../../src/pickle/values.js';
import { equal, is, ok, suite, throws } from '../../suite.js';

const noTensor = (): never => {
  throw new Error('no tensor is here');
};
const python = (value: unknown): PyValue => toPython(value, noTensor);
const javascript = (value: PyValue): unknown => fromPython(value, () => undefined);
const pair = (...pairs: [PyValue, PyValue][]): PyDict => PyDict.of(pairs);

suite('JavaScript values in Python', ({ test, each }) => {
  each(
    [
      { name: 'null', value: null, expected: null },
      { name: 'true', value: true, expected: true },
      { name: 'text', value: 'a', expected: 'a' },
      { name: 'integers', value: [0, -7, 2 ** 53 - 1], expected: new PyList([0, -7, 2 ** 53 - 1]) },
      { name: 'bigint', value: 2n ** 70n, expected: 2n ** 70n },
      { name: 'a fraction', value: 0.5, expected: PyFloat.of(0.5) },
      { name: '-0 is a float', value: -0, expected: PyFloat.of(-0) },
      { name: 'NaN', value: Number.NaN, expected: PyFloat.of(Number.NaN) },
      { name: 'beyond 2^53 is a float', value: 2 ** 53, expected: PyFloat.of(2 ** 53) },
      { name: 'a Buffer is bytes', value: Buffer.from('ab'), expected: Uint8Array.of(97, 98) },
      {
        name: 'a plain object',
        value: { a: 1, b: { c: null } },
        expected: pair(['a', 1], ['b', pair(['c', null])]),
      },
      { name: 'a Map', value: new Map([[1, 'x']]), expected: pair([1, 'x']) },
      { name: 'a Set', value: new Set([1, 'x']), expected: new PySet([1, 'x']) },
      {
        name: 'values of this package',
        value: new PyTuple([PyFloat.of(1)]),
        expected: new PyTuple([PyFloat.of(1)]),
      },
    ],
    ({ name }) => name,
    ({ value, expected }) => equal(python(value), expected),
  );

  test('what is changed afterwards is not in the copy', () => {
    const list = new PyList([1]);
    const value = { list, nested: [[1]], bytes: Buffer.from('a') };
    const copy = python(value) as PyDict;
    list.items.push(2);
    value.nested[0]!.push(2);
    value.bytes[0] = 0;
    equal(
      copy,
      pair(
        ['list', new PyList([1])],
        ['nested', new PyList([new PyList([1])])],
        ['bytes', Uint8Array.of(97)],
      ),
    );
  });

  test('one value in two places stays one, and a list can hold itself', () => {
    const shared = [1];
    const list: unknown[] = [shared, shared];
    list.push(list);
    const copy = python(list) as PyList;
    ok(copy.items[0] === copy.items[1] && copy.items[2] === copy);
  });

  test('tensors inside are handed to the caller', () => {
    const inner = tensor({ dtype: 'float32', shape: [1] });
    equal(
      toPython([new PyTuple([inner]), Float32Array.of(1)], () => 'tensor'),
      new PyList([new PyTuple(['tensor']), 'tensor']),
    );
  });

  test('a Uint8Array is a tensor, and bytes inside of a value of this package', () => {
    equal(
      toPython([Uint8Array.of(1), new PyTuple([Uint8Array.of(1)])], () => 'tensor'),
      new PyList(['tensor', new PyTuple([Uint8Array.of(1)])]),
    );
  });

  class Model {
    stateDict(): object {
      return {};
    }
  }
  each(
    [
      { name: 'undefined', value: undefined, message: /cannot hold this value.*found undefined/ },
      { name: 'a function', value: () => {}, message: /found function/ },
      { name: 'a Date', value: [new Date()], message: /found Date/ },
      { name: 'a symbol', value: Symbol('a'), message: /found symbol/ },
      { name: 'an instance', value: new Model(), message: /found Model/ },
    ],
    ({ name }) => `refused: ${name}`,
    ({ value, message }) => throws(() => python(value), { code: 'usage', message }),
  );

  test('a stateful value in the wrong place is told where it belongs', () => {
    is(
      throws(() => python(new Model()), { code: 'usage' }).hint,
      'A value with stateDict() is taken at the top of the state dict only.',
    );
  });

  test('a value as deep as no state dict is refused', () => {
    let value: unknown = 1;
    for (let i = 0; i < 5000; i++) value = [value];
    throws(() => python(value), { code: 'usage', message: /too deeply/ });
  });
});

suite('Python values in JavaScript', ({ test, each }) => {
  const counter = new PyObject('reduce', new PyGlobal('collections', 'OrderedDict'), new PyTuple([]));
  counter.dictItems = [['a', PyFloat.of(2)]];
  each(
    [
      { name: 'float', value: PyFloat.of(1), expected: 1 },
      { name: 'str', value: new PyStr('a'), expected: 'a' },
      { name: 'tuple', value: new PyTuple([1, PyFloat.of(0.5)]), expected: [1, 0.5] },
      { name: 'list', value: new PyList([null, true]), expected: [null, true] },
      { name: 'bytes', value: Uint8Array.of(1), expected: Buffer.of(1) },
      { name: 'bytearray', value: new PyByteArray(Uint8Array.of(1)), expected: Buffer.of(1) },
      { name: 'dict of text', value: pair(['a', 1], [new PyStr('b'), 2]), expected: { a: 1, b: 2 } },
      {
        name: 'dict of other keys',
        value: pair(['a', 1], [0, 2]),
        expected: new Map<unknown, unknown>([
          ['a', 1],
          [0, 2],
        ]),
      },
      { name: '__proto__ is a key', value: pair(['__proto__', 1]), expected: new Map([['__proto__', 1]]) },
      { name: 'OrderedDict', value: counter, expected: { a: 2 } },
      {
        name: 'set and frozenset',
        value: new PyTuple([new PySet([1]), new PyFrozenSet([2])]),
        expected: [new Set([1]), new Set([2])],
      },
    ],
    ({ name }) => name,
    ({ value, expected }) => equal(javascript(value), expected),
  );

  test('an object of another class stays data', () => {
    const device = new PyObject('reduce', new PyGlobal('torch', 'device'), new PyTuple(['cuda', 0]));
    equal(javascript(new PyList([device])), [device]);
  });

  test('a tensor inside an object takes its place there', () => {
    const stored = new PyObject(
      'reduce',
      new PyGlobal('torch._utils', '_rebuild_tensor_v2'),
      new PyTuple([]),
    );
    const object = new PyObject('newobj', new PyGlobal('a', 'B'), new PyTuple([]));
    object.state = pair(['mean', stored]);
    const loaded = tensor({ dtype: 'float32', shape: [] });
    const copy = fromPython(object, value => (value === stored ? loaded : undefined)) as PyObject;
    is((copy.state as PyDict).getText('mean'), loaded);
    is((object.state as PyDict).getText('mean'), stored);
  });

  test('a list that holds itself', () => {
    const list = new PyList([1]);
    list.items.push(list);
    const made = javascript(list) as unknown[];
    is(made[1], made);
  });
});
