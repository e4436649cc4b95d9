import { type Box, contiguousStride, elementCountOf } from '../checkpoint/box.js';
import type {
  Checkpoint,
  Entry,
  ObjectEntry,
  Provenance,
  SourceFile,
  TensorEntry,
} from '../checkpoint/checkpoint.js';
import { type ChunkTable, UNRESOLVED } from '../checkpoint/chunks.js';
import { StorageTable } from '../checkpoint/storage.js';
import { Turns } from '../checkpoint/turns.js';
import type { DTypeInfo } from '../dtype.js';
import { CorruptDataError, DcpError, FileError, withContext, withContextAsync } from '../errors.js';
import { pathKind } from '../io/listing.js';
import { type FileSnapshot, takeSnapshot } from '../io/snapshot.js';
import { FileSource, isSystemFailure } from '../io/source.js';
import type { PyDict } from '../pickle/dict.js';
import { globalsBeyondTorch } from '../torch/globals.js';
import { castIntoSpool, type OtherType } from './cast-items.js';
import { requireComplete } from './directory.js';
import { type IndexedEntries, indexEntries, rankOfFile } from './entries.js';
import { type IndexFiles, type RankIndexes, readIndexFiles } from './index-files.js';
import { FILE_TOO_SHORT, ItemReader } from './item-window.js';
import { readItemPickle } from './items.js';
import { type MegatronCommon, mergeCommon, readMegatronCommon } from './megatron.js';
import type { DcpMetadata } from './metadata.js';
import { requireAllRanks, requireRanksCover } from './rank-coverage.js';
import { ChunkResolver } from './resolve.js';
import { InflatedItems, maxObjectItemByteLength, maxTensorItemByteLength } from './transforms.js';

/**
 * Opens a DCP directory, or an index file on its own (then no data are at hand). Reads the index only.
 * @throws FileError, FormatError, UnsupportedError with path and FQN.
 */
export async function openDcp(path: string): Promise<DcpCheckpoint> {
  const directory = pathKind(path) === 'directory' ? path : undefined;
  if (directory !== undefined) requireComplete(path);
  const index = await readIndexFiles(path);
  const indexPath = index.ranks === undefined ? index.snapshots[0]!.path : path;
  const indexed = withContext({ path: indexPath }, () => indexEntries(index.metadata));
  const storages = new StorageTable();
  const common =
    directory === undefined
      ? undefined
      : await readMegatronCommon(directory, indexed.fileNames.length, storages);
  return withContext(
    { path: indexPath },
    () => new DcpCheckpoint(path, directory, index, indexed, storages, common),
  );
}

/** The data files that a directory's index names; none where the index cannot be read. */
export async function readFileNames(directory: string): Promise<string[]> {
  try {
    const { metadata } = await readIndexFiles(directory);
    return [...metadata.storageData.relativePaths];
  } catch (error) {
    if (error instanceof DcpError && !isSystemFailure(error)) return [];
    throw error;
  }
}

/** Where an item lies: position among the files, and bytes. */
export interface ItemPlace {
  file: number;
  byteOffset: number;
  byteLength: number;
}

export class DcpCheckpoint implements Checkpoint {
  readonly format = 'dcp';
  readonly files: SourceFile[];
  readonly entries: readonly Entry[];
  readonly tree: PyDict;
  readonly chunks: ChunkTable;
  readonly provenance: Provenance;
  /** Sizes and times of the data files at opening, in the order of `files`. */
  readonly fileSnapshots: readonly (FileSnapshot | undefined)[];
  /** Globals beyond torch's weights_only list that loaded objects name, by FQN. */
  readonly objectGlobals = new Map<string, string[]>();
  /** Of the index, or of the index of each rank. */
  readonly indexSnapshots: readonly FileSnapshot[];
  /** Where each rank saved an index of its own: which are at hand. */
  readonly rankIndexes: RankIndexes | undefined;
  /** Tensors that are stored in another shape than they have; see `DcpMetadata.reshaped`. */
  readonly reshaped: readonly string[];
  private readonly objectItems: IndexedEntries['objectItems'];
  private readonly transformedChunks: Set<number>;
  private readonly inflated = new InflatedItems();
  /** Where items lie in the checkpoint that have been put elsewhere since. */
  private readonly storedPlaces = new Map<number | ObjectEntry, ItemPlace>();
  private readonly resolver: ChunkResolver;
  private readonly turns = new Turns();
  /** Tensors that items of another element type were converted for, with that type. */
  readonly castEntries = new Map<TensorEntry, DTypeInfo>();

