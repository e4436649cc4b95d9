import { type Checkpoint, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { Sharding } from '../../checkpoint/local-shard.js';
import { UsageError } from '../../errors.js';
import { Tensor } from '../state-dict/tensor.js';
import { type ReadOptions, readTensors } from './read-tensors.js';

export interface LoadOptions extends ReadOptions {
  /** Which rank's part, of which mesh. Without it the whole tensor. */
  sharding?: Sharding;
  /** Element type to convert to, as torch's `copy_`. Default: the stored one. */
  dtype?: string;
  /** Memory that the elements are put into: exactly as long as they are. Default: new memory. */
  into?: ArrayBufferView;
}

/**
 * Loads a tensor of an open checkpoint, of any format, or the part of it that a rank holds: reads no more than that.
 * @param which an entry of `checkpoint.entries`, or the FQN of one.
 * @throws UsageError for a name that is no tensor, placements that do not fit; otherwise as every reading of data.
 */
export async function load(
  checkpoint: Checkpoint,
  which: TensorEntry | string,
  options: LoadOptions = {},
): Promise<Tensor> {
  const entry = typeof which === 'string' ? tensorNamed(checkpoint, which) : which;
  const { sharding, dtype = entry.dtype.name, into } = options;
  const { shape, requiresGrad } = entry;
  const tensor = new Tensor(
    { dtype, shape, requiresGrad, ...(into === undefined ? {} : { data: into }) },
    sharding,
  );
  const { shard, bytes } = tensor;
  await readTensors(checkpoint, [{ entry, shard, dtype: tensor.dtype, target: bytes }], options);
  return tensor;
}

function tensorNamed(checkpoint: Checkpoint, fqn: string): TensorEntry {
  const entry = checkpoint.entries.find(({ fqn: name }) => name === fqn);
  if (entry instanceof TensorEntry) return entry;
  throw new UsageError(
    entry === undefined ? 'The checkpoint has no tensor of this name' : 'This value is no tensor',
    {
      fqn,
      path: checkpoint.path,
      ...(entry === undefined ? {} : { hint: 'checkpoint.loadObjects reads it.' }),
    },
  );
}
