import { PyDict } from '../pickle/dict.js';
import type { PyValue } from '../pickle/values.js';
import type { Checkpoint, Entry, EntryPath } from './checkpoint.js';
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
  return withEntries(checkpoint, entries, tree);
}

/** The checkpoint with other entries over the same chunks and storages. Closing it closes the given one. */
export function withEntries(checkpoint: Checkpoint, entries: readonly Entry[], tree: PyValue): Checkpoint {
  const { format, path, files, chunks, storages, provenance } = checkpoint;
  return {
    format,
    path,
    files,
    chunks,
    storages,
    provenance,
    entries,
    tree,
    ...(checkpoint.objectGlobals === undefined ? {} : { objectGlobals: checkpoint.objectGlobals }),
    ...(checkpoint.metadata === undefined ? {} : { metadata: checkpoint.metadata }),
    resolve: chosen => checkpoint.resolve(chosen),
    loadObjects: chosen => checkpoint.loadObjects(chosen),
    close: () => checkpoint.close(),
  };
}
