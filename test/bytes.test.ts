import {
  decodeLatin1,
  decodeUtf8,
  encodeLatin1,
  encodeUtf8,
  hasSurrogatePairBytes,
  readInt32BE,
  readInt32LE,
  readUint16LE,
  readUint32LE,
  readUint64LE,
} from '../src/bytes.js';
import { Random } from './random.js';
import { equal, is, suite, throws } from './suite.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** Text, and its bytes as Python's `text.encode('utf-8', 'surrogatepass')` gives them. */
const TEXTS: [name: string, text: string, bytes: Uint8Array][] = [
  ['nothing', '', bytes()],
  ['ASCII', 'a\0\x7f', bytes(0x61, 0, 0x7f)],
  ['two bytes', '\x80\u07ff', bytes(0xc2, 0x80, 0xdf, 0xbf)],
  ['three bytes', '\u0800\uffff', bytes(0xe0, 0xa0, 0x80, 0xef, 0xbf, 0xbf)],
  ['four bytes', '\u{10000}\u{10ffff}', bytes(0xf0, 0x90, 0x80, 0x80, 0xf4, 0x8f, 0xbf, 0xbf)],
  ['a byte order mark', '\ufeffa', bytes(0xef, 0xbb, 0xbf, 0x61)],
  ['a high surrogate', '\ud800', bytes(0xed, 0xa0, 0x80)],
  ['a low surrogate between others', 'a\udfffé', bytes(0x61, 0xed, 0xbf, 0xbf, 0xc3, 0xa9)],
  ['low before high', '\udc00\ud800', bytes(0xed, 0xb0, 0x80, 0xed, 0xa0, 0x80)],
];

suite('UTF-8 with surrogates', ({ each, test }) => {
  each(
    TEXTS,
    ([name]) => name,
    ([, text, encoded]) => {
      equal(encodeUtf8(text), encoded);
      is(decodeUtf8(encoded), text);
    },
  );
  each(
    [
      ['a continuation byte alone', bytes(0x61, 0x80), 1],
      ['a character cut short', bytes(0xe2, 0x82), 0],
      ['overlong NUL', bytes(0xc0, 0x80), 0],
      ['overlong in three bytes', bytes(0xe0, 0x9f, 0xbf), 0],
      ['overlong in four bytes', bytes(0xf0, 0x8f, 0xbf, 0xbf), 0],
      ['beyond U+10FFFF', bytes(0xf4, 0x90, 0x80, 0x80), 0],
      ['five bytes', bytes(0xf8, 0x88, 0x80, 0x80, 0x80), 0],
      ['wrong after a surrogate', bytes(0xed, 0xa0, 0x80, 0xff), 3],
    ] as [string, Uint8Array, number][],
    ([name]) => `${name} is refused`,
    ([, encoded, byteOffset]) => {
      is(
        throws(() => decodeUtf8(encoded), { code: 'format', message: /not UTF-8/ }).context.byteOffset,
        byteOffset,
      );
    },
  );
  test('a part of the bytes; long text', () => {
    is(decodeUtf8(bytes(0xff, 0x61, 0x62, 0xff), 1, 3), 'ab');
    const long = 'x\ud800é'.repeat(5000);
    is(decodeUtf8(encodeUtf8(long)), long);
  });
  test('random text comes back', () => {
    const random = new Random(3);
    for (let i = 0; i < 500; i++) {
      const text = Array.from({ length: random.int(0, 9) }, () =>
        String.fromCodePoint(random.pick([random.int(0, 0x10ffff), random.int(0xd7f0, 0xe010), 0x41])),
      ).join('');
      is(decodeUtf8(encodeUtf8(text)), text);
    }
  });
  test('two surrogates stored as two are told from the character that they would make', () => {
    const [, , character] = TEXTS[4]!;
    const two = bytes(0x61, 0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80);
    is(decodeUtf8(two), 'a\u{10000}');
    is(hasSurrogatePairBytes(two), true);
    is(hasSurrogatePairBytes(two, 2), false);
    is(hasSurrogatePairBytes(two, 0, 6), false);
    is(hasSurrogatePairBytes(character), false);
    is(hasSurrogatePairBytes(bytes(0xed, 0xb0, 0x80, 0xed, 0xa0, 0x80)), false);
    is(hasSurrogatePairBytes(bytes(0xed, 0x9f, 0xbf, 0xed, 0xb0, 0x80)), false);
  });
});

suite('text longer than a string can be', ({ test }) => {
  test('is refused by its length, before it is looked at', () => {
    throws(() => decodeUtf8(new Uint8Array(0), 0, 2 ** 29), {
      code: 'limit',
      message: /536870888 bytes at most/,
    });
  });
});

suite('Latin-1', ({ test }) => {
  test('every byte is the character of its number', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const text = decodeLatin1(all);
    for (let i = 0; i < 256; i++) is(text.charCodeAt(i), i);
    equal(encodeLatin1(text), all);
  });
  test('long runs, parts, other characters', () => {
    const long = new Uint8Array(100_000).fill(0xe9);
    is(decodeLatin1(long), 'é'.repeat(100_000));
    is(decodeLatin1(bytes(0x61, 0x62, 0x63), 1, 2), 'b');
    is(encodeLatin1('aĀ'), undefined);
  });
});

suite('numbers in bytes', ({ test }) => {
  const data = bytes(0x00, 0x01, 0x82, 0xff, 0xfe, 0x00, 0x00, 0x00, 0x80);
  test('little-endian', () => {
    is(readUint16LE(data, 1), 0x8201);
    is(readUint32LE(data, 1), 0xfeff8201);
    is(readInt32LE(data, 1), 0xfeff8201 - 2 ** 32);
    is(readUint64LE(data, 1), 0x80000000 * 2 ** 32 + 0xfeff8201);
    is(readUint64LE(bytes(1, 0, 0, 0, 1, 0, 0, 0), 0), 2 ** 32 + 1);
  });
  test('big-endian', () => {
    is(readInt32BE(data, 0), 0x000182ff);
    is(readInt32BE(data, 2), 0x82fffe00 - 2 ** 32);
  });
});