  constructor(
    readonly path: string,
    /** Undefined for an index file on its own. */
    readonly directory: string | undefined,
    { metadata, snapshots, ranks }: IndexFiles,
    indexed: IndexedEntries,
    readonly storages: StorageTable,
    /** What Megatron-core keeps beside: it joins the state dict. */
    common: MegatronCommon | undefined,
  ) {
    this.indexSnapshots = snapshots;
    this.rankIndexes = ranks;
    this.reshaped = metadata.reshaped;
    this.transformedChunks = indexed.transformedChunks;
    const { entries, tree } =
      common === undefined ? indexed : mergeCommon(common, indexed.entries, indexed.tree);
    this.entries = entries;
    this.tree = tree;
    this.chunks = indexed.chunks;
    this.objectItems = indexed.objectItems;
    this.resolver = new ChunkResolver(
      file => this.files[file]!.path,
      this.chunks,
      this.storages,
      other => this.castChunk(other),
    );
    const snapshotOf = (name: string): FileSnapshot | undefined =>
      directory === undefined ? undefined : snapshotIfThere(`${directory}/${name}`);
    const fileSnapshots = indexed.fileNames.map(snapshotOf);
    this.fileSnapshots = common === undefined ? fileSnapshots : [...fileSnapshots, common.snapshot];
    this.files = indexed.fileNames.map((name, file) => ({
      path: directory === undefined ? name : `${directory}/${name}`,
      name,
      byteLength: this.fileSnapshots[file]?.byteLength,
    }));
    if (common !== undefined) this.files.push(common.file);
    const globals = common === undefined ? [] : globalsBeyondTorch(common.globals);
    this.provenance = {
      torchEra: torchEra(metadata),
      ...(metadata.version === undefined ? {} : { metadataVersion: metadata.version }),
      globals: [...new Set([...metadata.globals, ...globals])],
    };
  }

  /**
   * Requires the index of every rank, and the data files that they name, each as long as it says.
   * @throws FileError naming the missing ones and the ranks that wrote them, CorruptDataError for a short one.
   */
  requireFiles(): void {
    if (this.directory === undefined) {
      throw new FileError('Only the index is at hand, not the data files it names', {
        expected: `${this.files.length} files such as ${this.files[0]?.name ?? '__0_0.distcp'}`,
        path: this.path,
        hint: 'Give the checkpoint directory.',
      });
    }
    if (this.rankIndexes !== undefined) {
      requireAllRanks(this.path, this.rankIndexes);
      requireRanksCover(this, this.rankIndexes);
    }
    const missing = this.files.filter(file => file.byteLength === undefined);
    if (missing.length === 0) {
      this.requireLengths();
      return;
    }
    const ranks = [...new Set(missing.map(rankOfFile).filter(rank => rank !== undefined))];
    const names = missing.slice(0, 5).map(({ name, path }) => {
      const kind = pathKind(path);
      return kind === 'missing' ? name : `${name} (a ${kind})`;
    });
    throw new FileError('Data files of the checkpoint are missing', {
      expected: `${this.files.length} files`,
      found: `${this.files.length - missing.length}; missing: ${names.join(', ')}${missing.length > 5 ? ', …' : ''}`,
      path: this.path,
      hint:
        ranks.length === 0
          ? 'Copy them next to .metadata.'
          : `They were written by rank ${ranks.slice(0, 8).join(', ')}: look on the nodes that ran these ranks.`,
    });
  }

  /** Nobody reads the items of empty boxes: without this a file could lack them unseen. */
  private requireLengths(): void {
    const { files } = this;
    const ends = this.itemEnds();
    const short = files.filter(({ byteLength }, file) => byteLength! < ends[file]!);
    const first = short[0];
    if (first === undefined) return;
    const others = short.length === 1 ? '' : `; ${short.length - 1} more of ${files.length} files are short`;
    throw new CorruptDataError(FILE_TOO_SHORT, {
      expected: `${ends[files.indexOf(first)]} bytes at least`,
      found: `${first.byteLength} bytes${others}`,
      path: first.path,
    });
  }

