import { DcpError } from '../../src/errors.js';
import { MemorySource } from '../../src/io/source.js';
import { decodeEndRecord } from '../../src/zip/end-record.js';
import { equal, ok, suite } from '../suite.js';
import { contentOf, fixture } from './fixture.js';

type Content = Awaited<ReturnType<typeof contentOf>>;

/** What is read from `bytes`, or the error. Any other error than ours fails the test. */
async function outcome(bytes: Uint8Array): Promise<Content | DcpError> {
  try {
    return await contentOf(new MemorySource(bytes));
  } catch (error) {
    if (error instanceof DcpError) return error;
    throw error;
  }
}

/** Flips each bit of `[start, end)` in turn: the result is an error or exactly the old content. */
async function flipEveryBit(archive: Uint8Array, start: number, end: number): Promise<number> {
  const original = await contentOf(new MemorySource(archive));
  let refused = 0;
  for (let at = start; at < end; at++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      archive[at]! ^= bit;
      const result = await outcome(archive);
      archive[at]! ^= bit;
      if (result instanceof DcpError) refused++;
      else equal(result, original, `bit ${bit} of byte ${at}`);
    }
  }
  return refused;
}

suite('damaged archives', ({ test, each }) => {
  const names = [
    'torch-2.13.0/none.pt',
    'torch-1.7.1/views_and_tied.pt',
    'python/streamed.zip',
    'python/comment.zip',
  ];

  each(
    names,
    name => `${name} cut short at any byte is an error`,
    async name => {
      const archive = fixture(name);
      for (let byteLength = 0; byteLength < archive.length; byteLength++) {
        const result = await outcome(archive.slice(0, byteLength));
        ok(result instanceof DcpError, `${byteLength} bytes of ${archive.length} were taken for an archive`);
      }
    },
  );

  each(
    ['torch-2.13.0/none.pt', 'python/comment.zip', 'python/unicode.zip', 'python/directory_first.zip'],
    name => `${name} with any one bit of it flipped is an error or unchanged`,
    async name => {
      const archive = fixture(name);
      ok((await flipEveryBit(archive, 0, archive.length)) > archive.length);
    },
  );

  test('a deflated archive with any one bit of its directory flipped is an error or unchanged', async () => {
    const archive = fixture('python/streamed.zip');
    const { directoryByteOffset } = decodeEndRecord(archive, archive.length)!;
    ok((await flipEveryBit(archive, directoryByteOffset, archive.length)) > 1000);
  });

  test('a deflated archive with a flipped bit in its data is an error or unchanged', async () => {
    const archive = fixture('python/deflated.zip');
    ok((await flipEveryBit(archive, 100, 300)) > 1000);
  });

  test('any bytes at all in the place of the directory are an error', async () => {
    const archive = fixture('torch-2.13.0/none.pt');
    const { directoryByteOffset: start, directoryByteLength } = decodeEndRecord(archive, archive.length)!;
    let state = 1;
    for (let round = 0; round < 2000; round++) {
      const damaged = archive.slice();
      // Entries start anew with their signature, so that the decoder goes deep.
      for (let at = start + 4; at < start + directoryByteLength; at++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        if (state >>> 24 < 64) damaged[at] = (state >>> 16) & 0xff;
      }
      ok((await outcome(damaged)) instanceof DcpError);
    }
  });
});
