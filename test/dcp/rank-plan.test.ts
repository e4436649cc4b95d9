import { type Entry, ObjectEntry, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { localShardOf } from '../../src/checkpoint/local-shard.js';
import { DeviceMesh } from '../../src/checkpoint/mesh.js';
import { Shard } from '../../src/checkpoint/placements.js';
import { planRanks } from '../../src/dcp/rank-plan.js';
import { dtypeOf } from '../../src/dtype.js';
import { equal, suite } from '../suite.js';

const tensor = (name: string, ...shape: number[]): TensorEntry =>
  new TensorEntry(name, [name], dtypeOf('float32'), shape);
const SHARDED = ['s0', 's1', 'one'];

/** What torch 2.13 does with such a state dict of four ranks; s0, s1 and one are DTensors with Shard(0). */
const ENTRIES: Entry[] = [
  tensor('s0', 10, 3),
  tensor('s1', 10, 3),
  tensor('rep', 6),
  tensor('plain', 5),
  tensor('plain2', 2),
  new ObjectEntry('x', ['x']),
  new ObjectEntry('y', ['y']),
  tensor('one', 1, 3),
  tensor('sc'),
];

const GOLDEN = [
  ['s0', ['0: 0,0+3,3', '1: 3,0+3,3', '2: 6,0+3,3', '3: 9,0+1,3']],
  ['s1', ['0: 0,0+3,3', '1: 3,0+3,3', '2: 6,0+3,3', '3: 9,0+1,3']],
  ['rep', ['1: 0+6']],
  ['plain', ['2: 0+5']],
  ['plain2', ['3: 0+2']],
  ['x', 3],
  ['y', 3],
  ['one', ['0: 0,0+1,3', '3: 1,0+0,3']],
  ['sc', ['3: +']],
];
const ORDER = ['s0', 's1', 'one', 'rep', 'plain', 'plain2', 'x', 'y', 'sc'];

suite('dcp/rank-plan', ({ test }) => {
  test('items that several ranks hold are shared out by size', () => {
    const plan = planRanks(ENTRIES, 4, ({ fqn, shape }, rank) => {
      if (!SHARDED.includes(fqn)) return { offsets: shape.map(() => 0), sizes: shape };
      const { offsets, shape: sizes } = localShardOf(shape, {
        mesh: new DeviceMesh([4]),
        placements: [Shard(0)],
        rank,
      });
      return { offsets, sizes };
    });
    const rows = ENTRIES.map(entry => [
      entry.fqn,
      entry.kind === 'object'
        ? plan.rankOf(entry)
        : plan.shardsOf(entry).map(({ rank, box }) => `${rank}: ${box.offsets}+${box.sizes}`),
    ]);
    equal(rows, GOLDEN);
    equal(
      plan.order.map(({ fqn }) => fqn),
      ORDER,
    );
  });
});
