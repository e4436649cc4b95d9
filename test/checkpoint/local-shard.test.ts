import { readFileSync } from 'node:fs';
import { intersection } from '../../src/checkpoint/box.js';
import { type LocalShard, localShardOf, wholeTensor } from '../../src/checkpoint/local-shard.js';
import { DeviceMesh } from '../../src/checkpoint/mesh.js';
import { parsePlacements, Replicate, Shard, StridedShard } from '../../src/checkpoint/placements.js';
import { equal, is, ok, suite, throws } from '../suite.js';

/** What torch says a rank holds: see fixtures/placements/make_placements.py. */
interface TorchCase {
  mesh: number[];
  shape: number[];
  placements: string;
  ranks: { shape: number[]; offsets: number[]; runs?: [number, number][][] }[];
}

const path = new URL('../../../fixtures/placements/local-shards.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: TorchCase[] };

/** Row-major element numbers of the boxes, in the order of the local tensor. */
function elementsOf(shape: readonly number[], shard: LocalShard): number[] {
  const elements: number[] = [];
  for (const { box, localOffsets } of shard.boxes) {
    const visit = (d: number, global: number, local: number): void => {
      if (d === shape.length) {
        elements[local] = global;
        return;
      }
      for (let i = 0; i < box.sizes[d]!; i++) {
        visit(
          d + 1,
          global * shape[d]! + box.offsets[d]! + i,
          local * shard.shape[d]! + localOffsets[d]! + i,
        );
      }
    };
    visit(0, 0, 0);
  }
  return elements;
}

/** The same numbers from torch's runs of each dimension. */
function elementsOfRuns(shape: readonly number[], runs: [number, number][][]): number[] {
  let elements = [0];
  for (const [d, ofDimension] of runs.entries()) {
    const positions = ofDimension.flatMap(([start, end]) =>
      Array.from({ length: end - start }, (_, i) => start + i),
    );
    elements = elements.flatMap(element => positions.map(position => element * shape[d]! + position));
  }
  return elements;
}

suite('local shards are torch’s', ({ test, each }) => {
  test('the golden has cases of every kind', () => {
    ok(cases.length >= 400, `${cases.length} cases`);
    ok(
      cases.some(({ ranks }) => ranks.some(({ runs }) => runs?.some(ofDimension => ofDimension.length > 2))),
    );
    ok(cases.some(({ shape, ranks }) => !shape.includes(0) && ranks.some(rank => rank.runs === undefined)));
  });

  const meshes = [...new Set(cases.map(({ mesh }) => mesh.join('x')))];
  each(
    meshes,
    mesh => `every rank of mesh ${mesh}`,
    mesh => {
      for (const row of cases.filter(({ mesh: shape }) => shape.join('x') === mesh)) {
        const placements = parsePlacements(row.placements);
        for (const [rank, expected] of row.ranks.entries()) {
          const shard = localShardOf(row.shape, { mesh: new DeviceMesh(row.mesh), placements, rank });
          const label = `${row.placements} of [${row.shape}], rank ${rank}`;
          equal([shard.shape, shard.offsets], [expected.shape, expected.offsets], label);
          const runs = expected.runs;
          equal(
            elementsOf(row.shape, shard),
            runs === undefined ? [] : elementsOfRuns(row.shape, runs),
            label,
          );
        }
      }
    },
  );

  test('ranks of a mesh without replication hold every element once', () => {
    const mesh = new DeviceMesh([2, 3]);
    const held = Array.from({ length: 6 }, (_, rank) =>
      elementsOf([7, 5], localShardOf([7, 5], { mesh, placements: [StridedShard(0, 2), Shard(1)], rank })),
    ).flat();
    equal(
      held.sort((a, b) => a - b),
      Array.from({ length: 35 }, (_, i) => i),
    );
  });

  test('boxes of a billion rows are as few as those of ten', () => {
    const { shape, boxes } = localShardOf([1e9, 4], {
      mesh: new DeviceMesh([2, 2]),
      placements: [StridedShard(0, 4), Shard(1)],
      rank: 3,
    });
    equal([shape, boxes.length], [[5e8, 2], 4]);
    equal(boxes[1], { box: { offsets: [375e6, 2], sizes: [125e6, 2] }, localOffsets: [125e6, 0] });
    is(intersection(boxes[0]!.box, boxes[1]!.box), undefined);
  });

  test('negative dimensions count from the last', () => {
    const mesh = new DeviceMesh([2]);
    equal(
      localShardOf([4, 6], { mesh, placements: [Shard(-1)], rank: 1 }),
      localShardOf([4, 6], { mesh, placements: [Shard(1)], rank: 1 }),
    );
  });

  test('without a mesh a process holds the whole tensor', () => {
    equal(wholeTensor([2, 3]).boxes, [{ box: { offsets: [0, 0], sizes: [2, 3] }, localOffsets: [0, 0] }]);
    equal(wholeTensor([]).boxes, [{ box: { offsets: [], sizes: [] }, localOffsets: [] }]);
    equal(wholeTensor([0, 3]).boxes, []);
  });

  const mesh = new DeviceMesh([2, 2]);
  each(
    [
      { placements: [Shard(0)], shape: [4], rank: 0, message: /needs one placement.*expected 2.*found 1/ },
      {
        placements: [Shard(0), Shard(1)],
        shape: [4],
        rank: 0,
        message: /2 dimensions at least.*shape \[4\]/,
      },
      { placements: [Shard(-2), Replicate()], shape: [4], rank: 0, message: /2 dimensions at least/ },
      { placements: [Shard(0), Replicate()], shape: [], rank: 0, message: /shape \[\]/ },
      { placements: [Shard(0), Replicate()], shape: [4], rank: 4, message: /0 to 3 in mesh 2x2.*found 4/ },
    ],
    ({ message }) => `refused: ${message.source}`,
    ({ message, shape, ...sharding }) =>
      throws(() => localShardOf(shape, { mesh, ...sharding }), { code: 'usage', message }),
  );

  test('a split factor that gives a box a row has its limit', () => {
    throws(
      () => localShardOf([1e9], { mesh: new DeviceMesh([2]), placements: [StridedShard(0, 5e8)], rank: 0 }),
      { code: 'limit', message: /too many boxes/ },
    );
  });
});
