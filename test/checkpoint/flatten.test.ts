import {
  isMapping,
  keyText,
  type Leaf,
  leavesOf,
  mappingEntries,
  setElement,
} from '../../src/checkpoint/flatten.js';
import { PyDict } from '../../src/pickle/dict.js';
import {
  PyFloat,
  PyGlobal,
  PyList,
  PyObject,
  PyStr,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { equal, is, ok, suite, throws } from '../suite.js';

const T = new PyGlobal('test', 'tensor');
const isTensor = (value: PyValue): boolean => value === T;

const tuple = (...items: PyValue[]): PyTuple => new PyTuple(items);
const object = (callable: string, args: PyValue[] = [], pairs?: [PyValue, PyValue][]): PyObject => {
  const dot = callable.lastIndexOf('.');
  const made = new PyObject(
    'reduce',
    new PyGlobal(callable.slice(0, dot), callable.slice(dot + 1)),
    tuple(...args),
  );
  if (pairs !== undefined) made.dictItems = pairs;
  return made;
};

type Plain = PyValue | Plain[] | { [key: string]: Plain };

/** Arrays as lists, plain objects as dicts. */
function py(value: Plain): PyValue {
  if (Array.isArray(value)) return new PyList(value.map(py));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) {
    return value as PyValue;
  }
  return PyDict.of(Object.entries(value as { [key: string]: Plain }).map(([key, item]) => [key, py(item)]));
}

const pathsOf = (tree: PyValue): (string | number)[][] =>
  [...leavesOf(tree, isTensor)].map(({ path }) => [...path]);

suite('flattening', ({ each, test }) => {
  // Examples of torch's test_nested_dict.py and test_traverse.py, and results of flatten_state_dict in 2.13.
  const rows: [tree: Plain, paths: (string | number)[][]][] = [
    [
      { a: { b: T, c: 1 } },
      [
        ['a', 'b'],
        ['a', 'c'],
      ],
    ],
    [{ l: [1, 2, 3] }, [['l']]],
    [
      { l: [T, 1, 'x', tuple(1, 2)] },
      [
        ['l', 0],
        ['l', 1],
        ['l', 2],
        ['l', 3],
      ],
    ],
    [
      { l: [[1], [T]] },
      [
        ['l', 0],
        ['l', 1, 0],
      ],
    ],
    [{ l: [tuple(T, T)] }, [['l']]],
    [{ t: tuple(T, py({ a: T })) }, [['t']]],
    [
      { pg: [{ lr: 0, params: [0] }] },
      [
        ['pg', 0, 'lr'],
        ['pg', 0, 'params'],
      ],
    ],
    [{ x: [{}, 1] }, [['x', 1]]],
    [{ x: [{}] }, []],
    [{ x: {} }, []],
    [{ x: [] }, [['x']]],
    [{ x: [[]] }, [['x']]],
    [{ x: [[{}]] }, []],
    [{ '': { '': T } }, [['', '']]],
    [
      { key4: [[T, 'x'], [1, 2, 3], { key6: [44] }] },
      [
        ['key4', 0, 0],
        ['key4', 0, 1],
        ['key4', 1],
        ['key4', 2, 'key6'],
      ],
    ],
    [
      { k0: [1], k2: [T, 99, [{ k3: T }]], k3: ['x', 99, [{ k3: 'y' }]] },
      [['k0'], ['k2', 0], ['k2', 1], ['k2', 2, 0, 'k3'], ['k3', 0], ['k3', 1], ['k3', 2, 0, 'k3']],
    ],
    [
      { l: [T, [33, T, [44, 55]], [66, 77]] },
      [
        ['l', 0],
        ['l', 1, 0],
        ['l', 1, 1],
        ['l', 1, 2],
        ['l', 2],
      ],
    ],
    [{ none: null, t: T }, [['none'], ['t']]],
    [T, [[]]],
    [7, [[]]],
    [[1, 2], [[]]],
    [
      [T, { w: T }],
      [[0], [1, 'w']],
    ],
  ];
  each(
    rows.map(([tree, paths], i) => ({ tree, paths, i })),
    ({ paths, i }) => `row ${i}: ${JSON.stringify(paths)}`,
    ({ tree, paths }) => equal(pathsOf(py(tree)), paths),
  );

  test('keys become text', () => {
    const keys: PyValue[] = [
      0,
      -1,
      2n ** 70n,
      true,
      null,
      PyFloat.of(2.5),
      PyFloat.of(1e16),
      tuple(1, 't'),
      'a',
      new PyStr('b'),
      Uint8Array.of(98),
    ];
    equal(
      pathsOf(PyDict.of(keys.map(key => [key, T]))).map(path => path[0]),
      ['0', '-1', '1180591620717411303424', 'True', 'None', '2.5', '1e+16', "(1, 't')", 'a', 'b', "b'b'"],
    );
    is(keyText(tuple()), '()');
  });

  each(
    [
      ['OrderedDict', object('collections.OrderedDict', [], [['a', T]]), [['a']]],
      ['an empty OrderedDict', object('collections.OrderedDict'), []],
      [
        'defaultdict',
        object('collections.defaultdict', [new PyGlobal('builtins', 'list')], [['a', T]]),
        [['a']],
      ],
      ['Counter', object('collections.Counter', [py({ a: 2, b: 1 })]), [['a'], ['b']]],
      [
        'any class that takes items',
        object(
          'mylib.MyDict',
          [],
          [
            ['a', T],
            [1, 2],
          ],
        ),
        [['a'], ['1']],
      ],
      ['an object that does not', object('argparse.Namespace'), [[]]],
      ['a deque', object('collections.deque', [py([T])]), [[]]],
    ] as [string, PyValue, (string | number)[][]][],
    ([name]) => `mappings: ${name}`,
    ([, tree, paths]) => {
      equal(pathsOf(tree), paths);
      is(isMapping(tree), paths.length !== 1 || paths[0]!.length > 0);
    },
  );

  test('items of a mapping are those of its arguments, then those set', () => {
    const counter = object('collections.Counter', [py({ a: 1 })], [['b', 2]]);
    equal(mappingEntries(counter), [
      ['a', 1],
      ['b', 2],
    ]);
  });
});

