import { elementCountOf, requireCountable } from '../checkpoint/box.js';
import {
  type Entry,
  type EntryPath,
  ObjectEntry,
  type SourceFile,
  TensorEntry,
} from '../checkpoint/checkpoint.js';
import { ChunkTable } from '../checkpoint/chunks.js';
import { setElement } from '../checkpoint/flatten.js';
import { FormatError, withContext } from '../errors.js';
import { PyDict } from '../pickle/dict.js';
import { type PyValue, textOf } from '../pickle/values.js';
import { type DcpMetadata, TensorStorageMetadata } from './metadata.js';
import type { StorageData } from './storage-data.js';
import { requireKnownTransforms } from './transforms.js';

/** An index as the common model: what a `.metadata` says, without a look at the data files. */
export interface IndexedEntries {
  entries: Entry[];
  tree: PyDict;
  chunks: ChunkTable;
  /** Names as the index has them, in order of first use. */
  fileNames: string[];
  /** Where the item of each object lies. */
  objectItems: Map<ObjectEntry, ObjectItem>;
  /** Rows of `chunks` whose items went through a stream transform. */
  transformedChunks: Set<number>;
}

export interface ObjectItem {
  file: number;
  byteOffset: number;
  byteLength: number;
  /** Whether the item went through a stream transform. */
  isTransformed: boolean;
}

/**
 * @throws FormatError naming the FQN, where the parts of the index do not fit together; UnsupportedError for a stream
 * transform that is not known.
 */
export function indexEntries(metadata: DcpMetadata): IndexedEntries {
  const { storageData } = metadata;
  const places = new PlaceIndex(storageData);
  const files = new FileNumbers(storageData);
  const entries: Entry[] = [];
  const tree = new PyDict();
  const objectItems: IndexedEntries['objectItems'] = new Map();
  const transformedChunks = new Set<number>();
  const chunks = tableFor(metadata);
  let firstChunk = 0;
  let dimensionBase = 0;
  for (const [key, fqn, stored] of metadata.stateDictMetadata) {
    const steps = metadata.plannerData?.get(fqn) ?? [key];
    const path: EntryPath = steps.map(step => (typeof step === 'number' ? step : textOf(step)!));
    let entry: Entry;
    if (stored instanceof TensorStorageMetadata) {
      entry = tensorEntry(fqn, path, stored);
      entry.firstChunk = firstChunk;
      const { chunkCount } = entry;
      chunks.setBoxes(firstChunk, chunkCount, dimensionBase, stored.size.length);
      stored.chunks.copyTo(chunks.offsets, chunks.sizes, dimensionBase, stored.size.length);
      const rows = places.ofChunks(fqn, chunks, firstChunk, chunkCount);
      for (let i = 0; i < chunkCount; i++) {
        const chunk = firstChunk + i;
        const row = rows[i]!;
        if (row === NO_ROW) requireEmpty(fqn, chunks, chunk);
        else {
          chunks.itemFile[chunk] = files.of(row, fqn);
          chunks.itemByteOffset[chunk] = storageData.byteOffset(row);
          chunks.itemByteLength[chunk] = storageData.byteLength(row);
          if (storageData.isTransformed(row)) transformedChunks.add(chunk);
        }
      }
      firstChunk += chunkCount;
      dimensionBase += chunkCount * stored.size.length;
    } else {
      entry = new ObjectEntry(fqn, path);
      const row = places.ofObject(fqn);
      if (row === NO_ROW) throw new FormatError('The index does not say where an object is stored', { fqn });
      const byteLength = storageData.byteLength(row);
      entry.byteLength = byteLength;
      const file = files.of(row, fqn);
      const byteOffset = storageData.byteOffset(row);
      objectItems.set(entry, { file, byteOffset, byteLength, isTransformed: storageData.isTransformed(row) });
    }
    entries.push(entry);
    setElement(tree, path, entry, position => steps[position] as PyValue);
  }
  return { entries, tree, chunks, fileNames: files.names, objectItems, transformedChunks };
}

/** A table with room for the chunks of all tensors. */
function tableFor({ stateDictMetadata }: DcpMetadata): ChunkTable {
  let chunkCount = 0;
  let dimensionCount = 0;
  for (const [, , stored] of stateDictMetadata) {
    if (!(stored instanceof TensorStorageMetadata)) continue;
    chunkCount += stored.chunks.length;
    dimensionCount += stored.chunks.length * stored.size.length;
  }
  return new ChunkTable(chunkCount, dimensionCount);
}

function tensorEntry(fqn: string, path: EntryPath, stored: TensorStorageMetadata): TensorEntry {
  const { dtype, size, chunks } = stored;
  withContext({ fqn }, () => requireCountable(size, dtype.itemSize));
  const strange = chunks.findOther(size.length);
  if (strange !== undefined) {
    throw new FormatError('A chunk has another number of dimensions than its tensor', {
      expected: size.length,
      found: strange.sizes.length,
      fqn,
    });
  }
  const entry = new TensorEntry(fqn, path, dtype, size);
  entry.requiresGrad = stored.requiresGrad;
  entry.chunkCount = chunks.length;
  return entry;
}

