import { stateDictLeaves } from '../../../src/ops/state-dict/leaves.js';
import { PyDict } from '../../../src/pickle/dict.js';
import { PyTuple } from '../../../src/pickle/values.js';
import { equal, is, suite, throws } from '../../suite.js';

const t = new Float32Array(1);
const keys = (stateDict: object, rules?: '2.3'): string[] =>
  stateDictLeaves(stateDict, rules).map(({ fqn }) => fqn);

// What flatten_state_dict of torch 2.13 gives, and of its rules of 2.3.
suite('leaves of a state dict are torch’s', ({ test, each }) => {
  each(
    [
      { name: 'nested dicts', value: { a: { b: t, c: 1 } }, now: ['a.b', 'a.c'], before: ['a.b', 'a.c'] },
      { name: 'a list of numbers is one leaf', value: { l: [1, 2] }, now: ['l'], before: ['l'] },
      {
        name: 'a list with a tensor is taken apart',
        value: { l: [t, 1, 'x'] },
        now: ['l.0', 'l.1', 'l.2'],
        before: ['l.0', 'l.1', 'l.2'],
      },
      { name: 'lists in lists', value: { l: [[1], [t]] }, now: ['l.0', 'l.1.0'], before: ['l.0', 'l.1.0'] },
      {
        name: 'param_groups',
        value: { pg: [{ lr: 0.1, params: [0] }] },
        now: ['pg.0.lr', 'pg.0.params'],
        before: ['pg'],
      },
      { name: 'a dict without tensors', value: { d: { x: 1 } }, now: ['d.x'], before: ['d'] },
      { name: 'tuples are leaves', value: { t: new PyTuple([1]) }, now: ['t'], before: ['t'] },
      { name: 'an empty dict', value: { x: {}, y: 1 }, now: ['y'], before: ['x', 'y'] },
      { name: 'an empty list', value: { x: [] }, now: ['x'], before: ['x'] },
      {
        name: 'keys of a Map',
        value: new Map<unknown, unknown>([
          [0, { step: t }],
          [null, 1],
        ]),
        now: ['0.step', 'None'],
        before: ['0.step', 'None'],
      },
      { name: 'dots in keys', value: { 'a.b': t }, now: ['a.b'], before: ['a.b'] },
      { name: 'a PyDict', value: PyDict.of([[1, 2]]), now: ['1'], before: ['1'] },
    ],
    ({ name }) => name,
    ({ value, now, before }) => {
      equal(keys(value), now);
      equal(keys(value, '2.3'), before);
    },
  );

  test('values are replaced where they stand', () => {
    const map = new Map<unknown, unknown>([[0, 'a']]);
    const state = { a: { b: 1 }, l: [t, 'x'], map, py: PyDict.of([['k', 1]]) };
    for (const leaf of stateDictLeaves(state)) leaf.replace(leaf.fqn);
    equal(state, {
      a: { b: 'a.b' },
      l: ['l.0', 'l.1'] as unknown as (Float32Array | string)[],
      map: new Map([[0, 'map.0']]),
      py: PyDict.of([['k', 'py.k']]),
    } as unknown as typeof state);
    is(state.map, map);
  });

  test('a container inside itself', () => {
    const loop: Record<string, unknown> = {};
    loop.a = { b: loop };
    throws(() => stateDictLeaves(loop), { code: 'usage', message: /holds itself.*a\.b/ });
  });

  each(
    [[1], 'text', new Float32Array(1), new Date()] as object[],
    value => `no state dict: ${value.constructor.name}`,
    value => throws(() => stateDictLeaves(value), { code: 'usage', message: /is a mapping/ }),
  );
});
