/** Which cases a conversion refuses, and with what words. Every other case converts. */
import type { ExpectedError } from '../suite.js';

const UNSAFE: ExpectedError = { code: 'unsupported', message: /would run commands.*posix\.system/ };

const PROGRAM: ExpectedError = {
  code: 'unsupported',
  message: /TorchScript archive, a program.*torch_script/,
};

const refused = (what: string, fqn: string): ExpectedError => ({
  code: 'unsupported',
  message: new RegExp(`DCP cannot hold this value as a tensor of its own: ${what} \\[at ${fqn}`),
});
const nameless = (found: string): ExpectedError => ({
  code: 'unsupported',
  message: new RegExp(`needs names: the file holds ${found}`),
});

export const REFUSED: Readonly<Record<string, ExpectedError>> = {
  cyclic: { code: 'format', message: /holds itself \[at self\.0.*cyclic\.pth/ },
  colliding_keys: { code: 'format', message: /Two values .* have the same key .*\[at a\.b/ },
  sparse_leaf: refused('sparse tensor', 'sparse'),
  sparse_compressed_leaves: refused('sparse tensor', 'csr'),
  nested_tensor_leaf: refused('nested tensor', 'strided'),
  quantized_leaf: refused('quantized tensor', 'per_tensor'),
  meta_tensor: refused('meta tensor', 'meta'),
  dtensor_of_rank_0: refused('torch\\.distributed\\.tensor\\.DTensor, a tensor subclass', 'weight'),
  top_level_list: nameless('a list'),
  top_level_tensor: nameless('one value .* found a tensor'),
  top_level_module: nameless('one value .* found an object'),
  quantized_leaf_dcp: { code: 'unsupported', message: /The item holds a quantized tensor.*__0_0\.distcp/ },
  torch_script: PROGRAM,
  torch_script_frozen: PROGRAM,
  calls_os_system: UNSAFE,
  calls_os_system_dcp: UNSAFE,
};

/** Refused only because of what their pickles name: with leave they convert like any other. */
export const REFUSED_UNLESS_ALLOWED = new Set(['calls_os_system', 'calls_os_system_dcp']);
