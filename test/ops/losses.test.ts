import { join } from 'node:path';
import type { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { dcpToTorchSave, type LossKind, torchSaveToDcp } from '../../src/index.js';
import { lossesOfDcpSave } from '../../src/ops/losses.js';
import { openTorchFile } from '../../src/torch/reader.js';
import { type FixtureCase, fixtureCases, fixturePath, golden } from '../fixtures.js';
import { REFUSED, REFUSED_UNLESS_ALLOWED } from '../goldens/refused.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, suite } from '../suite.js';
import { call, dict, tensor, torchFile } from '../torch/hand-made.js';

type Expected = [kind: LossKind, count: number, first: string][];

/**
 * What `torch_to_dcp` cannot keep of each file: counted in the Python code that made it, by name, or by release
 * and name. Cases that are not named lose nothing.
 */
const OF_FILES: Readonly<Record<string, Expected>> = {
  // {'x': [{}, 1]}
  list_of_empty_dict: [['empty_mapping', 1, 'x.0']],
  // empty, nested.empty, list_of_empty.0, optimizer.state
  empty_dicts: [['empty_mapping', 4, 'empty']],
  strides: [
    // row_slice, row, block and column are parts of one grid.
    ['shared_storage', 3, 'row'],
    // block, column, every_other_row, every_third_column, expanded, expanded_scalar, overlapping, diagonal,
    // transposed_block: not dense, so what is saved is a copy. Transposed and channels-last tensors are dense.
    ['strides', 9, 'block'],
  ],
  tied: [
    // head; b; three views of one base; both parameters, which are the model's own.
    ['shared_storage', 7, 'model.head.weight'],
    ['tensor_type', 2, 'parameters.embedding.weight'],
  ],
  module_state: [
    // The eight parameters and five buffers stand in the state dict too.
    ['shared_storage', 13, 'parameters.frozen'],
    // Eight parameters, nn.Buffer `table` with its attributes, and `marked`.
    ['tensor_type', 10, 'parameters.frozen'],
    ['mapping_type', 1, 'state_dict'],
  ],
  lazy_views: [
    // conj, conj_transposed and conj_neg view `plain`.
    ['shared_storage', 3, 'conj'],
    // `neg` is every other float of a complex tensor.
    ['strides', 1, 'neg'],
  ],
  // Four parameters of two linear layers.
  int_keys: [['key_type', 4, 'optimizer.state.0']],
  // `column` views `weight`, and is not dense.
  legacy_python_2: [
    ['shared_storage', 1, 'column'],
    ['strides', 1, 'column'],
  ],
  // What training_run and tied lose.
  legacy_training_run: [
    ['shared_storage', 7, 'model.head.weight'],
    ['tensor_type', 2, 'parameters.embedding.weight'],
    ['key_type', 4, 'optimizer.state.0'],
  ],
  // `again` is `part` transposed; `part` itself lies in the memory of `root`; `parameter` stands in two places.
  legacy_by_hand: [
    ['shared_storage', 3, 'part'],
    ['tensor_type', 2, 'parameter'],
    ['mapping_type', 1, '(root)'],
  ],
  training_run: [['key_type', 4, 'optimizer.state.0']],
  // True, None, 2.5, (1, 't'), 2**70, -1
  odd_keys: [['key_type', 6, 'by_key.True']],
  top_level_state_dict: [['mapping_type', 1, '(root)']],
  // Six parameters: weight and bias of two linear layers and of a batch norm.
  train_state: [
    ['mapping_type', 1, 'model'],
    ['key_type', 6, 'optimizer.state.0'],
  ],
  views_and_tied: [
    // row, block, col and t view base; head is emb.
    ['shared_storage', 5, 'row'],
    ['tensor_type', 2, 'emb'],
    ['mapping_type', 1, '(root)'],
    // block, col, expanded
    ['strides', 3, 'block'],
  ],
};

/** What `dcp_to_torch` cannot keep of each directory, but for requires_grad: that is counted in the goldens. */
const OF_DIRECTORIES: Readonly<Record<string, Expected>> = {
  list_of_empty_dict_dcp: [['list_gap', 1, 'x.0']],
  // transposed, permuted, channels_last, channels_last_3d, transposed_block: items keep dense strides.
  strides_dcp: [['strides', 5, 'transposed']],
  lazy_views_dcp: [['strides', 1, 'conj_transposed']],
  grid_shards: [['strides', 1, 'column_major_items']],
};

// `view` is a row of `weight`.
const OF_PROTOCOLS: Expected = [['shared_storage', 1, 'view']];

const label = ({ name, torch }: FixtureCase): string => `${name} of torch ${torch}`;
const converts = ({ name }: FixtureCase): boolean => !(name in REFUSED) || REFUSED_UNLESS_ALLOWED.has(name);
const OPTIONS = { dryRun: true, allowUnsafeGlobals: true };

suite('losses of torch_to_dcp', ({ each, test }) => {
  const files = fixtureCases.filter(entry => entry.kind === 'torch' && converts(entry));
  each(files, label, async ({ name, torch }) => {
    const { losses } = await torchSaveToDcp(fixturePath(name, torch), join(scratch(), 'out'), OPTIONS);
    equal(
      losses.map(({ kind, count, first }) => [kind, count, first]),
      OF_FILES[name.replace('.legacy', '')] ??
        (/_protocol_[013]$|^legacy_protocol/.test(name) ? OF_PROTOCOLS : []),
    );
    ok(losses.every(({ reason }) => reason.length > 20));
  });

  test('every row names a case', () => {
    const names = new Set(fixtureCases.map(({ name }) => name));
    equal(
      [...Object.keys(OF_FILES), ...Object.keys(OF_DIRECTORIES)].filter(name => !names.has(name)),
      [],
    );
  });

  test('tensors of another device become tensors of the CPU', async () => {
    const path = torchFile(dict({ cpu: tensor(), gpu: tensor({ key: '1', location: 'cuda:1' }) }), {
      'data/1': new Uint8Array(16),
    });
    const checkpoint = await openTorchFile(path);
    is((checkpoint.entries[1] as TensorEntry).location, 'cuda:1');
    equal(
      lossesOfDcpSave(checkpoint).map(({ kind, count, first }) => [kind, count, first]),
      [['device', 1, 'gpu']],
    );
    checkpoint.close();
  });

  test('mappings of all kinds, one in the other', async () => {
    const ordered = call('collections.OrderedDict');
    ordered.dictItems = [
      ['a', call('collections.defaultdict')],
      ['b', call('collections.Counter', dict({ x: 1 }))],
    ];
    const checkpoint = await openTorchFile(torchFile(dict({ o: ordered })));
    equal(
      lossesOfDcpSave(checkpoint).map(({ kind, count, first }) => [kind, count, first]),
      [
        ['mapping_type', 3, 'o'],
        ['empty_mapping', 1, 'o.a'],
      ],
    );
    checkpoint.close();
  });
});

suite('losses of dcp_to_torch', ({ each }) => {
  const directories = fixtureCases.filter(entry => entry.kind === 'dcp' && converts(entry));
  each(directories, label, async ({ name, torch }) => {
    const { losses } = await dcpToTorchSave(fixturePath(name, torch), join(scratch(), 'out.pth'), OPTIONS);
    const withGrad = golden(name, torch).dcp!.items.filter(
      item => item.kind === 'tensor' && item.requires_grad,
    );
    const grad: Expected =
      withGrad.length === 0 ? [] : [['requires_grad', withGrad.length, withGrad[0]!.fqn]];
    equal(
      losses.map(({ kind, count, first }) => [kind, count, first]),
      [...(OF_DIRECTORIES[name] ?? []), ...grad],
    );
  });
});
