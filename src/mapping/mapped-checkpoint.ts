import {
  type Checkpoint,
  type Entry,
  type ObjectEntry,
  type SourceFile,
  TensorEntry,
} from '../checkpoint/checkpoint.js';
import { ChunkTable, UNRESOLVED } from '../checkpoint/chunks.js';
import { proveCoverage } from '../checkpoint/coverage.js';
import { entryAt } from '../checkpoint/derive.js';
import { isMapping, mappingEntries } from '../checkpoint/flatten.js';
import { pruneTree } from '../checkpoint/prune.js';
import { pathKey } from '../checkpoint/select.js';
import { FormatError, withContext } from '../errors.js';
import { PyDict } from '../pickle/dict.js';
import type { PyValue } from '../pickle/values.js';
import { applyKeyMap, type MappedEntry } from './apply.js';
import type { KeyMap } from './key-map.js';
import type { Parameters } from './parameters.js';
import { NOWHERE, type Part, ZEROS } from './parts.js';
import { Rearranged } from './rearranged.js';

export interface MappedCheckpoint {
  checkpoint: Checkpoint;
  /** Chunks left out because another rank's chunk holds the same box. */
  replicaCount: number;
  /** What the map left out: by a rule, or as it says of what it does not name. */
  dropped: readonly Entry[];
  unnamed: readonly Entry[];
}

/**
 * The checkpoint that a map makes of a checkpoint: other entries over the same files. Tensors made by steps are boxes
 * and strided views of the stored ones, so nothing is read or held. Named entries become keys of the root; others
 * stay where they are. Closing it closes the given one.
 * @throws as {@link applyKeyMap}; CorruptDataError where a tensor to be taken apart is not whole.
 */
export function mapCheckpoint(source: Checkpoint, map: KeyMap, parameters: Parameters): MappedCheckpoint {
  let replicaCount = 0;
  const { results, dropped, unnamed } = applyKeyMap(source.entries, map, parameters, entry => {
    const stored = storedTensor(source, entry);
    replicaCount += stored.replicaCount;
    return stored.tensor;
  });
  const builder = new EntryBuilder(source);
  const entries = results.map(result => builder.entryOf(result));
  const tree = treeOf(source, entries);
  const chunks = builder.chunkTable();
  const { format, path, snapshots, storages, provenance, metadata } = source;
  const checkpoint: Checkpoint = {
    format,
    path,
    snapshots,
    entries,
    tree,
    storages,
    provenance,
    ...(metadata === undefined ? {} : { metadata }),
    get objectGlobals() {
      return source.objectGlobals ?? new Map<string, readonly string[]>();
    },
    chunks,
    get files() {
      return builder.files;
    },
    resolve: async chosen => {
      await source.resolve([...new Set(chosen.flatMap(entry => builder.sourcesOf.get(entry) ?? [entry]))]);
      builder.fillViews(chunks);
    },
    loadObjects: async chosen => {
      await source.loadObjects(chosen.map(entry => builder.sourceObjectOf.get(entry) ?? entry));
      for (const entry of chosen) {
        const original = builder.sourceObjectOf.get(entry);
        if (original !== undefined) entry.value = original.value;
      }
    },
    close: () => source.close(),
  };
  return { checkpoint, replicaCount, dropped, unnamed };
}

/** A stored tensor as steps take it: its chunks, which together are all of it. */
function storedTensor(
  { chunks }: Checkpoint,
  entry: TensorEntry,
): { tensor: Rearranged; replicaCount: number } {
  const { dtype, shape, firstChunk } = entry;
  const boxes = Array.from({ length: entry.chunkCount }, (_, i) => chunks.boxOf(firstChunk + i));
  const { used, replicaCount } = withContext({ fqn: entry.fqn }, () => proveCoverage(shape, boxes));
  const parts = used.map((index): Part => {
    const { offsets, sizes } = boxes[index]!;
    return {
      chunk: firstChunk + index,
      start: sizes.map(() => 0),
      offsets,
      sizes,
      walks: sizes.map((_, dimension) => ({ dimension, step: 1 })),
    };
  });
  return { tensor: Rearranged.of(dtype, shape, parts), replicaCount };
}

/** Makes entries, and the chunk table behind them: all rows of the source, then those of the made tensors. */
class EntryBuilder {
  /** Of entries that are not the source's own. */
  readonly sourcesOf = new Map<TensorEntry, readonly TensorEntry[]>();
  readonly sourceObjectOf = new Map<ObjectEntry, ObjectEntry>();
  /** What fills the rows behind those of the source. */
  private readonly rows: Part[] = [];
  private zeroStorage: number | undefined;

  constructor(private readonly source: Checkpoint) {}

  entryOf(result: MappedEntry): Entry {
    if (result.kind === 'kept') return result.entry;
    if (result.kind === 'made') return this.made(result);
    const { entry } = result;
    const renamed = entryAt(entry, [result.name]);
    if (renamed.kind === 'tensor') this.sourcesOf.set(renamed, [entry as TensorEntry]);
    else this.sourceObjectOf.set(renamed, entry as ObjectEntry);
    return renamed;
  }

