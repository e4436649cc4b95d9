import { withContext } from '../errors.js';
import { listNames, pathKind, withoutLastSlash } from '../io/listing.js';
import { type FileSnapshot, takeSnapshot } from '../io/snapshot.js';
import { readWholeFile } from '../io/source.js';
import { DATA_FILE, METADATA_NAME, RANK_METADATA } from './directory.js';
import { type DcpMetadata, decodeMetadata, MAX_METADATA_BYTE_LENGTH } from './metadata.js';
import { mergeRankMetadata, type RankMetadata } from './rank-metadata.js';

/** The index of a checkpoint, and the files that it was read from. */
export interface IndexFiles {
  metadata: DcpMetadata;
  /** Taken before each was read: a save that replaces it meanwhile must show. */
  snapshots: readonly FileSnapshot[];
  /** Ranks that saved an index of their own, where there is none for all. */
  ranks?: RankIndexes;
}

export interface RankIndexes {
  present: readonly number[];
  /** Ranks below the highest that left a trace, whose index is not there. */
  missing: readonly number[];
}

/**
 * Reads `.metadata`, or merges the `__R.metadata` of all ranks where that is what a directory has.
 * @param path a directory, or an index file on its own.
 * @throws FileError, FormatError, LimitError with the path of the index file.
 */
export async function readIndexFiles(path: string): Promise<IndexFiles> {
  if (pathKind(path) !== 'directory') return readOneIndex(path);
  const directory = withoutLastSlash(path);
  const names = listNames(directory);
  if (names.includes(METADATA_NAME)) return readOneIndex(`${directory}/${METADATA_NAME}`);
  const present = ranksOf(names, RANK_METADATA);
  if (present.length === 0) return readOneIndex(`${directory}/${METADATA_NAME}`);
  const snapshots: FileSnapshot[] = [];
  const indexes: RankMetadata[] = [];
  for (const rank of present) {
    const index = await readOneIndex(`${directory}/__${rank}.metadata`);
    snapshots.push(...index.snapshots);
    indexes.push({ rank, metadata: index.metadata });
  }
  const highest = Math.max(present.at(-1)!, ...ranksOf(names, DATA_FILE).slice(-1));
  const known = new Set(present);
  const missing = Array.from({ length: highest + 1 }, (_, rank) => rank).filter(rank => !known.has(rank));
  return {
    metadata: withContext({ path }, () => mergeRankMetadata(indexes)),
    snapshots,
    ranks: { present, missing },
  };
}

/** The highest rank that a name can mean: a directory of a few files must not stand for a million ranks. */
const MAX_RANK = 1_000_000;

function ranksOf(names: readonly string[], pattern: RegExp): number[] {
  const ranks = names.map(name => Number(pattern.exec(name)?.[1] ?? Number.NaN));
  return [...new Set(ranks.filter(rank => rank <= MAX_RANK))].sort((a, b) => a - b);
}

async function readOneIndex(path: string): Promise<IndexFiles> {
  const snapshot = takeSnapshot(path);
  const bytes = await readWholeFile(path, MAX_METADATA_BYTE_LENGTH, 'The index is too large');
  return { metadata: withContext({ path }, () => decodeMetadata(bytes)), snapshots: [snapshot] };
}
