import { StagingMemory } from '../../../src/ops/save/staging.js';
import { equal, is, ok, suite } from '../../suite.js';

suite('memory of staged tensors', ({ test }) => {
  test('places do not overlap, and begin where words may', () => {
    const { arenas, places } = new StagingMemory(false).take([3, 0, 64, 1, 8]);
    is(arenas.length, 1);
    equal(
      places.map(({ byteOffset }) => byteOffset),
      [0, 64, 64, 128, 192],
    );
    is(arenas[0]!.length, 200);
    ok(arenas[0]!.buffer instanceof SharedArrayBuffer);
  });

  test('a tensor larger than a piece of memory has one of its own', () => {
    const { arenas, places } = new StagingMemory(false).take([8, 300 << 20, 8, 8]);
    equal(
      arenas.map(({ length }) => length),
      [8, 300 << 20, 72],
    );
    equal(
      places.map(({ arena }) => arena),
      [0, 1, 2, 2],
    );
  });

  test('what is in use is not handed out again', () => {
    const memory = new StagingMemory(true);
    const first = memory.take([8]);
    const second = memory.take([8]);
    ok(first.arenas[0] !== second.arenas[0]);
    memory.giveBack(first);
    is(memory.cachedByteLength, 8);
    is(memory.take([8]).arenas[0], first.arenas[0]);
    is(memory.cachedByteLength, 0);
  });

  test('memory of other lengths is not kept for ever', () => {
    const memory = new StagingMemory(true);
    memory.giveBack(memory.take([8]));
    memory.giveBack(memory.take([16]));
    is(memory.cachedByteLength, 16);
  });
});
