import { MemorySource } from '../../src/io/source.js';
import { decodeFrameHeader, readZstdFrame } from '../../src/zstd/frame.js';
import { equal, is, rejects, suite, throws } from '../suite.js';
import { knownFrame } from './frames.js';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

suite('zstd frames', ({ each, test }) => {
  // RFC 8878, 3.1.1.1: descriptor, window, dictionary id, content size.
  each(
    [
      ['as torch writes', [0x00, 0x58], 6, 2 ** 21, undefined, false],
      ['a window of 1 KiB', [0x00, 0x00], 6, 1024, undefined, false],
      ['a window with eighths', [0x00, 0x5b], 6, 2 ** 21 * 1.375, undefined, false],
      ['a checksum', [0x04, 0x58], 6, 2 ** 21, undefined, true],
      ['one segment of 200 bytes', [0x20, 200], 6, 200, 200, false],
      ['one segment of 256 bytes and more', [0x60, 0x10, 0x01], 7, 0x110 + 256, 0x110 + 256, false],
      ['four bytes of size', [0x80, 0x58, 1, 2, 0, 0], 10, 2 ** 21, 513, false],
      ['eight bytes of size', [0xc0, 0x58, 0, 0, 0, 0, 1, 0, 0, 0], 14, 2 ** 21, 2 ** 32, false],
      ['dictionary id 0, which is none', [0x01, 0x58, 0], 7, 2 ** 21, undefined, false],
    ] as const,
    ([name]) => name,
    ([, rest, byteLength, windowByteLength, contentByteLength, hasChecksum]) =>
      equal(decodeFrameHeader(bytes(...MAGIC, ...rest)), {
        byteLength,
        windowByteLength,
        contentByteLength,
        hasChecksum,
      }),
  );

  test('what a header may not be', () => {
    throws(() => decodeFrameHeader(bytes(...MAGIC)), { code: 'format', message: /found 4 bytes/ });
    throws(() => decodeFrameHeader(bytes(...MAGIC, 0x01, 0x58, 7)), {
      code: 'format',
      message: /dictionary/,
    });
    throws(() => decodeFrameHeader(bytes(...MAGIC, 0xc0, 0x58, 1)), {
      code: 'corrupt',
      message: /cut short/,
    });
    throws(() => decodeFrameHeader(bytes(...MAGIC, 0xe0, 0, 0, 0, 0, 1, 0, 0, 0)), { code: 'limit' });
  });

  test('the end of the first frame is found without decompressing', async () => {
    const { frame } = knownFrame('with a checksum');
    const two = Buffer.concat([frame, frame]);
    is((await readZstdFrame(new MemorySource(two))).byteLength, frame.length);
  });

  // A window of 1 KiB; the block header is last | type << 1 | size << 3.
  each(
    [
      ['of a reserved type', 1 | (3 << 1), /0 bytes, type 3/],
      ['larger than the window', 1 | (1025 << 3), /1025 bytes, type 0/],
      ['that makes more than the window', 1 | (1 << 1) | (1025 << 3), /1025 bytes, type 1/],
    ] as const,
    ([name]) => `refuses a block ${name}`,
    ([, block, message]) => {
      const frame = bytes(...MAGIC, 0, 0, block & 255, block >> 8, 0);
      return rejects(() => readZstdFrame(new MemorySource(Buffer.concat([frame, new Uint8Array(2000)]))), {
        code: 'corrupt',
        message,
      });
    },
  );
});