suite('replacing leaves', ({ test }) => {
  test('in every kind of container', () => {
    const tree = py({
      dict: { a: T },
      list: [T, T],
      ordered: object('collections.OrderedDict', [], [['a', T]]),
      counter: object('collections.Counter', [py({ a: T })]),
      last: 1,
    });
    const leaves: Leaf[] = [...leavesOf(tree, isTensor)];
    for (const [i, leaf] of leaves.entries()) leaf.replace(i);
    equal(
      [...leavesOf(tree, isTensor)].map(({ path, value }) => [path.join('.'), value]),
      [
        ['dict.a', 0],
        ['list', undefined],
        ['ordered.a', 3],
        ['counter.a', 4],
        ['last', 5],
      ].map(([path, value]) =>
        // The list holds two numbers now: it is a leaf itself.
        path === 'list' ? [path, py([1, 2])] : [path, value],
      ),
    );
  });

  test('while they are walked', () => {
    const tree = py({ a: [T, T, { b: T }] });
    for (const leaf of leavesOf(tree, isTensor)) leaf.replace(leaf.path.join('.'));
    equal((tree as PyDict).getText('a'), py(['a.0', 'a.1', { b: 'a.2.b' }]));
  });
});

suite('containers that hold themselves', ({ test }) => {
  test('a dict, by way of a list', () => {
    const dict = new PyDict();
    dict.set('list', new PyList([dict]));
    throws(() => pathsOf(dict), { code: 'format', message: /holds itself \[at list\.0\]/ });
  });

  test('a list that holds a tensor too', () => {
    const list = new PyList([T]);
    list.items.push(list);
    throws(() => pathsOf(PyDict.of([['l', list]])), { code: 'format', message: /holds itself \[at l\.1\]/ });
  });

  test('a list of itself alone has nothing to take apart', () => {
    const list = new PyList();
    list.items.push(list);
    equal(pathsOf(PyDict.of([['l', list]])), [['l']]);
  });

  test('the same dict twice, side by side, is no circle', () => {
    const shared = py({ a: T });
    equal(pathsOf(py({ x: shared, y: [shared] })), [
      ['x', 'a'],
      ['y', 0, 'a'],
    ]);
  });
});

suite('putting values at paths', ({ test, each }) => {
  test('the examples of torch’s test_set_element', () => {
    const root = new PyDict();
    setElement(root, ['k'], 10);
    setElement(root, ['k1', 2], 1);
    equal(root.getText('k1'), py([null, null, 1]));
    setElement(root, ['k1', 1], 99);
    equal(root.getText('k1'), py([null, 99, 1]));
    setElement(root, ['k1', 3], 88);
    equal(root.getText('k1'), py([null, 99, 1, 88]));
    setElement(root, ['k2', 'k3'], 3);
    setElement(root, ['k2', 'k4', 0, 0], 99);
    equal(root, py({ k: 10, k1: [null, 99, 1, 88], k2: { k3: 3, k4: [[99]] } }));
  });

  test('keys are the values that are given for them', () => {
    const root = new PyDict();
    const keys = [new PyStr('a'), new PyStr('b')];
    setElement(root, ['a', 'b'], 1, position => keys[position]!);
    setElement(root, ['a', 'c'], 2);
    const [outer] = [...root.keys()];
    ok(outer === keys[0]);
    const [inner] = [...(root.getText('a') as PyDict).keys()];
    ok(inner === keys[1]);
  });

  // Torch overwrites in some of these, and fails in others.
  each(
    [
      ['a place that is taken', [['a'], ['a']], /expected nothing at a, found another value.*\[at a\]/],
      ['a dict in the way', [['a', 'b'], ['a']], /expected nothing at a,/],
      ['a list in the way', [['a', 0], ['a']], /expected nothing at a,/],
      ['a value in the way', [['a'], ['a', 'b']], /expected a container at a,.*\[at a\.b\]/],
      [
        'a value in the way, in a list',
        [
          ['a', 0],
          ['a', 0, 'b'],
        ],
        /expected a container at a\.0,/,
      ],
      [
        'a list where a dict is',
        [
          ['a', 'b'],
          ['a', 0],
        ],
        /expected a list at a,/,
      ],
      [
        'a dict where a list is',
        [
          ['a', 0],
          ['a', 'b'],
        ],
        /expected a mapping at a,/,
      ],
      [
        'a position that is taken',
        [
          ['a', 1],
          ['a', 1],
        ],
        /expected nothing at a\.1,/,
      ],
      ['a list at the top', [[0]], /expected a list at the top/],
    ] as [string, (string | number)[][], RegExp][],
    ([name]) => `refuses ${name}`,
    ([, paths, message]) => {
      const root = new PyDict();
      for (const path of paths.slice(0, -1)) setElement(root, path, 1);
      throws(() => setElement(root, paths.at(-1)!, 2), { code: 'format', message });
    },
  );

  test('a list beyond reason is refused before it is filled', () => {
    throws(() => setElement(new PyDict(), ['a', 10_000_000], 1), {
      code: 'limit',
      message: /position 10000000/,
    });
  });
});
