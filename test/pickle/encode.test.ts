import { createHash } from 'node:crypto';
import { decodePickle } from '../../src/pickle/decode.js';
import { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import {
  EMPTY_TUPLE,
  PyExternal,
  PyFloat,
  PyGlobal,
  PyList,
  PyObject,
  PyPersistentId,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import { bytesOf, corpus, fromBase64, pickles, readable } from './corpus.js';
import { describe } from './describe.js';

const again = (bytes: Uint8Array): string =>
  readable(encodePickle(decodePickle(bytes, { keepStringIdentity: 'written' }).value));

/** Pickles of CPython that come back in other bytes, and why. */
const OTHER_BYTES: Readonly<Record<string, string>> = {
  'builtin classes':
    'OSError and TimeoutError have one name in Python 2: two objects are written, one class is read',
};

suite('encodePickle: the bytes of CPython, protocol 2', ({ each }) => {
  each(
    pickles.filter(({ protocol, entry }) => protocol === 2 && OTHER_BYTES[entry.name] === undefined),
    row => row.name,
    row => is(again(row.bytes), readable(row.bytes)),
  );
  each(
    [...corpus.random.entries()],
    ([index]) => `random value ${index}`,
    ([, pickle]) => is(again(fromBase64(pickle)), readable(fromBase64(pickle))),
  );
  each(
    Object.entries(corpus.torch),
    ([name]) => `data.pkl of torch.save: ${name}`,
    ([, pickle]) => is(again(fromBase64(pickle)), readable(fromBase64(pickle))),
  );
});

suite('encodePickle: other protocols become protocol 2', ({ each }) => {
  /** Objects that protocol 2 writes in another form than protocol 4, as CPython does. */
  const otherForm = new Set(['nested class', 'keyword arguments', 'builtin classes', 'moved functions']);
  each(
    pickles.filter(({ protocol }) => protocol !== 2),
    row => row.name,
    row => {
      const bytes = encodePickle(decodePickle(row.bytes).value);
      is(bytes[1], 2);
      const isOther = row.protocol > 2 && otherForm.has(row.entry.name);
      equal(describe(decodePickle(bytes).value), isOther ? row.entry.value : row.value);
    },
  );
});

suite('encodePickle: batches of 1000', ({ each }) => {
  const call = (module: string, name: string): PyObject =>
    new PyObject('reduce', new PyGlobal(module, name), EMPTY_TUPLE);
  const make: Record<string, (numbers: number[]) => PyValue> = {
    list: numbers => new PyList(numbers),
    set: numbers => new PySet(numbers),
    dict: numbers => PyDict.of(numbers.map(n => [n, n])),
    OrderedDict: numbers => {
      const dict = call('collections', 'OrderedDict');
      if (numbers.length > 0) dict.dictItems = numbers.map(n => [n, n]);
      return dict;
    },
    deque: numbers => {
      const deque = call('collections', 'deque');
      if (numbers.length > 0) deque.listItems = numbers;
      return deque;
    },
  };
  each(
    Object.entries(corpus.batches),
    ([name]) => name,
    ([name, golden]) => {
      const [kind, size] = name.split(' ') as [string, string];
      const bytes = encodePickle(make[kind]!(Array.from({ length: Number(size) }, (_, i) => i)));
      is(bytes.length, golden.byteLength);
      is(createHash('sha256').update(bytes).digest('hex'), golden.sha256);
    },
  );
});

suite('encodePickle: identity', ({ test }) => {
  test('equal bare strings are written anew, one PyStr once', () => {
    const name = new PyStr('ab');
    const bytes = encodePickle(new PyTuple(['ab', 'ab', name, name]));
    is(readable(bytes), '\x80\x02(X\x02\0\0\0abq\0X\x02\0\0\0abq\x01X\x02\0\0\0abq\x02h\x02tq\x03.');
  });
  test('bare text of one character up to U+00FF is one object, other text is not', () => {
    const bytes = encodePickle(new PyTuple(['a', 'a', 'é', 'é', '', '', 'ā', 'ā']));
    const fetches = [...readable(bytes)].filter(character => character === 'h');
    equal(fetches.length, 3);
  });
  test('two PyGlobal of one name are one class', () => {
    const bytes = encodePickle(new PyTuple([new PyGlobal('a', 'b'), new PyGlobal('a', 'b')]));
    is(readable(bytes), '\x80\x02ca\nb\nq\0h\0\x86q\x01.');
  });
  test('two texts of the same characters stay two through decoding and encoding', () => {
    const bytes = bytesOf('\x80\x02(X\x01\0\0\0aq\0X\x01\0\0\0aq\x01h\x01h\0tq\x02.');
    is(again(bytes), readable(bytes));
    const loaded = decodePickle(bytes, { keepStringIdentity: 'loaded' }).value;
    is(readable(encodePickle(loaded)), '\x80\x02(X\x01\0\0\0aq\0h\0h\0h\0tq\x01.');
  });
});

class Leaf extends PyExternal {
  protected readonly external = true;
  constructor(readonly key: string) {
    super();
  }
}

suite('encodePickle: leaves', ({ test }) => {
  const pidOf = (leaf: PyExternal): PyValue =>
    new PyPersistentId(new PyTuple([(leaf as Leaf).key, new PyGlobal('torch', 'FloatStorage')]));

  test('are asked for each time; the same answer is one object, a new one is another', () => {
    const leaf = new Leaf('k');
    const same = new PyList([1]);
    const pair = new PyTuple([leaf, leaf]);
    is(readable(encodePickle(pair, { external: () => same })), '\x80\x02]q\0K\x01ah\0\x86q\x01.');
    const anew = encodePickle(pair, { external: () => new PyList([1]) });
    is(readable(anew), '\x80\x02]q\0K\x01a]q\x01K\x01a\x86q\x02.');
  });
  test('may become other leaves or persistent ids', () => {
    const inner = new Leaf('inner');
    const bytes = encodePickle(new Leaf('outer'), {
      external: value => ((value as Leaf).key === 'outer' ? inner : pidOf(value)),
    });
    equal(describe(decodePickle(bytes).value), {
      pid: { id: 0, tuple: ['inner', { global: 'torch FloatStorage' }] },
    });
  });
  test('are an error without a form', () => {
    throws(() => encodePickle(new PyList([new Leaf('k')])), { code: 'usage', message: /no form.*Leaf/ });
  });
});

suite('encodePickle: names', ({ test }) => {
  test('are those of Python 2 unless told otherwise', () => {
    const range = new PyGlobal('builtins', 'range');
    is(readable(encodePickle(range)), '\x80\x02c__builtin__\nxrange\nq\0.');
    is(readable(encodePickle(range, { pythonTwoNames: false })), '\x80\x02cbuiltins\nrange\nq\0.');
  });
  test('cannot smuggle opcodes in a newline, and must be ASCII', () => {
    for (const name of ['b\nR', 'é']) {
      throws(() => encodePickle(new PyGlobal('a', name)), { code: 'unsupported', message: /cannot name/ });
      throws(() => encodePickle(new PyGlobal(name, 'a')), { code: 'unsupported', message: /cannot name/ });
    }
  });
  test('keyword arguments need a class', () => {
    const object = new PyObject('reduce', new PyGlobal('a', 'b'), EMPTY_TUPLE, PyDict.of([['k', 1]]));
    throws(() => encodePickle(object), { code: 'unsupported', message: /keyword/ });
  });
});

suite('encodePickle: numbers', ({ test }) => {
  test('a bare number must be an int', () => {
    for (const number of [1.5, Number.NaN, 2 ** 53]) throws(() => encodePickle(number), { code: 'usage' });
    ok(encodePickle(-0).length > 0);
    is(readable(encodePickle(-0)), '\x80\x02K\x00.');
  });
  test('a bigint takes the shortest form, as a number does', () => {
    for (const number of [0, 255, 256, 65535, 65536, -1, 2 ** 31, -(2 ** 31), 2 ** 40]) {
      is(readable(encodePickle(BigInt(number))), readable(encodePickle(number)));
    }
  });
  test('a float keeps its bits', () => {
    is(readable(encodePickle(new PyFloat(0x7ff8dead, 0x0000beef))), '\x80\x02G\x7f\xf8\xde\xad\0\0\xbe\xef.');
    is(readable(encodePickle(PyFloat.of(-0))), '\x80\x02G\x80\0\0\0\0\0\0\0.');
  });
});
