import { elementCountOf, wholeBox } from '../checkpoint/box.js';
import type { Checkpoint, CheckpointFormat, TensorEntry } from '../checkpoint/checkpoint.js';
import { isMapping } from '../checkpoint/flatten.js';
import type { CopyPlan } from '../copy/plan.js';
import { rankOfFile } from '../dcp/entries.js';
import type { Shard } from '../dcp/rank-plan.js';
import { planDcpSave } from '../dcp/writer.js';
import { UsageError } from '../errors.js';
import { PyDict } from '../pickle/dict.js';
import { planTorchSave } from '../torch/writer.js';
import type { Asset } from './assets.js';
import {
  DCP_LAYOUT,
  type Destination,
  type DestinationOptions,
  directoryDestination,
  fileDestination,
  SAFETENSORS_LAYOUT,
} from './destination.js';
import { isSafetensorsFileName } from './destination-format.js';
import { restoreIntKeys } from './int-keys.js';
import { type Loss, lossesOfDcpSave, lossesOfTorchSave } from './losses.js';
import {
  DEFAULT_MAX_SHARD_BYTE_LENGTH,
  type DroppedTie,
  planSafetensorsSave,
  type TiePolicy,
} from './safetensors-save.js';
import type { Resharding } from './sharding.js';

/** What a writer is told besides the checkpoint. Each format takes what concerns it. */
export interface WriteOptions {
  /** Compute CRC-32s. */
  withCrc: boolean;
  restoreIntKeys: boolean;
  maxShardByteLength?: number | undefined;
  ties?: TiePolicy | undefined;
  assets: readonly Asset[];
  /** To DCP: how the tensors are spread over ranks. */
  resharding?: Resharding | undefined;
}

export interface Planned {
  plan: CopyPlan;
  replicaCount: number;
  losses: Loss[];
  ties: DroppedTie[];
  /** What the output holds of the checkpoint: all of it, but for what safetensors leave out. */
  held: Checkpoint;
}

/** A format as a target: what kind of destination a name is to it, and how it plans a checkpoint. */
export interface Target {
  /** @throws UsageError at once where the name is taken, unless it may be. */
  destinationAt(path: string, options: DestinationOptions): Destination;
  /** Tensors must be resolved, objects loaded. */
  plan(checkpoint: Checkpoint, destination: Destination, options: WriteOptions): Planned;
}

export const TARGETS: Record<CheckpointFormat, Target> = {
  torch: {
    destinationAt: fileDestination,
    plan(checkpoint, destination, options) {
      const tree = options.restoreIntKeys ? treeWithIntKeys(checkpoint) : checkpoint.tree;
      const { withCrc } = options;
      const { plan, replicaCount } = planTorchSave(checkpoint, tree, destination.archivePath, { withCrc });
      return { plan, replicaCount, losses: lossesOfTorchSave(checkpoint), ties: [], held: checkpoint };
    },
  },
  dcp: {
    destinationAt: (path, options) => directoryDestination(path, DCP_LAYOUT, options),
    plan(checkpoint, _destination, { withCrc, resharding }) {
      const rest = { losses: lossesOfDcpSave(checkpoint), ties: [], held: checkpoint };
      const ranks = resharding?.plan(checkpoint);
      if (checkpoint.format !== 'dcp') {
        return { plan: planDcpSave(checkpoint, { withCrc, ...ranks }), replicaCount: 0, ...rest };
      }
      const shards = new SavedShards(checkpoint);
      const saved = new Map(tensorsOf(checkpoint).map(entry => [entry, shards.of(entry)]));
      const plan = planDcpSave(checkpoint, { withCrc, shardsOf: entry => saved.get(entry)!, ...ranks });
      return { plan, replicaCount: shards.replicaCount, ...rest };
    },
  },
  safetensors: {
    destinationAt: (path, options) =>
      isSafetensorsFileName(path)
        ? fileDestination(path, options)
        : directoryDestination(path, SAFETENSORS_LAYOUT, options),
    plan(checkpoint, { kind, archivePath }, options) {
      return planSafetensorsSave(checkpoint, {
        kind: kind === 'directory' ? 'directory' : 'file',
        name: archivePath.slice(archivePath.lastIndexOf('/') + 1),
        withCrc: options.withCrc,
        maxShardByteLength: options.maxShardByteLength ?? DEFAULT_MAX_SHARD_BYTE_LENGTH,
        ties: options.ties ?? 'drop',
        assets: options.assets,
      });
    },
  },
};

function treeWithIntKeys({ tree, path }: Checkpoint): PyDict {
  if (tree instanceof PyDict) return restoreIntKeys(tree);
  const expected = isMapping(tree) ? 'a plain dict' : 'a dict';
  throw new UsageError('There are no int keys to restore', { expected: `${expected} at the top`, path });
}

function tensorsOf({ entries }: Checkpoint): TensorEntry[] {
  return entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
}

/** The boxes that a DCP checkpoint holds of each tensor, once each, and the ranks whose files hold them. */
class SavedShards {
  replicaCount = 0;

  constructor(private readonly checkpoint: Checkpoint) {}

  of(entry: TensorEntry): Shard[] {
    const { chunks, files } = this.checkpoint;
    // Its boxes are where its bytes come from, not what anyone saved.
    if (entry.isRearranged) return [{ rank: 0, box: wholeBox(entry.shape) }];
    const seen = new Set<string>();
    const shards: Shard[] = [];
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      const box = chunks.boxOf(chunk);
      if (elementCountOf(box.sizes) === 0) continue;
      const key = `${box.offsets.join()}:${box.sizes.join()}`;
      if (seen.has(key)) {
        this.replicaCount++;
        continue;
      }
      seen.add(key);
      const file = chunks.itemFile[chunk]!;
      shards.push({ rank: rankOfFile(files[file]!) ?? file, box });
    }
    if (shards.length > 0) return shards;
    // A tensor without elements, which torch saves as one empty box.
    return [{ rank: 0, box: wholeBox(entry.shape) }];
  }
}