/** Torch stores one item for several empty chunks at one offset, and reads none of them. */
function requireEmpty(fqn: string, chunks: ChunkTable, chunk: number): void {
  const { offsets, sizes } = chunks.boxOf(chunk);
  if (elementCountOf(sizes) === 0) return;
  throw new FormatError('The index does not say where a chunk is stored', {
    expected: `an entry of storage_data for offset [${offsets.join(', ')}]`,
    fqn,
  });
}

const NO_ROW = -1;

/** The rows of `storage_data` by FQN, looked up by (fqn, offset) as torch does. */
class PlaceIndex {
  private readonly numberOf: ReadonlyMap<string, number>;
  /** The first row of each FQN, by its number; then from each row the next one of the same FQN. */
  private readonly first: Int32Array;
  private readonly next: Int32Array;

  constructor(private readonly storageData: StorageData) {
    this.numberOf = new Map(storageData.fqnTexts.map((fqn, number) => [fqn, number]));
    this.first = new Int32Array(storageData.fqnTexts.length).fill(NO_ROW);
    this.next = new Int32Array(storageData.length);
    for (let row = storageData.length - 1; row >= 0; row--) {
      const number = storageData.fqnNumber(row);
      this.next[row] = this.first[number]!;
      this.first[number] = row;
    }
  }

  /**
   * The row of each chunk `[firstChunk, firstChunk + chunkCount)`; {@link NO_ROW} for one without. The hints of the
   * keys are tried first; where they lead astray, offsets are looked up.
   */
  ofChunks(fqn: string, chunks: ChunkTable, firstChunk: number, chunkCount: number): Int32Array {
    const { storageData } = this;
    const rows = new Int32Array(chunkCount).fill(NO_ROW);
    let left = chunkCount;
    for (let row = this.firstRow(fqn); row !== NO_ROW && left > 0; row = this.next[row]!) {
      const hint = storageData.hint(row);
      if (hint < 0 || hint >= chunkCount || rows[hint] !== NO_ROW) continue;
      const base = chunks.dimensionBase[firstChunk + hint]!;
      if (!storageData.hasOffset(row, chunks.offsets, base, chunks.dimensionCount[firstChunk + hint]!))
        continue;
      rows[hint] = row;
      left--;
    }
    if (left === 0) return rows;
    const byOffset = new Map<string, number>();
    for (let row = this.firstRow(fqn); row !== NO_ROW; row = this.next[row]!) {
      const offset = storageData.keyOf(row).offset?.join();
      if (offset !== undefined && !byOffset.has(offset)) byOffset.set(offset, row);
    }
    for (let i = 0; i < chunkCount; i++) {
      if (rows[i] === NO_ROW) rows[i] = byOffset.get(chunks.boxOf(firstChunk + i).offsets.join()) ?? NO_ROW;
    }
    return rows;
  }

  ofObject(fqn: string): number {
    let row = this.firstRow(fqn);
    while (row !== NO_ROW && !this.storageData.isObject(row)) row = this.next[row]!;
    return row;
  }

  private firstRow(fqn: string): number {
    const number = this.numberOf.get(fqn);
    return number === undefined ? NO_ROW : this.first[number]!;
  }
}

/** Numbers data files in order of first use by an entry, and checks each row that is used. */
class FileNumbers {
  readonly names: string[] = [];
  /** By the number of the path in `storage_data`; −1 until used. */
  private readonly numbers: Int32Array;

  constructor(private readonly storageData: StorageData) {
    this.numbers = new Int32Array(storageData.relativePaths.length).fill(-1);
  }

  of(row: number, fqn: string): number {
    const { storageData, numbers } = this;
    if (storageData.isTransformed(row)) requireKnownTransforms(storageData.transformDescriptors(row), fqn);
    const path = storageData.pathNumber(row);
    const known = numbers[path]!;
    if (known >= 0) return known;
    const relativePath = storageData.relativePaths[path]!;
    checkRelativePath(relativePath, fqn);
    numbers[path] = this.names.push(relativePath) - 1;
    return numbers[path]!;
  }
}

/**
 * A data file must lie in the checkpoint's directory, or below it. Backslashes and drive letters count as they do
 * on Windows, on every system: torch writes neither.
 */
function checkRelativePath(relativePath: string, fqn: string): void {
  const steps = relativePath.split(/[/\\]/);
  const isAbsolute = steps[0] === '' || /^[A-Za-z]:/.test(relativePath);
  if (isAbsolute || steps.includes('..') || relativePath.includes('\0')) {
    throw new FormatError('The index names a data file outside the checkpoint directory', {
      expected: 'a path inside it',
      found: JSON.stringify(relativePath),
      fqn,
    });
  }
}

/** The rank that wrote a data file, by torch's naming `__<rank>_<n>.distcp`. */
export function rankOfFile(file: SourceFile): number | undefined {
  const match = /(?:^|\/)__(\d+)_\d+\.distcp$/.exec(file.name);
  return match === null ? undefined : Number(match[1]);
}
