import { type ClassHandler, decodePickle } from '../../src/pickle/decode.js';
import type { PyDict } from '../../src/pickle/dict.js';
import {
  PyExternal,
  type PyGlobal,
  PyList,
  PyObject,
  type PyPersistentId,
  PyStr,
  type PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import { bytesOf } from './corpus.js';

class Folded extends PyExternal {
  protected readonly external = true;
  readonly items: PyValue[] = [];
  readonly pairs: [PyValue, PyValue][] = [];
  state: PyValue | undefined;

  constructor(
    readonly args: PyTuple,
    readonly how: string,
    readonly kwargs: PyDict | undefined,
  ) {
    super();
  }

  override setState(state: PyValue): void {
    this.state = state;
  }
  override appendItem(item: PyValue): void {
    this.items.push(item);
  }
  override setItem(key: PyValue, value: PyValue): void {
    this.pairs.push([key, value]);
  }
}

const handler: ClassHandler = { create: (args, how, kwargs) => new Folded(args, how, kwargs) };
const classHandlers = new Map([['m.C', handler]]);

/** As a dict key it takes values that are numbers. */
class Taking extends PyExternal {
  protected readonly external = true;
  taken: number | undefined;

  override takeValue(_dict: PyDict, value: PyValue): boolean {
    if (typeof value !== 'number') return false;
    this.taken = value;
    return true;
  }
}

suite('class handlers', ({ test }) => {
  test('a key can take its value: the dict then has neither', () => {
    const keys: Taking[] = [];
    const create = (): Taking => {
      const key = new Taking();
      keys.push(key);
      return key;
    };
    const key = 'cm\nC\n)\x81';
    // {C(): 1, 'a': 2, C(): None}, then C(): 3 by SETITEM.
    const bytes = bytesOf(`}(${key}K`, 1, 'X', 1, 0, 0, 0, 'aK', 2, `${key}Nu${key}K`, 3, 's.');
    const { value } = decodePickle(bytes, { classHandlers: new Map([['m.C', { create }]]) });
    equal(
      keys.map(({ taken }) => taken),
      [1, undefined, 3],
    );
    equal(
      [...(value as PyDict).entries()],
      [
        ['a', 2],
        [keys[1], null],
      ],
    );
  });

  test('receive arguments, items and state, in one object that the memo shares', () => {
    const bytes = bytesOf(
      'cm\nC\nK',
      7,
      '\x85\x81q\x00K',
      1,
      'a(K',
      2,
      'K',
      3,
      'eK',
      4,
      'K',
      5,
      's}bh\x00\x86.',
    );
    const { items } = decodePickle(bytes, { classHandlers }).value as PyTuple;
    const folded = items[0] as Folded;
    ok(folded instanceof Folded);
    is(items[1], folded);
    equal([folded.how, folded.args.items, folded.items, folded.pairs], ['newobj', [7], [1, 2, 3], [[4, 5]]]);
    is((folded.state as PyDict).size, 0);
  });
  test('see calls and keyword arguments', () => {
    is((decodePickle(bytesOf('cm\nC\n)R.'), { classHandlers }).value as Folded).how, 'reduce');
    const withKeywords = decodePickle(bytesOf('cm\nC\n)}\x8c\x01kK\x01s\x92.'), { classHandlers })
      .value as Folded;
    is(withKeywords.kwargs?.getText('k'), 1);
  });
  test('may return any value, or nothing to leave the object as it is', () => {
    const bytes = bytesOf('(cm\nC\nK', 1, '\x85Rcm\nC\nK', 2, '\x85Rt.');
    const picky = {
      create: (args: PyTuple): PyValue | undefined => (args.items[0] === 1 ? null : undefined),
    };
    const { items } = decodePickle(bytes, { classHandlers: new Map([['m.C', picky]]) }).value as PyTuple;
    is(items[0], null);
    ok(items[1] instanceof PyObject);
  });
  test('that take no state refuse it', () => {
    class Bare extends PyExternal {
      protected readonly external = true;
    }
    const bare = new Map([['m.C', { create: () => new Bare() }]]);
    throws(() => decodePickle(bytesOf('cm\nC\n)\x81}b.'), { classHandlers: bare }), {
      code: 'format',
      message: /BUILD on a value that cannot take it.*Bare/,
    });
  });
  test('go by the names of Python 3', () => {
    const bytes = bytesOf('\x80\x02c__builtin__\nxrange\n)R.');
    ok(
      decodePickle(bytes, { classHandlers: new Map([['builtins.range', handler]]) }).value instanceof Folded,
    );
  });
});

suite('other hooks', ({ test }) => {
  test('persistentLoad stands in for each persistent id', () => {
    const ids: PyPersistentId[] = [];
    const persistentLoad = (id: PyPersistentId): PyValue => {
      ids.push(id);
      return id.id === 2 ? null : new PyList([id.id]);
    };
    const value = decodePickle(bytesOf('(K', 1, 'QK', 2, 'QPtext\nt.'), { persistentLoad }).value as PyTuple;
    equal(value.items, [new PyList([1]), null, new PyList(['text'])]);
    equal(
      ids.map(id => id.id),
      [1, 2, 'text'],
    );
  });
  test('onGlobal is called for each opcode that names one', () => {
    const paths: string[] = [];
    const bytes = bytesOf('(ca\nb\nq\0h\0ca\nb\n\x8c\x01c\x8c\x01d\x93(ie\nf\nt.');
    decodePickle(bytes, { onGlobal: (global: PyGlobal) => paths.push(global.path) });
    equal(paths, ['a.b', 'a.b', 'c.d', 'e.f']);
  });
  test('keepStringIdentity makes one PyStr of a text that is fetched, and only of that', () => {
    const bytes = bytesOf('(\x8c\x02ab\x94h\0\x8c\x02ab\x94\x8c\x01c\x94h\x02t.');
    const { items } = decodePickle(bytes, { keepStringIdentity: 'loaded' }).value as PyTuple;
    ok(items[0] instanceof PyStr);
    is(items[1], items[0]);
    equal(items.slice(2), ['ab', 'c', 'c']);
    equal((decodePickle(bytes).value as PyTuple).items, ['ab', 'ab', 'ab', 'c', 'c']);
  });
});
