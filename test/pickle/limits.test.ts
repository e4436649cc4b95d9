import { decodePickle } from '../../src/pickle/decode.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { PyList, PyObject, PyTuple } from '../../src/pickle/values.js';
import { is, ok, suite, throws } from '../suite.js';
import { bytesOf } from './corpus.js';

const uint32 = (n: number): number[] => [n & 0xff, (n >>> 8) & 0xff, (n >>> 16) & 0xff, n >>> 24];

suite('declared lengths', ({ each, test }) => {
  const rows: [name: string, bytes: Uint8Array][] = [
    ['BINUNICODE', bytesOf('X', ...uint32(0xffffffff), 'abc.')],
    ['BINBYTES', bytesOf('B', ...uint32(4), 'ab.')],
    ['SHORT_BINBYTES', bytesOf('C', 3, 'a.')],
    ['SHORT_BINUNICODE', bytesOf(0x8c, 9, 'a.')],
    ['BINUNICODE8', bytesOf(0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80, '.')],
    ['BINBYTES8', bytesOf(0x8e, 2, 0, 0, 0, 0, 0, 0, 0, '.')],
    ['BYTEARRAY8', bytesOf(0x96, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, '.')],
    ['LONG1', bytesOf(0x8a, 200, '.')],
    ['LONG4', bytesOf(0x8b, ...uint32(0x7fffffff), '.')],
    ['BINSTRING', bytesOf('T', ...uint32(0x7fffffff), 'abc.')],
    ['FRAME', bytesOf(0x80, 4, 0x95, 3, 0, 0, 0, 0, 0, 0, 0, 'N.')],
    ['BININT', bytesOf('J', 1, 2)],
    ['BINFLOAT', bytesOf('G', 1, 2, 3)],
    ['GLOBAL', bytesOf('ca\nb.')],
    ['INT', bytesOf('I12')],
  ];
  each(
    rows,
    ([name]) => `${name}: longer than what is left`,
    ([name, bytes]) => {
      throws(() => decodePickle(bytes), { code: 'format', message: new RegExp(`ends inside .*${name}`) });
    },
  );
  test('BINSTRING: of a negative length', () => {
    const bytes = bytesOf('T', ...uint32(0x80000000), 'abc.');
    throws(() => decodePickle(bytes), { code: 'format', message: /negative length.*-2147483648/ });
  });
  test('a frame that reaches to the last byte is fine, wherever frames end', () => {
    is(decodePickle(bytesOf(0x80, 4, 0x95, 2, 0, 0, 0, 0, 0, 0, 0, 'N.')).value, null);
  });
});

suite('bombs', ({ test }) => {
  const repeat = (text: string, count: number): string => text.repeat(count);

  test('a list inside a list inside …: refused, and followed where allowed', () => {
    const bytes = bytesOf(repeat(']', 50_000), repeat('a', 49_999), '.');
    throws(() => decodePickle(bytes), { code: 'limit', message: /nested too deeply.*1000/ });
    const { value } = decodePickle(bytes, { limits: { depth: 50_000 } });
    const again = encodePickle(value, { depth: 50_000 });
    is(decodePickle(again, { limits: { depth: 50_000 } }).byteLength, again.length);
  });
  test('what JavaScript itself refuses, such as a Map of 2^24 keys, is a limit', () => {
    const fullMap = (): never => {
      throw new RangeError('Map maximum size exceeded');
    };
    throws(() => decodePickle(bytesOf('N', 'Q.'), { persistentLoad: fullMap }), {
      code: 'limit',
      message: /more than JavaScript can/,
    });
  });
  test('tuples wrapped one by one need no height of the stack', () => {
    throws(() => decodePickle(bytesOf('N', repeat('\x85', 5000), '.')), { code: 'limit', message: /nested/ });
  });
  test('nesting that is made after the fact, through the memo', () => {
    const links = Array.from({ length: 2000 }, (_, i) =>
      bytesOf('j', ...uint32(i), 'j', ...uint32(i + 1), 'a0'),
    );
    const lists = Array.from({ length: 2001 }, (_, i) => bytesOf(']r', ...uint32(i), '0'));
    const bytes = Buffer.concat([...lists, ...links, bytesOf('j', ...uint32(0), '.')]);
    throws(() => decodePickle(bytes), { code: 'limit', message: /nested/ });
  });
  test('depth 1000 is allowed, 1001 is not', () => {
    const nested = (depth: number): Uint8Array => bytesOf(repeat(']', depth), repeat('a', depth - 1), '.');
    is(decodePickle(nested(1000)).byteLength, 2000);
    throws(() => decodePickle(nested(1001)), { code: 'limit', message: /nested/ });
  });
  test('values that refer to one value many times are not walked many times', () => {
    // Thirty levels of (x, x): 2^30 paths.
    const doubles = Array.from({ length: 30 }, (_, i) => bytesOf('q', i, 'h', i, '\x86'));
    const bytes = Buffer.concat([bytesOf(']'), ...doubles, bytesOf('.')]);
    const again = encodePickle(decodePickle(bytes).value);
    ok(again.length < 400, `${again.length} bytes`);
  });
  test('the same as dict key is refused: its text would be exponentially long', () => {
    const doubles = Array.from({ length: 30 }, (_, i) => bytesOf('q', i, 'h', i, '\x86'));
    const bytes = Buffer.concat([bytesOf('}K', 1), ...doubles, bytesOf('Ns.')]);
    throws(() => decodePickle(bytes), { code: 'limit', message: /dict key is too large/ });
  });
  test('a fetched memo slot with an absurd number', () => {
    const bytes = bytesOf('Nr', ...uint32(0xfffffff0), 'j', ...uint32(0xfffffff0), '.');
    throws(() => decodePickle(bytes), { code: 'limit', message: /memo slot/ });
  });
  test('slots that nobody fetches cost nothing, whatever their number', () => {
    is(decodePickle(bytesOf('Nr', ...uint32(0xfffffff0), '.')).value, null);
    is(decodePickle(bytesOf('N', repeat('\x94', 100_000), '.')).value, null);
  });
  test('a stack that only grows', () => {
    throws(() => decodePickle(bytesOf(repeat('N', 200), '.'), { limits: { stackEntries: 100 } }), {
      code: 'limit',
      message: /piles up/,
    });
  });
  test('an int of a million bytes, an int of 5000 digits', () => {
    const bytes = bytesOf('\x8b', ...uint32(1 << 20), repeat('\x01', 1 << 20), '.');
    throws(() => decodePickle(bytes), { code: 'limit', message: /int is too large/ });
    throws(() => decodePickle(bytesOf('L', repeat('9', 5000), 'L\n.')), { code: 'limit', message: /digits/ });
  });
  test('a run of POPs is looked through once', () => {
    const count = 100_000;
    const call = bytesOf('ca\nb\n)', 0x81, 'q', 0);
    const bytes = Buffer.concat([call, bytesOf(repeat('h\0', count), repeat('0', count + 1), 'h\0.')]);
    const { value } = decodePickle(bytes);
    ok(value instanceof PyObject);
  });
  test('the encoder stops too: a tree that the caller made endless', () => {
    const items: PyTuple[] = [];
    const endless = new PyTuple(items);
    items.push(endless);
    throws(() => encodePickle(endless), { code: 'limit', message: /nested too deeply/ });
    const list = new PyList();
    list.items.push(list);
    is(encodePickle(list).length, 9);
  });
});
