import { ObjectEntry } from '../../src/checkpoint/checkpoint.js';
import { pruneTree } from '../../src/checkpoint/prune.js';
import { TreeJoiner } from '../../src/checkpoint/rejoin.js';
import { PyDict } from '../../src/pickle/dict.js';
import { toPythonLiteral } from '../../src/pickle/literal.js';
import { PyGlobal, PyList, PyObject, PyTuple, type PyValue } from '../../src/pickle/values.js';
import { equal, is, ok, suite, throws } from '../suite.js';

/** A leaf that shows as its name. */
const leaf = (name: string): ObjectEntry => new ObjectEntry(name, [name]);
const dict = (items: Record<string, PyValue>): PyDict => PyDict.of(Object.entries(items));
const list = (...items: PyValue[]): PyList => new PyList(items);
const show = (value: PyValue | undefined): string | undefined =>
  value === undefined
    ? undefined
    : toPythonLiteral(value, { external: external => (external as ObjectEntry).fqn });

function ordered(items: [PyValue, PyValue][], args: PyValue[] = []): PyObject {
  const made = new PyObject('reduce', new PyGlobal('collections', 'OrderedDict'), new PyTuple(args));
  made.dictItems = items;
  made.state = dict({ _metadata: 1 });
  return made;
}

suite('checkpoint/prune', ({ each, test }) => {
  const tree = (): PyDict =>
    dict({ m: dict({ w: leaf('w') }), o: dict({ s: leaf('s'), t: leaf('t') }), e: dict({}) });
  each(
    [
      ['nothing', ['m.w', 'o.s', 'o.t'], "{'m': {'w': w}, 'o': {'s': s, 't': t}, 'e': {}}", undefined],
      ['one of two', ['m.w', 'o.t'], "{'m': {'w': w}, 'o': {'t': t}, 'e': {}}", undefined],
      [
        'all of a dict',
        ['o.s', 'o.t'],
        "{'o': {'s': s, 't': t}, 'e': {}}",
        "{'m': {}, 'o': {'s': s, 't': t}, 'e': {}}",
      ],
      ['everything', [], "{'e': {}}", "{'m': {}, 'o': {}, 'e': {}}"],
    ] as const,
    ([name]) => `takes ${name} out`,
    ([, kept, vanish, stay]) => {
      const wanted = new Set<string>(kept);
      is(show(pruneTree(tree(), path => wanted.has(path.join('.')), 'vanish')), vanish);
      is(show(pruneTree(tree(), path => wanted.has(path.join('.')), 'stay')), stay ?? vanish);
    },
  );

  test('lists keep their positions', () => {
    const items = dict({ l: list(leaf('a'), leaf('b'), list(leaf('c'))) });
    const isWanted = (path: readonly (string | number)[]): boolean => path[1] === 1;
    is(show(pruneTree(items, isWanted, 'vanish')), "{'l': [None, b, None]}");
    is(show(pruneTree(items, isWanted, 'stay')), "{'l': [{}, b, [{}]]}");
    is(show(pruneTree(items, () => false, 'vanish')), undefined);
  });

  test('what loses nothing is the same object, what does is another', () => {
    const given = tree();
    const pruned = pruneTree(given, path => path[0] !== 'o' || path[1] === 's', 'vanish') as PyDict;
    ok(pruned !== given && pruned.getText('m') === given.getText('m'));
    is(show(given), show(tree()));
    is(
      pruneTree(given, () => true, 'vanish'),
      given,
    );
  });

  test('mappings of other types stay what they are, with their keys and state', () => {
    const counter = ordered([], [dict({ a: leaf('a'), b: leaf('b') })]);
    const given = ordered([
      [0, leaf('x')],
      [1, leaf('y')],
      ['c', counter],
    ]);
    const pruned = pruneTree(given, path => path.at(-1) !== '0' && path.at(-1) !== 'a', 'vanish') as PyObject;
    equal(
      pruned.dictItems!.map(([key, value]) => [key, value instanceof ObjectEntry ? value.fqn : 'c']),
      [
        [1, 'y'],
        ['c', 'c'],
      ],
    );
    is(pruned.state, given.state);
    is(show((pruned.dictItems![1]![1] as PyObject).args.items[0]), "{'b': b}");
  });
});

suite('checkpoint/rejoin', ({ each, test }) => {
  const tree = (): PyDict =>
    dict({
      model: dict({}),
      'model.a': dict({}),
      optim: dict({
        state: PyDict.of([
          [0, dict({})],
          ['w.x', dict({ step: leaf('step') })],
        ]),
      }),
      l: list(dict({}), leaf('one'), list(dict({}), dict({ k: leaf('k') }))),
      ordered: ordered([]),
    });

  each(
    [
      ['model.w', ['model', 'w']],
      ['model.layers.0.w', ['model', 'layers.0.w']],
      ['model.a.w', ['model.a', 'w']],
      ['optim.state.0.exp', ['optim', 'state', '0', 'exp']],
      ['optim.state.w.x.exp', ['optim', 'state', 'w.x', 'exp']],
      ['optim.state.w.y.exp', ['optim', 'state', 'w.y.exp']],
      ['l.0', ['l', 0]],
      ['l.2.0', ['l', 2, 0]],
      ['l.2.1.w', ['l', 2, 1, 'w']],
      // An empty dict is where a tensor was.
      ['l.2.1', ['l.2.1']],
      ['l.7', ['l.7']],
      ['ordered.w', ['ordered', 'w']],
      ['other.w', ['other.w']],
      ['', ['']],
      ['model.', ['model', '']],
      ['.', ['.']],
    ] as [string, (string | number)[]][],
    ([fqn]) => JSON.stringify(fqn),
    ([fqn, path]) => {
      const joined = tree();
      const joiner = new TreeJoiner(joined);
      equal(joiner.pathOf(fqn), path);
      joiner.put(path, leaf('PUT'));
      ok(show(joined)!.includes('PUT'));
    },
  );

  each(
    ['optim.state.w.x.step', 'l.1'],
    fqn => `${fqn} is taken`,
    fqn =>
      void throws(() => new TreeJoiner(tree()).pathOf(fqn), { code: 'format', message: /same name.*at / }),
  );

  test('what was put is found again', () => {
    const given = tree();
    const joiner = new TreeJoiner(given);
    for (const fqn of ['model.b', 'model.c', 'l.0', 'optim.state.0.x'])
      joiner.put(joiner.pathOf(fqn), leaf(fqn));
    throws(() => joiner.pathOf('model.b'), { code: 'format' });
    is(show(given.getText('model')), "{'b': model.b, 'c': model.c}");
    is(
      show((given.getText('optim') as PyDict).getText('state')),
      "{0: {'x': optim.state.0.x}, 'w.x': {'step': step}}",
    );
  });
});
