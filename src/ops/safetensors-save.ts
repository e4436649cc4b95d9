import { encodeUtf8 } from '../bytes.js';
import type { Checkpoint, Entry, TensorEntry } from '../checkpoint/checkpoint.js';
import { ObjectEntry } from '../checkpoint/checkpoint.js';
import { isMapping } from '../checkpoint/flatten.js';
import { TensorGatherer } from '../checkpoint/gather.js';
import { requireDistinctNames } from '../checkpoint/names.js';
import { pruneTree } from '../checkpoint/prune.js';
import { TreeJoiner } from '../checkpoint/rejoin.js';
import { pathKey, selectEntries } from '../checkpoint/select.js';
import { findTies, type Tie } from '../checkpoint/ties.js';
import { type CopyPlan, CopyPlanBuilder } from '../copy/plan.js';
import { UnsupportedError } from '../errors.js';
import { toExactJson } from '../pickle/json.js';
import type { PyValue } from '../pickle/values.js';
import { isRepresentable } from '../safetensors/element-types.js';
import { addSafetensorsFile, addSafetensorsShards, type SafetensorsContent } from '../safetensors/writer.js';
import { addTorchFile } from '../torch/writer.js';
import { type Asset, addAssets } from './assets.js';
import { type Loss, lossesOfSafetensorsSave } from './losses.js';
import { STATE_JSON_NAME, STATE_NAME } from './state-file.js';

/** What to do with tensors that are one and the same in memory: leave all but the first out, save each, or refuse. */
export type TiePolicy = 'drop' | 'copy' | 'refuse';
export const TIE_POLICIES: readonly TiePolicy[] = ['drop', 'copy', 'refuse'];

/** As Hugging Face tools split by default: 5 GB. */
export const DEFAULT_MAX_SHARD_BYTE_LENGTH = 5_000_000_000;

export interface SafetensorsSaveOptions {
  /** A directory holds shards, index, and what safetensors cannot hold; a file holds tensors only. */
  kind: 'file' | 'directory';
  /** Of a file. */
  name: string;
  withCrc: boolean;
  maxShardByteLength: number;
  ties: TiePolicy;
  assets: readonly Asset[];
}

/** Tensors of one memory, by name: the one that is in the files, and those that it stands for. */
export interface DroppedTie {
  kept: string;
  dropped: string[];
}

export interface SafetensorsPlan {
  plan: CopyPlan;
  /** Chunks left out because another rank's chunk holds the same box. */
  replicaCount: number;
  ties: DroppedTie[];
  losses: Loss[];
  /** What the files and the state file hold of the checkpoint. */
  held: Checkpoint;
}

/** What torch's writer of sharded safetensors adds for its own reader: it is not true of what is written here. */
const SHARDING_TEXT = new Set(['DCP_SHARDING_INFO', 'DCP_VERSION']);

/**
 * Plans safetensors of a checkpoint. Tensors of types that the format lacks, and objects, go to a state file beside
 * them, with the containers of the state dict; a single file is without them. Tensor entries must be resolved,
 * objects loaded.
 * @throws UnsupportedError, FormatError for what has no name or shares one; with `refuse`, for tied tensors.
 */
export function planSafetensorsSave(
  checkpoint: Checkpoint,
  options: SafetensorsSaveOptions,
): SafetensorsPlan {
  const { entries } = checkpoint;
  requireDistinctNames(entries, 'safetensors');
  const all = entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
  const fitting = all.filter(({ dtype, shape }) => isRepresentable(dtype, shape));
  const ties = options.ties === 'copy' ? [] : findTies(checkpoint, fitting);
  if (options.ties === 'refuse' && ties[0] !== undefined) throw tiedTensors(ties[0]);
  const tied = new Set(ties.flatMap(({ others }) => others));
  const held = fitting.filter(entry => !tied.has(entry));
  const inFiles = new Set<Entry>(fitting);
  const beside = entries.filter(entry => !inFiles.has(entry));
  const keepsContainers = options.kind === 'directory' && beside.length > 0;
  const state = keepsContainers ? treeWithout(checkpoint.tree, fitting) : undefined;

  const plan = new CopyPlanBuilder();
  const gatherer = new TensorGatherer(checkpoint, plan);
  const content: SafetensorsContent = {
    tensors: held,
    metadata: metadataOf(checkpoint),
    tied: new Map(ties.map(({ kept, others }) => [kept, others.map(({ fqn }) => fqn)])),
  };
  if (options.kind === 'file') addSafetensorsFile(plan, gatherer, options.name, content);
  else addSafetensorsShards(plan, gatherer, content, options.maxShardByteLength);
  if (state !== undefined) addState(plan, gatherer, checkpoint, state, options.withCrc);
  addAssets(plan, options.assets);

  return {
    plan: plan.build(),
    replicaCount: gatherer.replicaCount,
    held: selectEntries(checkpoint, entry =>
      inFiles.has(entry) ? !tied.has(entry as TensorEntry) : keepsContainers,
    ),
    ties: ties.map(({ kept, others }) => ({ kept: kept.fqn, dropped: others.map(({ fqn }) => fqn) })),
    losses: lossesOfSafetensorsSave(checkpoint, {
      held,
      tied: [...tied],
      otherTypes: all.filter(entry => !inFiles.has(entry)),
      leftOut: keepsContainers ? [] : beside.filter(({ kind }) => kind === 'object').map(({ fqn }) => fqn),
      flattened: state === undefined ? held.filter(({ path }) => path.length > 1) : unplaced(state, held),
      keepsContainers,
    }),
  };
}

function tiedTensors({ kept, others }: Tie): UnsupportedError {
  return new UnsupportedError('Two tensors share their memory, which safetensors cannot say', {
    found: `${kept.fqn} and ${others[0]!.fqn}`,
    hint: 'Save the first of them only with --ties drop, or each with --ties copy.',
  });
}

function treeWithout(tree: PyValue, tensors: readonly TensorEntry[]): PyValue {
  const taken = new Set(tensors.map(({ path }) => pathKey(path)));
  // With `stay` the root is left.
  return pruneTree(tree, path => !taken.has(pathKey(path)), 'stay')!;
}

/** Tensors that the state file's containers do not lead back to their places. */
function unplaced(state: PyValue, tensors: readonly TensorEntry[]): TensorEntry[] {
  if (!isMapping(state)) throw new Error('a state dict with names is a mapping');
  const joiner = new TreeJoiner(state);
  return tensors.filter(({ fqn, path }) => pathKey(joiner.pathOf(fqn)) !== pathKey(path));
}

function addState(
  plan: CopyPlanBuilder,
  gatherer: TensorGatherer,
  checkpoint: Checkpoint,
  state: PyValue,
  withCrc: boolean,
): void {
  addTorchFile(plan, gatherer, checkpoint, state, STATE_NAME, withCrc);
  const json = toExactJson(state, leaf => (leaf instanceof ObjectEntry ? leaf.value : leaf));
  if (json === undefined) return;
  const bytes = encodeUtf8(json);
  const output = plan.addOutput({ name: STATE_JSON_NAME, byteLength: bytes.length });
  plan.addLiteral(output, 0, bytes);
}

/** `format: pt` says that the tensors are torch's; transformers asks for it. */
function metadataOf({ metadata }: Checkpoint): Map<string, string> {
  const kept = [...(metadata ?? [])].filter(([key]) => !SHARDING_TEXT.has(key));
  return new Map([...kept, ['format', 'pt']]);
}
