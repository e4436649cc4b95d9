import { createHash } from 'node:crypto';
import { wholeBox } from '../checkpoint/box.js';
import type { Checkpoint, Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { requireDistinctNames } from '../checkpoint/names.js';
import { type CopyPlan, CopyPlanBuilder } from '../copy/plan.js';
import { METADATA_NAME } from './directory.js';
import { ItemPlanner } from './item-plan.js';
import { encodeMetadata, type Place, type WrittenEntry } from './metadata-writer.js';
import type { Shard } from './rank-plan.js';

const NO_SAVE_ID = '00000000-0000-0000-0000-000000000000';

export interface DcpSaveOptions {
  withCrc: boolean;
  /**
   * Which ranks save which boxes of a tensor. Without it rank 0 saves every tensor whole, with its strides, as
   * torch's converter does.
   */
  shardsOf?: (entry: TensorEntry) => readonly Shard[];
  /** Which rank saves an object. Without it rank 0 saves all. */
  rankOf?: (entry: ObjectEntry) => number;
  /** So many ranks have a file, whether they save something or not. Without it only those that do. */
  rankCount?: number;
  /** The entries in the order of the index. Without it that of the checkpoint. */
  order?: readonly Entry[];
}

/**
 * Plans a DCP directory of all entries of a checkpoint: a data file a rank, in each objects first, then tensors in
 * the order of the state dict, and the index. Tensor entries must be resolved, objects loaded.
 *
 * @throws UnsupportedError, FormatError naming the entry, for what DCP cannot hold: a root that is not a mapping,
 * keys that become equal as text, tensors that are not strided.
 */
export function planDcpSave(checkpoint: Checkpoint, options: DcpSaveOptions): CopyPlan {
  const { entries } = checkpoint;
  requireDistinctNames(entries, 'DCP');
  const plan = new CopyPlanBuilder();
  const items = new ItemPlanner(checkpoint, plan, options.withCrc);
  const files = new RankFiles(plan, options.rankCount ?? 0);
  const written = new Map<Entry, WrittenEntry>();
  for (const entry of entries) {
    if (entry.kind !== 'object') continue;
    const place = files.append(options.rankOf?.(entry) ?? 0, (output, byteOffset) =>
      items.addObject(output, byteOffset, entry),
    );
    written.set(entry, { kind: 'object', fqn: entry.fqn, path: entry.path, place });
  }
  for (const entry of entries) {
    if (entry.kind !== 'tensor') continue;
    const shards = options.shardsOf?.(entry) ?? [{ rank: 0, box: wholeBox(entry.shape) }];
    const chunks = shards.map(({ rank, box }) => ({
      ...box,
      place: files.append(rank, (output, byteOffset) =>
        options.shardsOf === undefined
          ? items.addTensor(output, byteOffset, entry)
          : items.addShard(output, byteOffset, entry, box),
      ),
    }));
    const { fqn, path, dtype, shape, requiresGrad } = entry;
    written.set(entry, { kind: 'tensor', fqn, path, dtype, shape, requiresGrad, chunks });
  }
  files.finish();
  addMetadata(
    plan,
    (options.order ?? entries).map(entry => written.get(entry)!),
    files.names,
  );
  return plan.build();
}

interface RankFile {
  readonly name: string;
  readonly output: number;
  byteLength: number;
}

/** One data file a rank, filled item by item. */
class RankFiles {
  private readonly byRank = new Map<number, RankFile>();

  constructor(
    private readonly plan: CopyPlanBuilder,
    rankCount: number,
  ) {
    for (let rank = 0; rank < rankCount; rank++) this.fileOf(rank);
  }

  /** In the order in which the index lists them. */
  get names(): string[] {
    return [...this.byRank.values()].map(({ name }) => name);
  }

  append(rank: number, addItem: (output: number, byteOffset: number) => number): Place {
    const file = this.fileOf(rank);
    const byteOffset = file.byteLength;
    const byteLength = addItem(file.output, byteOffset);
    file.byteLength += byteLength;
    return { relativePath: file.name, byteOffset, byteLength };
  }

  private fileOf(rank: number): RankFile {
    let file = this.byRank.get(rank);
    if (file === undefined) {
      const name = `__${rank}_0.distcp`;
      file = { name, output: this.plan.addOutput({ name, byteLength: 0 }), byteLength: 0 };
      this.byRank.set(rank, file);
    }
    return file;
  }

  /** A save always has rank 0's file, even for a state dict without anything in it. */
  finish(): void {
    if (this.byRank.size === 0) this.append(0, () => 0);
    for (const { output, byteLength } of this.byRank.values()) {
      this.plan.setOutputByteLength(output, byteLength);
    }
  }
}

/** `.metadata` is known but for its save id, which is made from the content and so waits for the CRCs. */
function addMetadata(
  plan: CopyPlanBuilder,
  entries: readonly WrittenEntry[],
  files: readonly string[],
): void {
  const withoutId = encodeMetadata(entries, files, NO_SAVE_ID);
  const output = plan.addOutput({ name: METADATA_NAME, byteLength: withoutId.length });
  const { literals, recordCount } = plan;
  plan.addDeferred({
    output,
    byteOffset: 0,
    byteLength: withoutId.length,
    encode: crcOfRecord => {
      const hash = createHash('sha256').update(withoutId);
      for (const { bytes } of literals) hash.update(bytes);
      hash.update(Uint32Array.from({ length: recordCount }, (_, record) => crcOfRecord(record)));
      return encodeMetadata(entries, files, uuidOf(hash.digest('hex')));
    },
  });
}

/** 32 hexadecimal digits in the form of a UUID of version 8, the one for ids made by rules of one's own. */
function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
