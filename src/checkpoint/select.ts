import { PyDict } from '../pickle/dict.js';
import type { Checkpoint, Entry, EntryPath } from './checkpoint.js';
import { deriveCheckpoint } from './derive.js';
import { pruneTree } from './prune.js';

/** A path as a key of maps: text and numbers are told apart. */
export function pathKey(path: EntryPath): string {
  return JSON.stringify(path);
}

/**
 * The checkpoint with only the wanted entries, over the same chunks and storages. Containers that lose all their
 * entries vanish; the root stays. Closing it closes the given one.
 */
export function selectEntries(checkpoint: Checkpoint, isWanted: (entry: Entry) => boolean): Checkpoint {
  const entries = checkpoint.entries.filter(isWanted);
  if (entries.length === checkpoint.entries.length) return checkpoint;
  const wanted = new Set(entries.map(({ path }) => pathKey(path)));
  const tree = pruneTree(checkpoint.tree, path => wanted.has(pathKey(path)), 'vanish') ?? new PyDict();
  return deriveCheckpoint(checkpoint, new Map(entries.map(entry => [entry, entry])), tree);
}
