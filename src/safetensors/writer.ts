import { elementCountOf } from '../checkpoint/box.js';
import { castOf, type TensorEntry } from '../checkpoint/checkpoint.js';
import type { TensorGatherer } from '../checkpoint/gather.js';
import type { CopyPlanBuilder } from '../copy/plan.js';
import { encodeHeader } from './header.js';
import { encodeIndex, INDEX_NAME, shardName, splitIntoShards } from './index-file.js';

/** What a file says of each tensor that it stands for, but does not hold: its name, and that of the one to look at. */
export type TiedNames = ReadonlyMap<TensorEntry, readonly string[]>;

/** What is to be saved. Tensors must be resolved, and of types that the format has. */
export interface SafetensorsContent {
  /** In the order of the checkpoint, which decides what goes into which file. */
  tensors: readonly TensorEntry[];
  /** For the `__metadata__` of every file. */
  metadata: ReadonlyMap<string, string>;
  /** Names of tensors left out, by the tensor that holds the same memory. */
  tied: TiedNames;
}

/**
 * Adds one safetensors file to a plan: contiguous tensors, as the reference implementation lays them out. Offsets are
 * known at planning, so the file can be written as a stream.
 *
 * `__metadata__` names tied tensors as `safetensors.torch.save_model` does: left-out name → kept name.
 * @throws CorruptDataError, FormatError naming the tensor whose chunks do not tile it; LimitError for a header that
 * no reader takes.
 */
export function addSafetensorsFile(
  plan: CopyPlanBuilder,
  gatherer: TensorGatherer,
  name: string,
  { tensors, metadata, tied }: SafetensorsContent,
): void {
  const all = new Map(metadata);
  for (const tensor of tensors) {
    for (const other of tied.get(tensor) ?? []) if (!all.has(other)) all.set(other, tensor.fqn);
  }
  const { bytes, byteLength, tensors: placed } = encodeHeader(tensors, all);
  const output = plan.addOutput({ name, byteLength });
  plan.addLiteral(output, 0, bytes);
  for (const { tensor, byteOffset, byteLength: tensorByteLength } of placed) {
    plan.beginRecord(output, byteOffset, tensorByteLength, castOf(tensor));
    gatherer.addTensor(tensor);
  }
}

/**
 * Adds a directory as Hugging Face tools read it: `model-0000i-of-0000K.safetensors`, none with more bytes of tensors
 * than `maxShardByteLength` unless it holds a single one, and the index.
 */
export function addSafetensorsShards(
  plan: CopyPlanBuilder,
  gatherer: TensorGatherer,
  content: SafetensorsContent,
  maxShardByteLength: number,
): void {
  const { tensors } = content;
  const byteLengths = tensors.map(({ shape, dtype }) => elementCountOf(shape) * dtype.itemSize);
  const shards = splitIntoShards(byteLengths, maxShardByteLength);
  if (shards.length === 0) shards.push([]);
  const weightMap = new Map<string, string>();
  for (const [shard, positions] of shards.entries()) {
    const name = shardName(shard, shards.length);
    const held = positions.map(position => tensors[position]!);
    addSafetensorsFile(plan, gatherer, name, { ...content, tensors: held });
    for (const { fqn } of held) weightMap.set(fqn, name);
  }
  const total = byteLengths.reduce((sum, byteLength) => sum + byteLength, 0);
  const index = encodeIndex(weightMap, total);
  const output = plan.addOutput({ name: INDEX_NAME, byteLength: index.length });
  plan.addLiteral(output, 0, index);
}
