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
import { type DcpMetadata, type MetadataIndex, type StorageInfo, TensorStorageMetadata } from './metadata.js';
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
  const places = new PlaceIndex(metadata.storageData);
  const entries: Entry[] = [];
  const tree = new PyDict();
  const objectItems: IndexedEntries['objectItems'] = new Map();
  const transformedChunks = new Set<number>();
  let chunkCount = 0;
  let dimensionCount = 0;
  for (const [, , stored] of metadata.stateDictMetadata) {
    if (!(stored instanceof TensorStorageMetadata)) continue;
    chunkCount += stored.chunks.length;
    dimensionCount += stored.chunks.length * stored.size.length;
  }
  const chunks = new ChunkTable(chunkCount, dimensionCount);
  let chunk = 0;
  let dimensionBase = 0;

  for (const [key, fqn, stored] of metadata.stateDictMetadata) {
    const steps = metadata.plannerData?.get(fqn) ?? [key];
    const path: EntryPath = steps.map(step => (typeof step === 'number' ? step : textOf(step)!));
    let entry: Entry;
    if (stored instanceof TensorStorageMetadata) {
      withContext({ fqn }, () => requireCountable(stored.size, stored.dtype.itemSize));
      entry = new TensorEntry(fqn, path, stored.dtype, stored.size);
      entry.requiresGrad = stored.requiresGrad;
      entry.firstChunk = chunk;
      entry.chunkCount = stored.chunks.length;
      for (const [position, box] of stored.chunks.entries()) {
        if (box.sizes.length !== stored.size.length || box.offsets.length !== stored.size.length) {
          throw new FormatError('A chunk has another number of dimensions than its tensor', {
            expected: stored.size.length,
            found: box.sizes.length,
            fqn,
          });
        }
        chunks.setBox(chunk, dimensionBase, box);
        const place = places.chunkPlace(fqn, box.offsets, position);
        if (place !== undefined) {
          chunks.itemFile[chunk] = place.file;
          chunks.itemByteOffset[chunk] = place.info.offset;
          chunks.itemByteLength[chunk] = place.info.length;
          if (place.info.transformDescriptors.length > 0) transformedChunks.add(chunk);
        } else if (elementCountOf(box.sizes) > 0) {
          throw new FormatError('The index does not say where a chunk is stored', {
            expected: `an entry of storage_data for offset [${box.offsets.join(', ')}]`,
            fqn,
          });
        }
        chunk++;
        dimensionBase += box.sizes.length;
      }
    } else {
      entry = new ObjectEntry(fqn, path);
      const place = places.objectPlace(fqn);
      if (place === undefined)
        throw new FormatError('The index does not say where an object is stored', { fqn });
      entry.byteLength = place.info.length;
      objectItems.set(entry, {
        file: place.file,
        byteOffset: place.info.offset,
        byteLength: place.info.length,
        isTransformed: place.info.transformDescriptors.length > 0,
      });
    }
    entries.push(entry);
    setElement(tree, path, entry, position => steps[position] as PyValue);
  }
  return { entries, tree, chunks, fileNames: places.fileNames, objectItems, transformedChunks };
}

interface Place {
  file: number;
  info: StorageInfo;
}

/** `storage_data`, looked up by (fqn, offset) as torch does; the index of a chunk is only a first guess. */
class PlaceIndex {
  readonly fileNames: string[] = [];
  private readonly fileOf = new Map<string, number>();
  private readonly byFqn = new Map<string, { index: MetadataIndex; info: StorageInfo }[]>();

  constructor(storageData: DcpMetadata['storageData']) {
    for (const [index, info] of storageData) {
      const known = this.byFqn.get(index.fqn);
      const row = { index, info };
      if (known === undefined) this.byFqn.set(index.fqn, [row]);
      else known.push(row);
    }
    // The order of write results is that of files; the guess wants that of chunks.
    for (const rows of this.byFqn.values()) {
      if (rows.length > 1) rows.sort((a, b) => (a.index.index ?? 0) - (b.index.index ?? 0));
    }
  }

  chunkPlace(fqn: string, offset: readonly number[], position: number): Place | undefined {
    const rows = this.byFqn.get(fqn) ?? [];
    const isIt = ({ index }: { index: MetadataIndex }): boolean =>
      index.offset !== undefined &&
      index.offset.length === offset.length &&
      index.offset.every((start, d) => start === offset[d]);
    const guess = rows[position];
    const found = guess !== undefined && isIt(guess) ? guess : rows.find(isIt);
    return found && this.place(found.info, fqn);
  }

  objectPlace(fqn: string): Place | undefined {
    const found = this.byFqn.get(fqn)?.find(({ index }) => index.offset === undefined);
    return found && this.place(found.info, fqn);
  }

  private place(info: StorageInfo, fqn: string): Place {
    if (info.transformDescriptors.length > 0) requireKnownTransforms(info.transformDescriptors, fqn);
    let file = this.fileOf.get(info.relativePath);
    if (file === undefined) {
      checkRelativePath(info.relativePath, fqn);
      file = this.fileNames.push(info.relativePath) - 1;
      this.fileOf.set(info.relativePath, file);
    }
    return { file, info };
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
