import { PyDict } from '../../src/pickle/dict.js';
import { toPythonLines } from '../../src/pickle/pretty.js';
import {
  EMPTY_TUPLE,
  PyByteArray,
  PyExternal,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { equal, is, ok, suite } from '../suite.js';

const group = PyDict.of([
  ['lr', PyFloat.of(0.001)],
  ['betas', new PyTuple([PyFloat.of(0.9), PyFloat.of(0.999)])],
  ['params', new PyList(Array.from({ length: 14 }, (_, i) => i))],
]);

suite('toPythonLines', ({ each, test }) => {
  each(
    [
      ['what fits stays on one line', new PyList([1, 2]), 80, ['[1, 2]']],
      [
        'a dict',
        group,
        80,
        [
          '{',
          "  'lr': 0.001,",
          "  'betas': (0.9, 0.999),",
          "  'params': [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],",
          '}',
        ],
      ],
      [
        'numbers in a row share lines',
        group,
        30,
        [
          '{',
          "  'lr': 0.001,",
          "  'betas': (0.9, 0.999),",
          "  'params': [",
          '    0, 1, 2, 3, 4, 5, 6, 7, 8,',
          '    9, 10, 11, 12, 13,',
          '  ],',
          '}',
        ],
      ],
      ['a tuple of one', new PyTuple(['x'.repeat(30)]), 20, ['(', `  '${'x'.repeat(30)}',`, ')']],
      [
        'a set',
        new PyFrozenSet(['a'.repeat(12), 'b'.repeat(12)]),
        24,
        ['frozenset({', `  '${'a'.repeat(12)}',`, `  '${'b'.repeat(12)}',`, '})'],
      ],
      [
        'bytes that cannot be broken',
        new PyByteArray(new Uint8Array(8)),
        10,
        [`bytearray(b'${'\\x00'.repeat(8)}')`],
      ],
    ] as [string, PyValue, number, string[]][],
    ([name]) => name,
    ([, value, width, lines]) => equal(toPythonLines(value, { width }), lines),
  );

  test('objects are calls', () => {
    const namespace = new PyObject('newobj', new PyGlobal('argparse', 'Namespace'), EMPTY_TUPLE);
    namespace.state = PyDict.of([
      ['lr', PyFloat.of(0.1)],
      ['name', 'a name that is long'],
    ]);
    equal(toPythonLines(namespace, { width: 30 }), [
      'argparse.Namespace(',
      '  lr=0.1,',
      "  name='a name that is long',",
      ')',
    ]);
  });

  test('values that contain themselves', () => {
    const list = new PyList(['a text that needs a line of its own']);
    list.items.push(list);
    equal(toPythonLines(list, { width: 20 }), [
      '[',
      "  'a text that needs a line of its own',",
      '  [...],',
      ']',
    ]);
  });

  test('so many lines at most; brackets are closed', () => {
    const rows = new PyList(Array.from({ length: 9 }, (_, i) => new PyList([i, 'x'.repeat(20)])));
    const lines = toPythonLines(PyDict.of([['rows', rows]]), { width: 40, maxLines: 4 });
    equal(lines, [
      '{',
      "  'rows': [",
      `    [0, '${'x'.repeat(20)}'],`,
      `    [1, '${'x'.repeat(20)}'],`,
      '    ...',
      '  ],',
      '}',
    ]);
  });

  test('a million numbers end soon where lines are limited', () => {
    const numbers = new PyList(Array.from({ length: 1e6 }, (_, i) => i));
    const lines = toPythonLines(numbers, { maxLines: 3 });
    is(lines.length, 5);
    equal(lines.slice(-2), ['  ...', ']']);
  });

  test('long texts can be cut', () => {
    equal(toPythonLines('x'.repeat(100), { width: 20, maxTextLength: 5 }), ["'xxxxx'..."]);
    equal(toPythonLines(new Uint8Array(100), { width: 20, maxTextLength: 2 }), ["b'\\x00\\x00'..."]);
    equal(toPythonLines('x'.repeat(100), { width: 20 }), [`'${'x'.repeat(100)}'`]);
  });

  test('leaves and replacements are shown as the caller says', () => {
    class Leaf extends PyExternal {
      protected readonly external = true;
    }
    const call = new PyObject(
      'reduce',
      new PyGlobal('m', 'rebuild'),
      new PyTuple([new Leaf(), 'x'.repeat(30)]),
    );
    const external = (): string => 'leaf';
    equal(toPythonLines(call, { width: 20, external }), [
      'm.rebuild(',
      '  leaf,',
      `  '${'x'.repeat(30)}',`,
      ')',
    ]);
    const replace = (value: PyValue): string | undefined => (value === call ? 'tensor([2])' : undefined);
    equal(toPythonLines(new PyList([call]), { replace }), ['[tensor([2])]']);
    equal(toPythonLines(new PyList([call, 'y'.repeat(20)]), { width: 20, replace }), [
      '[',
      '  tensor([2]),',
      `  '${'y'.repeat(20)}',`,
      ']',
    ]);
  });

  test('nesting ends somewhere', () => {
    let value: PyValue = 'x'.repeat(100);
    for (let i = 0; i < 5000; i++) value = new PyTuple([value]);
    const lines = toPythonLines(value);
    ok(lines.length < 300);
    ok(lines.some(line => line.includes('...')));
  });

  test('values that repeat themselves without end take no time', () => {
    let value: PyValue = new PyList(['x'.repeat(90)]);
    for (let i = 0; i < 80; i++) value = new PyTuple([value, value]);
    ok(toPythonLines(value, { maxLines: 50 }).length < 200);
  });
});
