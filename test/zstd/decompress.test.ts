import { createHash } from 'node:crypto';
import { MemorySource } from '../../src/io/source.js';
import { availableZstdDecoders, decompressZstd, type ZstdDecoder } from '../../src/zstd/decompress.js';
import { type ExpectedError, equal, is, ok, rejects, suite } from '../suite.js';
import { knownFrame, knownFrames } from './frames.js';

const TAKEN = knownFrames.filter(({ name }) => name !== 'too large a window');

async function decompressed(
  frame: Uint8Array,
  decoder: ZstdDecoder,
  maxByteLength = 2 ** 30,
): Promise<{ made: number; sha256: string; longest: number }> {
  const hash = createHash('sha256');
  let longest = 0;
  const made = await decompressZstd(
    new MemorySource(frame),
    maxByteLength,
    bytes => {
      hash.update(bytes);
      longest = Math.max(longest, bytes.length);
    },
    decoder,
  );
  return { made, sha256: hash.digest('hex'), longest };
}

for (const decoder of availableZstdDecoders()) {
  suite(`zstd by ${decoder}`, ({ each, test }) => {
    each(
      TAKEN,
      ({ name }) => name,
      async ({ frame, byteLength, sha256 }) => {
        const { made, sha256: found } = await decompressed(frame, decoder);
        equal([made, found], [byteLength, sha256]);
      },
    );

    test('pieces are small, however much a frame makes', async () => {
      const { frame } = knownFrame('one byte, repeated');
      const { longest } = await decompressed(frame, decoder);
      ok(frame.length < 200 && longest <= 256 << 10, `${frame.length} bytes make ${longest} at once`);
    });

    const { frame: good, byteLength } = knownFrame('streamed, several blocks');
    const sized = knownFrame('with its content size');
    const cut = (bytes: Uint8Array, end: number): Uint8Array => bytes.subarray(0, end);
    const changed = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
      const copy = Uint8Array.from(bytes);
      copy[at] = value;
      return copy;
    };
    const refused: [name: string, frame: Uint8Array, maxByteLength: number, expected: ExpectedError][] = [
      ['more bytes than there may be', good, byteLength - 1, { code: 'corrupt', message: /more bytes/ }],
      ['more bytes, declared', sized.frame, sized.byteLength - 1, { code: 'corrupt', message: /more bytes/ }],
      ['bytes behind the frame', Buffer.concat([good, Buffer.from('PK')]), 2 ** 30, { code: 'format' }],
      ['a frame cut in a block', cut(good, 1000), 2 ** 30, { code: 'corrupt', message: /cut short/ }],
      ['a frame cut between blocks', cut(good, good.length - 3), 2 ** 30, { code: 'corrupt' }],
      ['a damaged block', changed(good, 20_00, 0xff), 2 ** 30, { code: 'corrupt' }],
      [
        'no frame',
        Buffer.from('PK\x03\x04 and more'),
        2 ** 30,
        { code: 'format', message: /found 50 4b 03 04/ },
      ],
      [
        'too large a window',
        knownFrame('too large a window').frame,
        2 ** 30,
        { code: 'limit', message: /134217728 bytes at most, found 268435456/ },
      ],
    ];
    each(
      refused,
      ([name]) => `refuses ${name}`,
      async ([name, frame, maxByteLength, expected]) => {
        // Without a checksum damage may go unseen here: the archive inside has its own.
        if (name === 'a damaged block') {
          const { sha256 } = knownFrame('streamed, several blocks');
          const outcome = await decompressed(frame, decoder).catch(error => error);
          ok(outcome instanceof Error || outcome.sha256 !== sha256);
          if (outcome instanceof Error) is((outcome as { code?: string }).code, 'corrupt');
          return;
        }
        await rejects(() => decompressed(frame, decoder, maxByteLength), expected);
      },
    );

    test('cut at any byte it is refused, and never hangs', async () => {
      const { frame } = knownFrame('a single segment');
      for (let end = 1; end < frame.length; end++) {
        const error = await rejects(() => decompressed(cut(frame, end), decoder), {
          code: end < 6 ? 'format' : 'corrupt',
        });
        ok(error.message.length > 20);
      }
    });
  });
}
