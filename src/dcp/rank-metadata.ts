import { FormatError } from '../errors.js';
import { ChunkList } from './chunk-list.js';
import { BytesStorageMetadata, type DcpMetadata, TensorStorageMetadata } from './metadata.js';
import { StorageData } from './storage-data.js';

/** The index that one rank wrote for itself, `__R.metadata` (`use_collectives=False`, torch 2.9 and newer). */
export interface RankMetadata {
  rank: number;
  metadata: DcpMetadata;
}

/**
 * The one index that the indexes of ranks are together. Each tells the whole shape of a tensor, and of its chunks
 * only those of its rank; what several ranks hold (replicated tensors, objects) is in all of theirs. So equal boxes
 * are replicas, and of objects and paths the lowest rank's counts, as in torch's own merge of plans.
 *
 * @param indexes in rising order of rank.
 * @throws FormatError naming FQN and ranks, where two ranks say different things of one tensor.
 */
export function mergeRankMetadata(indexes: readonly RankMetadata[]): DcpMetadata {
  const rows = new Map<string, { rank: number; row: DcpMetadata['stateDictMetadata'][number] }>();
  const storageData = new StorageData();
  const globals = new Set<string>();
  let plannerData: Map<string, DcpMetadata['stateDictMetadata'][number][0][]> | undefined;
  for (const { rank, metadata } of indexes) {
    const chunkBase = new Map<string, number>();
    for (const [key, fqn, stored] of metadata.stateDictMetadata) {
      const known = rows.get(fqn);
      if (known === undefined) {
        rows.set(fqn, { rank, row: [key, fqn, copyOf(stored)] });
        continue;
      }
      const merged = known.row[2];
      requireAgreement(fqn, merged, known.rank, stored, rank);
      if (!(merged instanceof TensorStorageMetadata && stored instanceof TensorStorageMetadata)) continue;
      chunkBase.set(fqn, merged.chunks.length);
      for (const chunk of stored.chunks) merged.chunks.push(chunk);
    }
    for (const [key, place] of metadata.storageData) {
      // The hint counts the chunks of its own rank.
      const base = chunkBase.get(key.fqn) ?? 0;
      storageData.add(key.index === undefined ? key : { ...key, index: key.index + base }, place);
    }
    for (const [fqn, path] of metadata.plannerData ?? []) {
      plannerData ??= new Map();
      if (!plannerData.has(fqn)) plannerData.set(fqn, [...path]);
    }
    for (const name of metadata.globals) globals.add(name);
  }
  const first = indexes[0]!.metadata;
  return {
    stateDictMetadata: [...rows.values()].map(({ row }) => row),
    plannerData,
    storageData,
    storageMeta: first.storageMeta,
    version: first.version,
    reshaped: first.reshaped,
    globals: [...globals],
  };
}

/** Lists of chunks grow here; those that were decoded stay as they were. */
function copyOf(
  stored: TensorStorageMetadata | BytesStorageMetadata,
): TensorStorageMetadata | BytesStorageMetadata {
  if (!(stored instanceof TensorStorageMetadata)) return stored;
  const copy = new TensorStorageMetadata();
  copy.dtype = stored.dtype;
  copy.size = stored.size;
  copy.requiresGrad = stored.requiresGrad;
  copy.chunks = ChunkList.of(stored.chunks);
  return copy;
}

function requireAgreement(
  fqn: string,
  first: TensorStorageMetadata | BytesStorageMetadata,
  firstRank: number,
  other: TensorStorageMetadata | BytesStorageMetadata,
  otherRank: number,
): void {
  const [expected, found] = [first, other].map(describe);
  if (expected === found) return;
  throw new FormatError('The indexes of two ranks say different things of one entry', {
    expected: `${expected}, as rank ${firstRank} says`,
    found: `${found}, as rank ${otherRank} says`,
    fqn,
    hint: 'The files may be of two saves: copy those of one save into a directory of their own.',
  });
}

function describe(stored: TensorStorageMetadata | BytesStorageMetadata): string {
  if (stored instanceof BytesStorageMetadata) return 'an object';
  return `a tensor of ${stored.dtype.name} [${stored.size.join(', ')}]`;
}
