import { deflateRawSync, gzipSync } from 'node:zlib';
import { FileError } from '../../src/errors.js';
import { gunzipPieces, inflatePieces } from '../../src/zip/inflate.js';
import { Random } from '../random.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

const WHERE = { path: 'x' };
const data = Buffer.from(new Random(3).bytes(300_000).map(byte => byte & 7));

async function* inPieces(bytes: Uint8Array, length = 10_000): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

async function all(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const piece of pieces) found.push(piece);
  return Buffer.concat(found);
}

suite('inflating', ({ test, each }) => {
  test('gives the bytes back, whatever the pieces', async () => {
    for (const length of [1000, 65536, 1e6]) {
      const deflated = inPieces(deflateRawSync(data), length);
      is(Buffer.compare(await all(inflatePieces(deflated, data.length, WHERE)), data), 0);
      is(Buffer.compare(await all(gunzipPieces(inPieces(gzipSync(data), length), WHERE)), data), 0);
    }
  });

  test('pieces stay valid, and none is large', async () => {
    const found: Uint8Array[] = [];
    for await (const piece of gunzipPieces(inPieces(gzipSync(Buffer.alloc(2e6, 'abc')), 1e6), WHERE)) {
      found.push(piece);
    }
    ok(found.every(({ length }) => length <= 256 * 1024));
    is(Buffer.concat(found).equals(Buffer.alloc(2e6, 'abc')), true);
  });

  test('gzip of several members is all of them; of none, nothing', async () => {
    const two = Buffer.concat([gzipSync('one,'), gzipSync('two')]);
    equal((await all(gunzipPieces(inPieces(two), WHERE))).toString(), 'one,two');
    is((await all(gunzipPieces(inPieces(gzipSync('')), WHERE))).length, 0);
  });

  const flipped = gzipSync(data);
  flipped[flipped.length - 6]! ^= 1;
  each(
    [
      ['a stream that is cut', gzipSync(data).subarray(0, -9), /unexpected end of file/],
      ['another checksum', flipped, /incorrect data check/],
      ['no gzip', Buffer.from('hello world'), /incorrect header/],
    ] as const,
    ([what]) => `gzip: ${what}`,
    async ([, bytes, message]) => {
      const error = await rejects(() => all(gunzipPieces(inPieces(bytes), WHERE)), {
        code: 'corrupt',
        message,
      });
      is(error.context.path, 'x');
    },
  );

  test('it stops at the first piece too many', async () => {
    let given = 0;
    await rejects(
      async () => {
        const bomb = inPieces(deflateRawSync(Buffer.alloc(50e6)), 1000);
        for await (const piece of inflatePieces(bomb, 1000, WHERE)) given += piece.length;
      },
      { code: 'corrupt', message: /expected 1000 bytes, found \d+ bytes or more/ },
    );
    is(given, 0);
  });

  test('an error of the source comes through as it is', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield gzipSync(data).subarray(0, 100);
      throw new FileError('gone', { path: 'y' });
    }
    const error = await rejects(() => all(gunzipPieces(failing(), WHERE)), { code: 'file', message: /gone/ });
    is(error.context.path, 'y');
  });
});