  /** Where in each file the last item ends, in bytes: no whole file is shorter. */
  itemEnds(): Float64Array {
    const { chunks } = this;
    const ends = new Float64Array(this.files.length);
    const reach = (file: number, end: number): void => {
      if (end > ends[file]!) ends[file] = end;
    };
    for (let chunk = 0; chunk < chunks.count; chunk++) {
      reach(chunks.itemFile[chunk]!, chunks.itemByteOffset[chunk]! + chunks.itemByteLength[chunk]!);
    }
    for (const { file, byteOffset, byteLength } of this.objectItems.values())
      reach(file, byteOffset + byteLength);
    return ends;
  }

  /** Of the index, and of the data files that are there. */
  get snapshots(): FileSnapshot[] {
    const files = this.fileSnapshots.filter(snapshot => snapshot !== undefined);
    return [...this.indexSnapshots, ...files];
  }

  placeOfChunk(chunk: number): ItemPlace {
    const { itemFile, itemByteOffset, itemByteLength } = this.chunks;
    return { file: itemFile[chunk]!, byteOffset: itemByteOffset[chunk]!, byteLength: itemByteLength[chunk]! };
  }

  /** Undefined for what is no item: the common part of Megatron-core. */
  placeOfObject(entry: ObjectEntry): ItemPlace | undefined {
    return this.objectItems.get(entry);
  }

  /**
   * Where the archive of an object lies as it was saved: in a temporary file, if it went through a stream transform.
   * Undefined for what is no item. @throws as reading and inflating do
   */
  archiveOfObject(entry: ObjectEntry): Promise<ItemPlace | undefined> {
    return this.turns.take(async () => {
      if (this.objectItems.has(entry)) await this.inflateObjects([entry]);
      return this.objectItems.get(entry);
    });
  }

  /** Where an item lies in the checkpoint, inflated or not. Undefined for an object that is no item. */
  storedPlaceOf(of: number | ObjectEntry): ItemPlace | undefined {
    const stored = this.storedPlaces.get(of);
    if (stored !== undefined) return stored;
    return typeof of === 'number' ? this.placeOfChunk(of) : this.placeOfObject(of);
  }

  /** Whether an item went through a stream transform, so that its archive is not in the file as it is. */
  isTransformed(of: number | ObjectEntry): boolean {
    return typeof of === 'number'
      ? this.transformedChunks.has(of)
      : this.objectItems.get(of)?.isTransformed === true;
  }

  /** Lets a chunk lie where another one of the same box lies. */
  takeReplica(chunk: number, replica: number): void {
    const { itemFile, itemByteOffset, itemByteLength, storage } = this.chunks;
    storage[chunk] = UNRESOLVED;
    itemFile[chunk] = itemFile[replica]!;
    itemByteOffset[chunk] = itemByteOffset[replica]!;
    itemByteLength[chunk] = itemByteLength[replica]!;
  }

  resolve(
    entries: readonly TensorEntry[],
    isWanted?: (entry: TensorEntry, box: Box) => boolean,
  ): Promise<void> {
    return this.turns.take(async () => {
      await this.inflateChunks(entries, isWanted);
      await this.resolver.resolve(entries, isWanted);
    });
  }

  /** Gives items that went through a stream transform an ordinary place, each once. */
  private async inflateChunks(
    entries: readonly TensorEntry[],
    isWanted: (entry: TensorEntry, box: Box) => boolean = () => true,
  ): Promise<void> {
    if (this.transformedChunks.size === 0) return;
    const { chunks } = this;
    for (const entry of entries) {
      const { fqn, firstChunk, chunkCount } = entry;
      for (let chunk = firstChunk; chunk < firstChunk + chunkCount; chunk++) {
        const box = chunks.boxOf(chunk);
        const elementCount = elementCountOf(box.sizes);
        if (elementCount === 0 || !this.transformedChunks.has(chunk) || !isWanted(entry, box)) continue;
        const item = await this.inflated.inflate({
          path: this.files[chunks.itemFile[chunk]!]!.path,
          fqn,
          byteOffset: chunks.itemByteOffset[chunk]!,
          byteLength: chunks.itemByteLength[chunk]!,
          maxByteLength: maxTensorItemByteLength(elementCount),
        });
        this.storedPlaces.set(chunk, this.placeOfChunk(chunk));
        chunks.itemFile[chunk] = this.spoolFile();
        chunks.itemByteOffset[chunk] = item.byteOffset;
        chunks.itemByteLength[chunk] = item.byteLength;
        this.transformedChunks.delete(chunk);
      }
    }
  }

