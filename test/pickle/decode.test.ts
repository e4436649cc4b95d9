import { decodePickle } from '../../src/pickle/decode.js';
import type { PyDict } from '../../src/pickle/dict.js';
import {
  EMPTY_TUPLE,
  PyFloat,
  type PyList,
  PyObject,
  PyStr,
  type PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import { bytesOf, corpus, fromBase64, pickles } from './corpus.js';
import { describe } from './describe.js';

const decode = (...parts: (string | number)[]): PyValue => decodePickle(bytesOf(...parts)).value;

suite('decodePickle: what CPython wrote', ({ each }) => {
  each(
    pickles,
    row => row.name,
    row => equal(describe(decodePickle(row.bytes).value), row.value),
  );
});

suite('decodePickle: what Python 2 wrote', ({ each, test }) => {
  each(
    corpus.python2,
    row => row.name,
    row => equal(describe(decodePickle(fromBase64(row.pickle)).value), row.value),
  );
  const eightBit = bytesOf('U', 2, 0xe9, 0x41, '.');
  test('8-bit text is UTF-8, as torch.load takes it, or an error that tells what to do', () => {
    is(decode('U', 2, 0xc3, 0xa9, '.'), 'é');
    const error = throws(() => decodePickle(eightBit), { code: 'format', message: /Python 2 is not UTF-8/ });
    ok(error.hint?.includes('latin1'));
  });
  test('8-bit text is Latin-1 or bytes on request', () => {
    is(decodePickle(eightBit, { python2Strings: 'latin1' }).value, 'éA');
    equal(decodePickle(eightBit, { python2Strings: 'utf-8 or bytes' }).value, Uint8Array.of(0xe9, 0x41));
    is(decodePickle(bytesOf('U', 2, 0xc3, 0xa9, '.'), { python2Strings: 'utf-8 or bytes' }).value, 'é');
    equal(decodePickle(eightBit, { python2Strings: 'bytes' }).value, Uint8Array.of(0xe9, 0x41));
  });
  test('a class of Python 2 keeps its name under protocol 3', () => {
    equal(describe(decode(0x80, 3, 'c__builtin__\nxrange\n.')), { global: '__builtin__ xrange' });
    equal(describe(decode(0x80, 2, 'c__builtin__\nxrange\n.')), { global: 'builtins range' });
  });
});

suite('decodePickle: values that are easily confused', ({ test }) => {
  test('an int, a float and a bool of the same value', () => {
    const list = decode(']', '(K', 1, 'G', 0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0x88, 'e.') as PyList;
    is(list.items[0], 1);
    ok(list.items[1] instanceof PyFloat && list.items[1].value === 1);
    is(list.items[2], true);
  });
  test('surrogates: alone, two in a row, and the character that they would make', () => {
    is(decode('X', 3, 0, 0, 0, 0xed, 0xa0, 0x80, '.'), '\ud800');
    is(decode('X', 4, 0, 0, 0, 0xf0, 0x90, 0x80, 0x80, '.'), '\u{10000}');
    const two = decode('X', 6, 0, 0, 0, 0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80, '.');
    ok(two instanceof PyStr && two.utf8?.length === 6);
  });
  test('a byte order mark stays part of the text', () => {
    is(decode('X', 4, 0, 0, 0, 0xef, 0xbb, 0xbf, 'a.'), '\ufeffa');
  });
  test('keys 1, 1.0 and True are one entry, with the first key and the last value', () => {
    const dict = decode(
      '}(K',
      1,
      'K',
      7,
      'G',
      0x3f,
      0xf0,
      0,
      0,
      0,
      0,
      0,
      0,
      'K',
      8,
      0x88,
      'K',
      9,
      'u.',
    ) as PyDict;
    equal([...dict.entries()], [[1, 9]]);
  });
  test('a set whose list is used elsewhere stays a call', () => {
    const tuple = describe(decode('(]q', 0, 'K', 1, 'ac__builtin__\nset\nh', 0, 0x85, 'Rt.')) as {
      tuple: unknown[];
    };
    equal(tuple.tuple[1], {
      id: 2,
      how: 'reduce',
      callable: { global: 'builtins set' },
      args: { id: 3, tuple: [{ ref: 1 }] },
    });
  });
  test('bytes in another codec than latin1 stay a call', () => {
    ok(decode('c_codecs\nencode\nX', 1, 0, 0, 0, 'aX', 5, 0, 0, 0, 'ascii', 0x86, 'R.') instanceof PyObject);
  });
});

suite('decodePickle: dropped values', ({ test }) => {
  const object = 'cm\nC\n)\x81';
  test('state from a setter call is kept, whatever follows', () => {
    const [first] = (decode('(', object, 'q', 0, 'cm\nset\nh', 0, 'K', 7, '\x86R0h', 0, 't.') as PyTuple)
      .items;
    ok(first instanceof PyObject);
    is(first.state, 7);
    equal(describe(first.stateSetter!), { global: 'm set' });
  });
  test('a call of the same form whose pair is in the memo is not a setter call', () => {
    const bytes = bytesOf('(', object, 'q', 0, 'cm\nset\nh', 0, 'K', 7, '\x86q', 1, 'R0t.');
    throws(() => decodePickle(bytes), { code: 'unsupported', message: /drops its result/ });
  });
  test('plain values may be dropped', () => {
    is(decode('K', 1, 'K', 2, '0(]N1.'), 1);
  });
});

suite('decodePickle: objects as keys', ({ test }) => {
  const object = 'cm\nC\n)\x81';
  test('one object twice is one entry, two objects are two', () => {
    const dict = decode('}(', object, 'q', 0, 'K', 1, object, 'K', 2, 'h', 0, 'K', 3, 'u.') as PyDict;
    equal([...dict.values()], [3, 2]);
  });
  test('many of them, found by identity', () => {
    const dict = decode(
      '}(',
      `${object}K\x01`.repeat(50),
      object,
      'q',
      0,
      'K',
      2,
      'h',
      0,
      'K',
      3,
      'u.',
    ) as PyDict;
    is(dict.size, 51);
    is(dict.get([...dict.keys()][50]!), 3);
    is(dict.get(new PyObject('newobj', 'C', EMPTY_TUPLE)), undefined);
  });
});

suite('decodePickle: extent', ({ test }) => {
  test('what follows STOP is left alone and its place is told', () => {
    equal(decodePickle(bytesOf('K', 7, '.rest')), { value: 7, byteLength: 3 });
  });
  test('values are copies, also where the bytes are a Buffer', () => {
    const buffer = Buffer.from('C\x02ab.', 'latin1');
    const { value } = decodePickle(buffer);
    buffer.fill(0);
    equal(value, Uint8Array.of(0x61, 0x62));
  });
  test('start: pickles in a row', () => {
    const bytes = bytesOf('K', 1, '.', 'K', 2, '.');
    equal(decodePickle(bytes, { start: 3 }), { value: 2, byteLength: 3 });
    is(
      throws(() => decodePickle(bytesOf('K', 1, '.', '?'), { start: 3 }), { code: 'format' }).context
        .byteOffset,
      3,
    );
  });
});

suite('decodePickle: the stack and the memo', ({ each }) => {
  const rows: [
    name: string,
    code: 'format' | 'unsupported' | 'limit',
    message: RegExp,
    byteOffset: number,
    bytes: Uint8Array,
  ][] = [
    ['nothing', 'format', /without STOP/, 0, bytesOf()],
    ['no STOP', 'format', /without STOP/, 2, bytesOf('K', 1)],
    ['not an opcode', 'format', /not a pickle opcode.*0xff/, 1, bytesOf('N', 0xff, '.')],
    ['STOP without a value', 'format', /STOP finds too few values/, 0, bytesOf('.')],
    ['two results', 'format', /leaves values/, 2, bytesOf('NN.')],
    ['a mark left over', 'format', /leaves values|too few/, 2, bytesOf('N(.')],
    ['REDUCE on one value', 'format', /REDUCE finds too few values/, 1, bytesOf(')R.')],
    ['TUPLE2 on one value', 'format', /TUPLE2 finds too few values/, 1, bytesOf('N', 0x86, '.')],
    ['TUPLE1 behind a mark', 'format', /TUPLE1 finds too few values/, 2, bytesOf('N(', 0x85, '.')],
    ['APPENDS without MARK', 'format', /APPENDS without a MARK/, 2, bytesOf(']Ne.')],
    ['APPENDS without a list', 'format', /APPENDS finds too few values/, 2, bytesOf('(Ne.')],
    ['APPEND to an int', 'format', /APPEND on a value.*an int/, 3, bytesOf('K', 1, 'Na.')],
    ['SETITEMS with a key alone', 'format', /SETITEMS has a key without a value/, 3, bytesOf('}(Nu.')],
    ['DICT with a key alone', 'format', /DICT has a key without a value/, 2, bytesOf('(Nd.')],
    ['SETITEM on a tuple', 'format', /SETITEM on a value.*a tuple/, 3, bytesOf(')NNs.')],
    ['ADDITEMS to a list', 'format', /ADDITEMS on a value.*a list/, 3, bytesOf('](N', 0x90, '.')],
    ['BUILD on a dict', 'format', /BUILD on a value.*a dict/, 2, bytesOf('}}b.')],
    [
      'REDUCE of an int',
      'format',
      /REDUCE finds another kind.*a class or function, found an int/,
      3,
      bytesOf('K', 1, ')R.'),
    ],
    ['REDUCE with a list', 'format', /REDUCE finds another kind.*found a list/, 6, bytesOf('ca\nb\n]R.')],
    ['NEWOBJ with a list', 'format', /NEWOBJ finds another kind/, 6, bytesOf('ca\nb\n]', 0x81, '.')],
    [
      'NEWOBJ_EX with a tuple',
      'format',
      /NEWOBJ_EX finds another kind.*keyword/,
      7,
      bytesOf('ca\nb\n))', 0x92, '.'),
    ],
    ['OBJ without a class', 'format', /OBJ finds no class/, 1, bytesOf('(o.')],
    ['GET of nothing', 'format', /BINGET fetches a memo slot.*slot 3/, 0, bytesOf('h', 3, '.')],
    ['GET before PUT', 'format', /BINGET fetches a memo slot/, 0, bytesOf('h', 0, 'q', 0, '.')],
    ['PUT of nothing', 'format', /BINPUT finds too few values/, 0, bytesOf('q', 0, 'h', 0, '.')],
    ['GET without a number', 'format', /memo slot is not a number/, 0, bytesOf('gx\n.')],
    ['a list as key', 'format', /A list cannot be a dict key/, 3, bytesOf('}]Ns.')],
    ['a dict in a tuple as key', 'format', /A dict cannot be a dict key/, 4, bytesOf('}}', 0x85, 'Ns.')],
    ['text that is not UTF-8', 'format', /not UTF-8.*0xff/, 5, bytesOf('X', 1, 0, 0, 0, 0xff, '.')],
    ['overlong UTF-8', 'format', /not UTF-8/, 5, bytesOf('X', 2, 0, 0, 0, 0xc0, 0x80, '.')],
    ['an int that is not one', 'format', /not decimal text/, 0, bytesOf('I1x\n.')],
    ['a float that is not one', 'format', /float is not decimal/, 0, bytesOf('F1_0\n.')],
    ['a STRING without quotes', 'format', /not in quotes/, 0, bytesOf('Sab\n.')],
    ['a broken escape', 'format', /escape/, 0, bytesOf('V\\u12\n.')],
    ['protocol 6', 'unsupported', /protocol.*found 6/, 0, bytesOf(0x80, 6, 'N.')],
    ['EXT1', 'unsupported', /EXT1/, 0, bytesOf(0x82, 1, '.')],
    ['EXT2', 'unsupported', /EXT2/, 0, bytesOf(0x83, 1, 0, '.')],
    ['EXT4', 'unsupported', /EXT4/, 0, bytesOf(0x84, 1, 0, 0, 0, '.')],
    ['NEXT_BUFFER', 'unsupported', /NEXT_BUFFER/, 0, bytesOf(0x97, '.')],
    ['READONLY_BUFFER', 'unsupported', /READONLY_BUFFER/, 1, bytesOf('N', 0x98, '.')],
    [
      'a computed name',
      'unsupported',
      /STACK_GLOBAL.*a str and an int/,
      5,
      bytesOf(0x8c, 1, 'a', 'K', 1, 0x93, '.'),
    ],
    ['a second state', 'unsupported', /second state/, 10, bytesOf('ca\nb\n)', 0x81, '}b}b.')],
    [
      'items after the state',
      'unsupported',
      /APPEND on an object that is already complete/,
      10,
      bytesOf('ca\nb\n)', 0x81, '}bNa.'),
    ],
    ['a call for its effects', 'unsupported', /drops its result/, 7, bytesOf('ca\nb\n)R0N.')],
    ['MEMOIZE after a gap', 'unsupported', /MEMOIZE/, 3, bytesOf('Nq', 7, 0x94, '.')],
  ];
  each(
    rows,
    ([name]) => name,
    ([, code, message, byteOffset, bytes]) => {
      const error = throws(() => decodePickle(bytes), { code, message });
      is(error.context.byteOffset, byteOffset);
    },
  );
});
