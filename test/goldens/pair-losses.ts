import type { ConvertMode, LossKind } from '../../src/index.js';

type Expected = readonly [kind: LossKind, count: number, first: string][];

/**
 * What a conversion cannot keep of each case, counted in the Python code that made it; by name, `.legacy` left out.
 * Cases that are not named lose nothing. Directories of safetensors are meant: they have a state file where there is
 * anything that is no tensor.
 *
 * `torch_to_dcp` and `dcp_to_torch` have their tables in test/ops/losses.test.ts.
 */
type Table = Readonly<Record<string, Expected>>;

// Of `real` and `imaginary` parts, with no name in the format.
const COMPLEX: Table = {
  // complex128 and complex32
  all_dtypes: [['element_type', 2, 'complex128']],
  legacy_all_dtypes: [['element_type', 2, 'complex128']],
  all_dtypes_dcp: [['element_type', 2, 'complex128']],
  // complex128
  big_endian: [['element_type', 1, 'complex128']],
  big_endian_untyped: [['element_type', 1, 'complex32']],
  bits_dtypes: [['element_type', 5, 'bits8']],
};

const TORCH_TO_SAFETENSORS: Table = {
  ...COMPLEX,
  // complex128 and complex32 came with torch 1.9 and 1.10: an older file has the first only; see ALL_DTYPES_BEFORE_2.
  strides: [
    // row_slice, row, block and column are parts of one grid.
    ['shared_storage', 3, 'row'],
    // All that is not row-major: what torch_to_dcp lists, and transposed, permuted and both channels-last tensors.
    ['strides', 13, 'transposed'],
  ],
  lazy_views: [
    ['element_type', 1, 'double'],
    ['shared_storage', 3, 'conj'],
    ['strides', 2, 'conj_transposed'],
  ],
  tied: [
    // head is embedding; both stand in parameters again; b is a.
    ['tied', 4, 'model.head.weight'],
    // Three views of one base.
    ['shared_storage', 3, 'views.first_half'],
    // Nothing but tensors: there is no state file to tell the dicts.
    ['nesting', 6, 'model.embedding.weight'],
  ],
  legacy_training_run: [
    ['tied', 4, 'model.head.weight'],
    ['shared_storage', 3, 'views.first_half'],
  ],
  module_state: [
    // The eight parameters and five buffers stand in the state dict too.
    ['tied', 13, 'parameters.frozen'],
    ['tensor_type', 1, 'marked'],
    ['nesting', 13, 'state_dict.frozen'],
    ['mapping_type', 1, 'state_dict'],
    ['requires_grad', 1, 'marked'],
  ],
  legacy_python_2: [
    // `column` is a column of a matrix that is there too.
    ['shared_storage', 1, 'column'],
    ['strides', 1, 'column'],
  ],
  odd_keys: [
    ['nesting', 6, 'by_key.True'],
    ['key_type', 6, 'by_key.True'],
  ],
  top_level_state_dict: [['mapping_type', 1, '(root)']],
  legacy_by_hand: [
    ['tied', 1, 'shared'],
    // `part` lies in the memory of `root`, `again` is `part` transposed.
    ['shared_storage', 2, 'part'],
    ['tensor_type', 1, 'parameter'],
    ['mapping_type', 1, '(root)'],
    ['strides', 1, 'part'],
    ['requires_grad', 1, 'parameter'],
  ],
  views_and_tied: [
    ['tied', 1, 'head'],
    // row, block, col and t view base.
    ['shared_storage', 4, 'row'],
    ['tensor_type', 1, 'emb'],
    ['mapping_type', 1, '(root)'],
    // block, col, t, expanded
    ['strides', 4, 'block'],
    ['requires_grad', 1, 'emb'],
  ],
};