  private made({ name, tensor, sources }: MappedEntry & { kind: 'made' }): TensorEntry {
    const entry = new TensorEntry(name, [name], tensor.dtype, tensor.shape);
    const { factors, parts } = tensor.finished();
    entry.firstChunk = this.source.chunks.count + this.rows.length;
    entry.chunkCount = parts.length;
    for (const part of parts) this.rows.push(part);
    entry.factors = factors.every(list => list.length === 1) ? undefined : factors;
    entry.isRearranged = true;
    entry.requiresGrad = sources.some(({ requiresGrad }) => requiresGrad);
    entry.location = sources[0]!.location;
    this.sourcesOf.set(entry, sources);
    return entry;
  }

  chunkTable(): ChunkTable {
    const { source, rows } = this;
    const old = source.chunks;
    const dimensions = rows.reduce((sum, { sizes }) => sum + sizes.length, 0);
    const table = new ChunkTable(old.count + rows.length, old.offsets.length + dimensions);
    for (const column of BOX_COLUMNS) (table[column] as Float64Array).set(old[column] as Float64Array);
    let base = old.offsets.length;
    for (const [i, part] of rows.entries()) {
      const row = old.count + i;
      table.setBox(row, base, part);
      base += part.sizes.length;
      if (part.chunk === ZEROS) continue;
      for (const column of ITEM_COLUMNS) table[column][row] = old[column][part.chunk]!;
    }
    return table;
  }

  /** Fills in where the rows of resolved chunks lie. */
  fillViews(table: ChunkTable): void {
    const old = this.source.chunks;
    for (const column of VIEW_COLUMNS) (table[column] as Float64Array).set(old[column] as Float64Array);
    for (const [i, part] of this.rows.entries()) {
      const row = old.count + i;
      if (part.chunk === ZEROS) {
        const stride = part.sizes.map(() => 0);
        table.setView(row, { storage: this.zeros(), storageOffset: 0, stride, flags: 0 });
        continue;
      }
      if (old.storage[part.chunk] === UNRESOLVED) continue;
      const chunkStride = old.strideOf(part.chunk);
      table.setView(row, {
        storage: old.storage[part.chunk]!,
        storageOffset: part.start.reduce(
          (offset, position, d) => offset + position * chunkStride[d]!,
          old.storageOffset[part.chunk]!,
        ),
        stride: part.walks.map(({ dimension, step }) =>
          dimension === NOWHERE ? 0 : chunkStride[dimension]! * step,
        ),
        flags: old.viewFlags[part.chunk]!,
      });
    }
  }

  /** The source's files, and the memory that zeros come from. */
  get files(): readonly SourceFile[] {
    const { files } = this.source;
    return this.zeroStorage === undefined ? files : [...files, ZERO_FILE];
  }

  /** The storage that zeros of any type come from: one element, read again and again. */
  private zeros(): number {
    // Now: which files the source has is known when it is resolved.
    this.zeroStorage ??= this.source.storages.add({
      file: this.source.files.length,
      byteOffset: 0,
      byteLength: ZERO_BYTES.length,
      crc32: undefined,
    });
    return this.zeroStorage;
  }
}

/** As long as the longest element. Shared, as threads read it. */
const ZERO_BYTES = new Uint8Array(new SharedArrayBuffer(16));
const ZERO_FILE: SourceFile = {
  path: 'zeros',
  name: 'zeros',
  byteLength: ZERO_BYTES.length,
  memory: { label: 'zeros', bytes: ZERO_BYTES },
};
const ITEM_COLUMNS = ['itemFile', 'itemByteOffset', 'itemByteLength'] as const;
const BOX_COLUMNS = ['dimensionBase', 'dimensionCount', 'offsets', 'sizes', ...ITEM_COLUMNS] as const;
const VIEW_COLUMNS = ['storage', 'storageOffset', 'strides', 'viewFlags'] as const;

/** The containers of entries that stay, and beside them what the map named. */
function treeOf(source: Checkpoint, entries: readonly Entry[]): PyDict {
  const kept = new Set(entries.map(({ path }) => pathKey(path)));
  const own = new Set<Entry>(source.entries);
  const staying = new Set(entries.filter(entry => own.has(entry)).map(({ path }) => pathKey(path)));
  const pruned = pruneTree(source.tree, path => staying.has(pathKey(path)), 'vanish');
  const root = new PyDict();
  if (pruned !== undefined) {
    if (!isMapping(pruned)) throw new FormatError('A map needs names: the checkpoint holds no dict');
    for (const [key, value] of mappingEntries(pruned)) root.set(key, value);
  }
  for (const entry of entries) {
    if (own.has(entry)) continue;
    const name = entry.path[0] as string;
    if (kept.size > 0 && root.getText(name) !== undefined) {
      throw new FormatError('The map gives a name that a container of the checkpoint has', { fqn: name });
    }
    root.set(name, entry as PyValue);
  }
  return root;
}
