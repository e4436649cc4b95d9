import type { Box } from '../../src/checkpoint/box.js';
import { proveCoverage } from '../../src/checkpoint/coverage.js';
import { Random } from '../random.js';
import { equal, is, suite, throws } from '../suite.js';

const box = (offsets: number[], sizes: number[]): Box => ({ offsets, sizes });

/** Cuts a box at random places, again and again: a tiling that is right by construction. */
function randomTiling(shape: number[], random: Random): Box[] {
  let boxes = [
    box(
      shape.map(() => 0),
      shape,
    ),
  ];
  for (let cut = random.int(0, 12); cut > 0; cut--) {
    const index = random.int(0, boxes.length - 1);
    const { offsets, sizes } = boxes[index]!;
    const d = random.int(0, shape.length - 1);
    if (sizes[d]! < 2) continue;
    const at = random.int(1, sizes[d]! - 1);
    boxes = boxes.toSpliced(
      index,
      1,
      box([...offsets], sizes.with(d, at)),
      box(offsets.with(d, offsets[d]! + at), sizes.with(d, sizes[d]! - at)),
    );
  }
  return random.shuffle(boxes);
}

suite('coverage', ({ test, each }) => {
  each(
    [
      { name: 'a 0-d tensor', shape: [], boxes: [box([], [])], used: [0], replicaCount: 0 },
      { name: 'an empty tensor without chunks', shape: [0, 4], boxes: [], used: [], replicaCount: 0 },
      {
        name: 'rows',
        shape: [4, 3],
        boxes: [box([2, 0], [2, 3]), box([0, 0], [2, 3])],
        used: [0, 1],
        replicaCount: 0,
      },
      {
        name: 'empty shards, which start at the end',
        shape: [2, 3],
        boxes: [box([0, 0], [1, 3]), box([1, 0], [1, 3]), box([2, 0], [0, 3]), box([2, 0], [0, 3])],
        used: [0, 1],
        replicaCount: 0,
      },
      {
        name: 'replicas: the first is used',
        shape: [2],
        boxes: [box([0], [1]), box([0], [1]), box([1], [1]), box([0], [1])],
        used: [0, 2],
        replicaCount: 2,
      },
    ],
    ({ name }) => `accepts ${name}`,
    ({ shape, boxes, used, replicaCount }) => equal(proveCoverage(shape, boxes), { used, replicaCount }),
  );

  each(
    [
      {
        name: 'a hole in the middle',
        shape: [6, 4],
        boxes: [box([0, 0], [2, 4]), box([4, 0], [2, 4])],
        code: 'corrupt' as const,
        message: /expected 24 elements of shape \[6, 4\], found 16 elements; the first gap is \[2:4, 0:4\]/,
      },
      {
        name: 'a hole in a grid',
        shape: [4, 4],
        boxes: [box([0, 0], [2, 2]), box([2, 0], [2, 2]), box([2, 2], [2, 2])],
        code: 'corrupt' as const,
        message: /first gap is \[0:2, 2:4\]/,
      },
      {
        name: 'no chunk at all',
        shape: [2],
        boxes: [],
        code: 'corrupt' as const,
        message: /found 0 elements/,
      },
      {
        name: 'a partial overlap of equal volume',
        shape: [4],
        boxes: [box([0], [2]), box([1], [2])],
        code: 'corrupt' as const,
        message: /overlap.*\[0:2\] and \[1:3\]/,
      },
      {
        name: 'a box past the end',
        shape: [4],
        boxes: [box([2], [3])],
        code: 'format' as const,
        message: /outside its tensor.*\[2:5\]/,
      },
      {
        name: 'a box of another dimension count',
        shape: [4],
        boxes: [box([0, 0], [4, 1])],
        code: 'format' as const,
        message: /outside its tensor/,
      },
    ],
    ({ name }) => `refuses ${name}`,
    ({ shape, boxes, code, message }) => throws(() => proveCoverage(shape, boxes), { code, message }),
  );

  test('random tilings are accepted; without one box, and with one box grown, they are not', () => {
    const random = new Random(5);
    for (let round = 0; round < 300; round++) {
      const shape = Array.from({ length: random.int(1, 3) }, () => random.int(1, 9));
      const boxes = randomTiling(shape, random);
      is(proveCoverage(shape, boxes).used.length, boxes.length);
      const victim = random.int(0, boxes.length - 1);
      throws(() => proveCoverage(shape, boxes.toSpliced(victim, 1)), {
        code: 'corrupt',
        message: /stored nowhere/,
      });
      const { offsets, sizes } = boxes[victim]!;
      const d = offsets.findIndex((start, i) => start + sizes[i]! < shape[i]!);
      if (d < 0) continue;
      const grown = boxes.with(victim, box([...offsets], sizes.with(d, sizes[d]! + 1)));
      throws(() => proveCoverage(shape, grown), { code: 'corrupt', message: /overlap/ });
    }
  });
});
