import { combineCrc32, crc32, loadFastCrc32 } from '../../src/copy/crc32.js';
import { is, ok, suite } from '../suite.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

suite('crc32', ({ test, each }) => {
  test('has the check value of CRC-32/ISO-HDLC', () => is(crc32(bytes('123456789')), 0xcbf43926));

  test('of no bytes is 0', () => is(crc32(new Uint8Array(0)), 0));

  test('goes on from a seed', () => is(crc32(bytes('6789'), crc32(bytes('12345'))), 0xcbf43926));

  test('sees only the bytes of a part', () => is(crc32(bytes('x123456789x').subarray(1, 10)), 0xcbf43926));

  test('the fast one gives the same, for any length, place and seed', () => {
    const fast = loadFastCrc32();
    ok(fast !== undefined, 'the optional dependency @node-rs/crc32 is not installed');
    const block = Uint8Array.from({ length: 5000 }, (_, i) => (i * i * 31 + i) & 0xff);
    for (let length = 0; length < block.length; length = length * 2 + 1) {
      for (const start of [0, 1, 7, 800]) {
        const part = block.subarray(start, start + length);
        for (const seed of [0, 1, 0xdeadbeef])
          is(fast(part, seed), crc32(part, seed), `${start} ${length} ${seed}`);
      }
    }
  });

  // Python: zlib.crc32 up to 2^32 + 5; from there x^(8n) modulo the polynomial with Python's long integers.
  const zeros: [byteLength: number, crc: number, afterHello: number][] = [
    [0, 0, 0x3610a686],
    [1, 0xd202ef8d, 0xd6efd93e],
    [7, 0x9d6cdf7e, 0x0c4fc2ba],
    [255, 0xf48516ac, 0x5b8bcd41],
    [65537, 0xe50d43f3, 0xc69c3ae1],
    [2 ** 32 - 1, 0, 0x3610a686],
    [2 ** 32, 0xd202ef8d, 0xd6efd93e],
    [2 ** 32 + 5, 0xb1c2a1a3, 0xf6b3f2ed],
    [5 * 2 ** 30 + 123, 0x5e110133, 0x3a0a5d17],
    [2 ** 40 + 1, 0xb7bfa0ce, 0x4d6e893d],
    [2 ** 53 - 1, 0x8ee0fb39, 0xaffe212a],
  ];
  each(
    zeros,
    ([byteLength]) => `of "hello" and ${byteLength} zeros, combined`,
    ([byteLength, crc, afterHello]) => is(combineCrc32(crc32(bytes('hello')), crc, byteLength), afterHello),
  );

  test('combines any split of a text', () => {
    const text = bytes('The quick brown fox jumps over the lazy dog');
    for (let at = 0; at <= text.length; at++) {
      const [head, tail] = [text.subarray(0, at), text.subarray(at)];
      is(combineCrc32(crc32(head), crc32(tail), tail.length), 0x414fa339, `split at ${at}`);
    }
  });

  test('combines many parts in order', () => {
    const whole = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >>> 3);
    let crc = 0;
    for (let at = 0, step = 1; at < whole.length; at += step, step = (step * 3) % 7919) {
      const part = whole.subarray(at, at + step);
      crc = combineCrc32(crc, crc32(part), part.length);
    }
    is(crc, crc32(whole));
  });
});
