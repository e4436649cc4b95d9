import { fixtureCases } from '../fixtures.js';
import { suiteOfReshards } from './reshard-suite.js';

/** Every layout, but not of every fixture: that is the full suite. */
const NAMES = [
  'fsdp2_adam',
  'all_dtypes',
  'all_dtypes_dcp',
  'int_keys',
  'small_transformer',
  'uneven_shards',
  'nested_lists',
];
const fixtures = fixtureCases.filter(
  ({ kind, name, torch }) =>
    torch === '2.13.0' && (kind === 'dcp' || kind === 'torch') && NAMES.includes(name),
);

await suiteOfReshards('3', fixtures, [{ placements: 'Shard(0)', rules: [['*bias', 'Replicate()']] }]);
await suiteOfReshards('2x2', fixtures, [
  { placements: 'Shard(0),Replicate()', rules: [] },
  { placements: 'Shard(0),Shard(1)', rules: [] },
]);
