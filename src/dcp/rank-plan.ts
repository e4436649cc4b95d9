import type { Box } from '../checkpoint/box.js';
import { elementCountOf } from '../checkpoint/box.js';
import type { Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';

/** A box of a tensor that one rank saves. */
export interface Shard {
  rank: number;
  box: Box;
}

/** What each rank of a save writes. */
export interface RankPlan {
  rankCount: number;
  /** The boxes of a tensor, in the order of the ranks that save them. */
  shardsOf(entry: TensorEntry): readonly Shard[];
  rankOf(entry: ObjectEntry): number;
  /** The entries in the order of the index: of the first rank that saves something of them. */
  order: readonly Entry[];
}

/** A thing to be saved: one box of a tensor, or an object. Ranks that hold the same box hold one item. */
interface Item {
  entry: Entry;
  box: Box | undefined;
  ranks: number[];
}

/**
 * Which rank saves what, of a state dict that all ranks hold in parts: as `dedup_save_plans` of torch shares it out
 * (`torch/distributed/checkpoint/_dedup_save_plans.py`, 2.3 and newer). Items go in the order of their first
 * appearance, rank by rank, each to that of its ranks which has least so far, counted in bytes of whole tensors; an
 * object counts as 1.
 *
 * @param boxOf what a rank holds of a tensor. Empty boxes are saved too, once each.
 */
export function planRanks(
  entries: readonly Entry[],
  rankCount: number,
  boxOf: (entry: TensorEntry, rank: number) => Box,
): RankPlan {
  const items = itemsOf(entries, rankCount, boxOf);
  const load = new Array<number>(rankCount).fill(0);
  const byRank: Item[][] = load.map(() => []);
  for (const item of items) {
    let chosen = item.ranks[0]!;
    for (const rank of item.ranks) if (load[rank]! < load[chosen]!) chosen = rank;
    load[chosen]! += byteLengthOf(item.entry) || 1;
    byRank[chosen]!.push(item);
  }
  const position = new Map(entries.map((entry, i) => [entry, i]));
  const shards = new Map<Entry, Shard[]>();
  for (const [rank, own] of byRank.entries()) {
    own.sort((a, b) => position.get(a.entry)! - position.get(b.entry)!);
    for (const { entry, box } of own) {
      const shard = { rank, box: box ?? NO_BOX };
      const known = shards.get(entry);
      if (known === undefined) shards.set(entry, [shard]);
      else known.push(shard);
    }
  }
  return {
    rankCount,
    shardsOf: entry => shards.get(entry)!,
    rankOf: entry => shards.get(entry)![0]!.rank,
    order: [...shards.keys()],
  };
}

const NO_BOX: Box = { offsets: [], sizes: [] };

/** All items, in the order in which the ranks' plans name them first. */
function itemsOf(
  entries: readonly Entry[],
  rankCount: number,
  boxOf: (entry: TensorEntry, rank: number) => Box,
): Item[] {
  const items: Item[] = [];
  // Torch tells the items of a tensor apart by their offsets alone.
  const known = entries.map(() => new Map<string, Item>());
  for (let rank = 0; rank < rankCount; rank++) {
    for (const [i, entry] of entries.entries()) {
      const box = entry.kind === 'tensor' ? boxOf(entry, rank) : undefined;
      const key = box === undefined ? '' : box.offsets.join();
      const item = known[i]!.get(key);
      if (item !== undefined) {
        item.ranks.push(rank);
        continue;
      }
      const made: Item = { entry, box, ranks: [rank] };
      known[i]!.set(key, made);
      items.push(made);
    }
  }
  return items;
}

function byteLengthOf(entry: Entry): number {
  return entry.kind === 'tensor' ? elementCountOf(entry.shape) * entry.dtype.itemSize : 0;
}
