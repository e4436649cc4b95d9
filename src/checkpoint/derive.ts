import type { DTypeInfo } from '../dtype.js';
import { PyDict } from '../pickle/dict.js';
import type { PyValue } from '../pickle/values.js';
import { type Checkpoint, type Entry, type EntryPath, ObjectEntry, TensorEntry } from './checkpoint.js';
import { mapLeaves } from './prune.js';

/** The entry under another path. Its chunks, its place in memory and what is known of it stay. */
export function entryAt(entry: Entry, path: EntryPath): Entry {
  const fqn = path.join('.');
  if (entry.kind === 'tensor') return copyOf(entry, fqn, path, entry.dtype);
  const copy = new ObjectEntry(fqn, path);
  copy.value = entry.value;
  copy.byteLength = entry.byteLength;
  return copy;
}

function copyOf(entry: TensorEntry, fqn: string, path: EntryPath, dtype: DTypeInfo): TensorEntry {
  const copy = new TensorEntry(fqn, path, dtype, entry.shape);
  copy.firstChunk = entry.firstChunk;
  copy.chunkCount = entry.chunkCount;
  copy.requiresGrad = entry.requiresGrad;
  copy.storage = entry.storage;
  copy.identity = entry.identity;
  copy.location = entry.location;
  copy.typeName = entry.typeName;
  copy.storedDtype = entry.storedDtype;
  copy.factors = entry.factors;
  copy.isRearranged = entry.isRearranged;
  return copy;
}

/**
 * The checkpoint with other entries in the place of its own, over the same chunks and storages. Closing it closes the
 * given one.
 *
 * @param sourceOf the entry of `checkpoint` that each new one stands for, in the order of the result.
 * @param adapt what becomes of the value of an object when it is loaded.
 */
export function deriveCheckpoint(
  checkpoint: Checkpoint,
  sourceOf: ReadonlyMap<Entry, Entry>,
  tree: PyValue,
  adapt: (entry: ObjectEntry, value: PyValue) => PyValue = (_, value) => value,
): Checkpoint {
  const { format, path, snapshots, chunks, storages, provenance, metadata } = checkpoint;
  const take = (entry: Entry): void => {
    const source = sourceOf.get(entry);
    if (entry.kind !== 'object' || source?.kind !== 'object') return;
    entry.value = source.value === undefined ? undefined : adapt(entry, source.value);
  };
  const entries = [...sourceOf.keys()];
  for (const entry of entries) take(entry);
  return {
    format,
    path,
    snapshots,
    get files() {
      return checkpoint.files;
    },
    chunks,
    storages,
    provenance,
    entries,
    tree,
    ...(metadata === undefined ? {} : { metadata }),
    get objectGlobals() {
      const globals = new Map<string, readonly string[]>();
      for (const [entry, source] of sourceOf) {
        const names = checkpoint.objectGlobals?.get(source.fqn);
        if (names !== undefined) globals.set(entry.fqn, names);
      }
      return globals;
    },
    resolve: (chosen, isWanted) =>
      checkpoint.resolve(
        chosen.map(entry => sourceOf.get(entry) as TensorEntry),
        isWanted,
      ),
    async loadObjects(chosen) {
      await checkpoint.loadObjects(chosen.map(entry => sourceOf.get(entry) as ObjectEntry));
      for (const entry of chosen) take(entry);
    },
    close: () => checkpoint.close(),
  };
}

/**
 * The checkpoint with tensors of other element types: bytes are cast when they are copied.
 *
 * @param dtypeOf the type that a tensor is to have; its own leaves it as it is.
 */
export function castTensors(checkpoint: Checkpoint, dtypeOf: (entry: TensorEntry) => DTypeInfo): Checkpoint {
  const made = new Map<Entry, TensorEntry>();
  // What was one Python object stays one where it becomes one type.
  const identities = new Map<object, Map<DTypeInfo, object>>();
  for (const entry of checkpoint.entries) {
    if (entry.kind !== 'tensor') continue;
    const dtype = dtypeOf(entry);
    if (dtype === entry.dtype) continue;
    const copy = copyOf(entry, entry.fqn, entry.path, dtype);
    let byType = identities.get(entry.identity);
    if (byType === undefined) identities.set(entry.identity, (byType = new Map()));
    const identity = byType.get(dtype);
    if (identity === undefined) byType.set(dtype, copy);
    copy.identity = identity ?? copy;
    made.set(entry, copy);
  }
  if (made.size === 0) return checkpoint;
  const tree = mapLeaves(checkpoint.tree, leaf => made.get(leaf) ?? leaf, 'vanish') ?? new PyDict();
  return deriveCheckpoint(
    checkpoint,
    new Map(checkpoint.entries.map(entry => [made.get(entry) ?? entry, entry])),
    tree,
  );
}