  private async castChunk(other: OtherType): Promise<void> {
    const { chunk, entry } = other;
    const { sizes } = this.chunks.boxOf(chunk);
    const byteOffset = await castIntoSpool(this, other, this.inflated.file);
    const byteLength = elementCountOf(sizes) * entry.dtype.itemSize;
    const storage = this.storages.add({ file: this.spoolFile(), byteOffset, byteLength, crc32: undefined });
    this.chunks.setView(chunk, { storage, storageOffset: 0, stride: contiguousStride(sizes), flags: 0 });
    this.castEntries.set(entry, other.dtype);
  }

  private async inflateObjects(entries: readonly ObjectEntry[]): Promise<void> {
    for (const entry of entries) {
      const item = this.objectItems.get(entry)!;
      if (!item.isTransformed) continue;
      const { path } = this.files[item.file]!;
      const maxByteLength = maxObjectItemByteLength(item.byteLength);
      const place = await this.inflated.inflate({ ...item, path, fqn: entry.fqn, maxByteLength });
      this.storedPlaces.set(entry, item);
      this.objectItems.set(entry, { ...place, file: this.spoolFile(), isTransformed: false });
    }
  }

  /** Position of the spool file among the files. */
  private spoolFile(): number {
    const { path } = this.inflated.file;
    if (this.files.at(-1)?.path !== path) {
      this.files.push({ path, name: 'inflated items', byteLength: undefined });
    }
    return this.files.length - 1;
  }

  loadObjects(entries: readonly ObjectEntry[]): Promise<void> {
    return this.turns.take(() => this.readObjects(entries));
  }

  private async readObjects(entries: readonly ObjectEntry[]): Promise<void> {
    await this.inflateObjects(entries.filter(entry => entry.value === undefined));
    const byFile: ObjectEntry[][] = this.files.map(() => []);
    for (const entry of entries) {
      if (entry.value === undefined) byFile[this.objectItems.get(entry)!.file]!.push(entry);
    }
    for (const [file, objects] of byFile.entries()) {
      if (objects.length === 0) continue;
      const items = objects.map(entry => this.objectItems.get(entry)!);
      const order = items.map((_, i) => i).sort((a, b) => items[a]!.byteOffset - items[b]!.byteOffset);
      const { path } = this.files[file]!;
      const source = FileSource.open(path);
      try {
        const sorted = order.map(i => items[i]!);
        const reader = new ItemReader(source, sorted);
        for (const [position, i] of order.entries()) {
          const entry = objects[i]!;
          await withContextAsync({ path, fqn: entry.fqn, byteOffset: items[i]!.byteOffset }, async () => {
            const item = await reader.open(position);
            const place = items[i]!;
            const { value, globals } = await readItemPickle(item, place, file, this.storages, entry.fqn);
            entry.value = value;
            const beyond = globalsBeyondTorch(globals);
            if (beyond.length > 0) this.objectGlobals.set(entry.fqn, beyond);
          });
        }
      } finally {
        source.close();
      }
    }
  }

  close(): void {
    this.inflated.remove();
  }
}

function snapshotIfThere(path: string): FileSnapshot | undefined {
  return pathKind(path) === 'file' ? takeSnapshot(path) : undefined;
}

/** Which releases write an index of this form; docs/formats.md, "Which release wrote what". */
function torchEra(metadata: DcpMetadata): string {
  if (metadata.version !== undefined) return '2.9 or newer';
  if (metadata.storageMeta?.hasModules === true) return '2.7 or 2.8';
  if (metadata.storageMeta !== undefined) return '2.4 to 2.6';
  return metadata.plannerData === undefined ? '1.13, or saved without flattening' : '2.0 to 2.3';
}