const DCP_TO_SAFETENSORS: Table = {
  ...COMPLEX,
  // transposed, permuted, channels_last, channels_last_3d, transposed_block: items keep dense strides.
  strides_dcp: [['strides', 5, 'transposed']],
  lazy_views_dcp: [
    ['element_type', 1, 'double'],
    ['strides', 1, 'conj_transposed'],
  ],
  grid_shards: [['strides', 1, 'column_major_items']],
  tied_dcp: [
    ['nesting', 10, 'model.embedding.weight'],
    ['requires_grad', 2, 'parameters.embedding.weight'],
  ],
  module_state_dcp: [
    ['nesting', 26, 'state_dict.frozen'],
    ['requires_grad', 8, 'parameters.linear.weight'],
  ],
};

/** Of the state files, after the first conversion: they keep keys and containers that DCP has no place for. */
const SAFETENSORS_TO_DCP: Table = {
  list_of_empty_dict: [['empty_mapping', 1, 'x.0']],
  empty_dicts: [['empty_mapping', 4, 'empty']],
  training_run: [['key_type', 4, 'optimizer.state.0']],
  int_keys: [['key_type', 4, 'optimizer.state.0']],
  train_state: [
    ['mapping_type', 1, 'model'],
    ['key_type', 6, 'optimizer.state.0'],
  ],
  // Both parameters are tied to others: an empty dict is left of them.
  legacy_training_run: [
    ['key_type', 4, 'optimizer.state.0'],
    ['empty_mapping', 1, 'parameters'],
    ['header_text', 4, 'model.head.weight'],
  ],
};

/** Headers name the tied tensors that were left out. */
const TIED_NAMES: Table = {
  tied: [['header_text', 4, 'model.head.weight']],
  legacy_training_run: [['header_text', 4, 'model.head.weight']],
  module_state: [['header_text', 13, 'parameters.frozen']],
  legacy_by_hand: [['header_text', 1, 'shared']],
  views_and_tied: [['header_text', 1, 'head']],
};

const LAZY_DOUBLE: Expected = [['element_type', 1, 'double']];

export const PAIR_LOSSES: Partial<Record<ConvertMode, Table>> = {
  torch_to_torch: {
    // Parts of a storage that nothing else views, and are not dense: every_other_row, every_third_column, expanded,
    // expanded_scalar, overlapping, diagonal, transposed_block. Parts of the grid stay parts of the grid.
    strides: [['strides', 7, 'every_other_row']],
    // nn.Buffer with attributes, in no state dict with them.
    module_state: [['tensor_type', 2, 'buffers.table']],
    lazy_views: [['strides', 1, 'neg']],
    views_and_tied: [['strides', 1, 'expanded']],
  },
  torch_to_safetensors: TORCH_TO_SAFETENSORS,
  dcp_to_dcp: {
    strides_dcp: [['strides', 5, 'transposed']],
    lazy_views_dcp: [['strides', 1, 'conj_transposed']],
    grid_shards: [['strides', 1, 'column_major_items']],
  },
  dcp_to_safetensors: DCP_TO_SAFETENSORS,
  safetensors_to_torch: TIED_NAMES,
  safetensors_to_dcp: { ...TIED_NAMES, ...SAFETENSORS_TO_DCP },
  // The first conversion has lost the rest.
  safetensors_to_safetensors: { ...COMPLEX, lazy_views: LAZY_DOUBLE, lazy_views_dcp: LAZY_DOUBLE },
};

/** complex32 is not in files of releases that could not save it. */
const ALL_DTYPES_BEFORE_2: Expected = [['element_type', 1, 'complex128']];

// `view` is a row of `weight`.
const OF_PROTOCOLS: Expected = [['shared_storage', 1, 'view']];

export function expectedLosses(mode: ConvertMode, name: string, torch: string): Expected {
  if (mode === 'torch_to_safetensors' && /^(zip|legacy)_protocol_\d$/.test(name)) return OF_PROTOCOLS;
  const table = PAIR_LOSSES[mode] ?? {};
  const row = table[name.replace('.legacy', '')] ?? [];
  return name === 'all_dtypes' && row.length > 0 && torch.startsWith('1.') ? ALL_DTYPES_BEFORE_2 : row;
}
