import { pickleExtent } from '../../src/pickle/extent.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import { bytesOf, pickles } from './corpus.js';

suite('how far a pickle reaches', ({ each, test }) => {
  test('behind its STOP, whatever follows', () => {
    equal(pickleExtent(bytesOf('N.rest'), 0), { end: 2 });
    equal(pickleExtent(bytesOf('xyzN.rest'), 3), { end: 5 });
  });

  each(
    [
      ['no bytes', bytesOf(), 1],
      ['no STOP', bytesOf('N'), 2],
      ['half a number', bytesOf('J', 1, 2), 5],
      ['half a length', bytesOf('X', 9, 0), 5],
      ['half a str', bytesOf('X', 9, 0, 0, 0, 'abc'), 14],
      ['half a frame', bytesOf(0x80, 4, 0x95, 9, 0, 0, 0, 0, 0, 0, 0, 'N.'), 20],
      ['a line without end', bytesOf('I12'), 4],
      ['one line of two', bytesOf('ca\nb'), 5],
    ] as const,
    ([what]) => `${what}: how many bytes there must be at least`,
    ([, bytes, neededByteLength]) => equal(pickleExtent(bytes, 0), { neededByteLength }),
  );

  each(
    [
      ['no opcode', bytesOf('N', 0xff), /not a pickle opcode/],
      ['an opcode that nobody can read', bytesOf(0x97, '.'), /NEXT_BUFFER/],
      ['a negative length', bytesOf('T', 0, 0, 0, 0x80), /negative length/],
      ['a memo slot that is no number', bytesOf('gx\n.'), /memo slot is not a number/],
    ] as const,
    ([what]) => `${what}: more bytes would not help`,
    ([, bytes, message]) => {
      ok(message.test(throwsAnyOf(() => pickleExtent(bytes, 0))));
    },
  );

  test('read piece by piece, every pickle of the corpus ends where it ends', () => {
    for (const { bytes, name } of pickles) {
      const behind = Uint8Array.from([...bytes, 0x4e, 0x2e]);
      for (let length = 0; ; ) {
        const extent = pickleExtent(behind.subarray(0, length), 0);
        if ('end' in extent) {
          is(extent.end, bytes.length, name);
          break;
        }
        ok(extent.neededByteLength > length && extent.neededByteLength <= bytes.length, name);
        length = extent.neededByteLength;
      }
    }
  });
});

function throwsAnyOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  return throws(action, { code: 'format' }).message;
}
