import { fixtureCases } from '../fixtures.js';
import { suiteOfReshards } from '../interop/reshard-suite.js';

const fixtures = fixtureCases.filter(({ kind }) => kind === 'dcp' || kind === 'torch');

for (const ranks of ['1', '2', '4', '8']) {
  await suiteOfReshards(ranks, fixtures, [
    { placements: 'Shard(0)', rules: [] },
    { placements: 'Shard(1)', rules: [['*weight', 'Shard(0)']] },
  ]);
}
for (const mesh of ['2x2', '2x4']) {
  await suiteOfReshards(mesh, fixtures, [
    { placements: 'Replicate(),Shard(0)', rules: [] },
    { placements: 'Shard(0),Shard(1)', rules: [] },
    { placements: 'Shard(0),Shard(0)', rules: [['*bias', 'Shard(0),Replicate()']] },
  ]);
}
