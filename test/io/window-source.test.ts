import { MemorySource } from '../../src/io/source.js';
import { WindowSource } from '../../src/io/window-source.js';
import { Random } from '../random.js';
import { equal, is, rejects, suite } from '../suite.js';
import { CountingSource } from '../zip/fixture.js';

const KIB = 1024;
const content = new Random(7).bytes(100 * KIB);

async function read(source: WindowSource, byteOffset: number, byteLength: number): Promise<Uint8Array> {
  const target = new Uint8Array(byteLength);
  await source.readInto(target, byteOffset);
  return target;
}

suite('WindowSource', ({ test, each }) => {
  test('gives the bytes of the whole, wherever and however often they are read', async () => {
    const source = new WindowSource(new MemorySource(content));
    const random = new Random(11);
    for (let i = 0; i < 3000; i++) {
      const start = random.int(0, content.length);
      const length = Math.min(random.int(0, random.pick([8, 700, 8192, 20_000])), content.length - start);
      equal(await read(source, start, length), content.slice(start, start + length));
    }
  });

  test('reads once what lies close together', async () => {
    const whole = new CountingSource(content);
    const source = new WindowSource(whole);
    for (let at = 0; at < 8 * KIB; at += 64) await read(source, at, 64);
    equal([whole.readCount, whole.readByteLength], [1, 8 * KIB]);
  });

  test('keeps four places: of the head, the tail, and what lies next to them', async () => {
    const whole = new CountingSource(content);
    const source = new WindowSource(whole);
    const places = [0, 20 * KIB, 40 * KIB, 60 * KIB];
    for (let i = 0; i < 10; i++) for (const at of places) await read(source, at + i * 8, 8);
    is(whole.readCount, 4);
    // A fifth takes the place of that which was used longest ago.
    await read(source, 80 * KIB, 8);
    for (const at of [20 * KIB, 40 * KIB, 60 * KIB, 80 * KIB]) await read(source, at + 100, 8);
    is(whole.readCount, 5);
    await read(source, 0, 8);
    is(whole.readCount, 6);
  });

  test('hands what is larger than a window through, and keeps nothing of it', async () => {
    const whole = new CountingSource(content);
    const source = new WindowSource(whole);
    await read(source, 0, 8 * KIB + 1);
    await read(source, 0, 8 * KIB + 1);
    equal([whole.readCount, whole.readByteLength], [2, 2 * (8 * KIB + 1)]);
  });

  test('a window ends where the whole ends', async () => {
    const whole = new CountingSource(content);
    const source = new WindowSource(whole);
    equal(await read(source, content.length - 10, 10), content.slice(-10));
    is(whole.readByteLength, 10);
  });

  each(
    [content.length - 4, content.length, content.length + 4],
    at => `what ends behind the whole is as the whole says: at ${at}`,
    async at => {
      const refusing = {
        ...new MemorySource(content),
        name: 'whole',
        byteLength: content.length,
        readInto: async () => {
          throw new RangeError('behind the end');
        },
        close() {},
      };
      let caught: unknown;
      await read(new WindowSource(refusing), at, 8).catch(error => (caught = error));
      is((caught as Error).message, 'behind the end');
    },
  );

  test('a read that fails leaves no window', async () => {
    const source = new WindowSource(new CountingSource(content, 1));
    await rejects(() => read(source, 0, 8), { code: 'file' });
    equal(await read(source, 0, 8), content.slice(0, 8));
  });

  test('has the name and length of the whole, and leaves it open', () => {
    let isClosed = false;
    const whole = new MemorySource(content);
    whole.close = () => void (isClosed = true);
    const source = new WindowSource(whole);
    equal([source.name, source.byteLength], [whole.name, whole.byteLength]);
    source.close();
    is(isClosed, false);
  });
});
