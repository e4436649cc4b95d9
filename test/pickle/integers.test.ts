import { decodePickle } from '../../src/pickle/decode.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { decodeDecimal, decodeTwosComplement, encodeTwosComplement } from '../../src/pickle/integers.js';
import { Random } from '../random.js';
import { is, suite, throws } from '../suite.js';
import { bytesOf, readable } from './corpus.js';

/** Pickles by hand: CPython's `_pickle.c`, "save_long". */
const ROWS: [number | bigint, string][] = [
  [0, 'K\x00'],
  [255, 'K\xff'],
  [256, 'M\x00\x01'],
  [65535, 'M\xff\xff'],
  [65536, 'J\x00\x00\x01\x00'],
  [2 ** 31 - 1, 'J\xff\xff\xff\x7f'],
  [2 ** 31, '\x8a\x05\x00\x00\x00\x80\x00'],
  [-1, 'J\xff\xff\xff\xff'],
  [-128, 'J\x80\xff\xff\xff'],
  [-(2 ** 31), 'J\x00\x00\x00\x80'],
  [-(2 ** 31) - 1, '\x8a\x05\xff\xff\xff\x7f\xff'],
  [-(2 ** 39), '\x8a\x05\x00\x00\x00\x00\x80'],
  [2 ** 39, '\x8a\x06\x00\x00\x00\x00\x80\x00'],
  [2 ** 53 - 1, '\x8a\x07\xff\xff\xff\xff\xff\xff\x1f'],
  [2n ** 53n, '\x8a\x07\x00\x00\x00\x00\x00\x00\x20'],
  [-(2n ** 63n), '\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80'],
  [2n ** 63n, '\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00'],
  [0x1950a86a20f9469cfc6cn, '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'],
];

suite('ints', ({ each, test }) => {
  each(
    ROWS,
    ([value]) => String(value),
    ([value, opcodes]) => {
      is(readable(encodePickle(value)), `\x80\x02${opcodes}.`);
      is(decodePickle(bytesOf(opcodes, '.')).value, value);
    },
  );
  test('255 bytes are LONG1, 256 are LONG4', () => {
    is(encodePickle(2n ** (255n * 8n - 1n) - 1n)[2], 0x8a);
    is(encodePickle(2n ** (255n * 8n - 1n))[2], 0x8b);
  });
  test('no bytes are 0, and longer forms than needed are read', () => {
    is(decodeTwosComplement(new Uint8Array(0), 0, 0), 0);
    is(decodeTwosComplement(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0), 0, 9), 1);
    is(decodeTwosComplement(new Uint8Array(9).fill(0xff), 0, 9), -1);
  });
  test('random ints come back, in the shortest form', () => {
    const random = new Random(5);
    for (let i = 0; i < 2000; i++) {
      const bytes = random.bytes(random.int(1, 20));
      const value = BigInt(decodeTwosComplement(bytes, 0, bytes.length));
      const shortest = encodeTwosComplement(value);
      is(BigInt(decodeTwosComplement(shortest, 0, shortest.length)), value);
      is(BigInt.asIntN(8 * shortest.length, value), value);
      if (shortest.length > 1) is(BigInt.asIntN(8 * (shortest.length - 1), value) === value, false);
    }
  });
  test('decimal text', () => {
    is(decodeDecimal('-0'), 0);
    is(decodeDecimal('+12'), 12);
    is(decodeDecimal('9007199254740993'), 9007199254740993n);
    is(decodeDecimal('-12345678901234567890'), -12345678901234567890n);
    for (const text of ['', '-', '1.0', '0x10', '1_0', ' '])
      throws(() => decodeDecimal(text), { code: 'format' });
  });
});
