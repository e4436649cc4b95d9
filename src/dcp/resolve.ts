import type { Box } from '../checkpoint/box.js';
import type { TensorEntry } from '../checkpoint/checkpoint.js';
import { type ChunkTable, UNRESOLVED } from '../checkpoint/chunks.js';
import type { StorageTable } from '../checkpoint/storage.js';
import { DcpError, FormatError } from '../errors.js';
import { FileSource } from '../io/source.js';
import type { StridedTensor } from '../torch/tensors.js';
import type { OtherType } from './cast-items.js';
import { ItemTemplates } from './item-template.js';
import { type Item, ItemReader } from './item-window.js';
import { parseTensorItem } from './items.js';
import { SafetensorsImages } from './safetensors-image.js';

/** Chunks of one file, and the tensor that each belongs to. */
interface FileChunks {
  chunks: number[];
  entries: TensorEntry[];
}

/** An item that was read: chunks of several tensors may share it. */
interface ReadItem {
  item: Item;
  tensor: StridedTensor;
  /** Row of the storage table. */
  storage: number;
}

/** Finds where the bytes of chunks are, by reading the archives around them: each item once. */
export class ChunkResolver {
  readonly templates = new ItemTemplates();
  private readonly otherTypes: OtherType[] = [];

  constructor(
    private readonly pathOf: (file: number) => string,
    private readonly chunks: ChunkTable,
    private readonly storages: StorageTable,
    /** Gives chunks of another element type a view of elements that have the tensor's. */
    private readonly castChunk: (found: OtherType) => Promise<void>,
  ) {}

  /**
   * Fills in the views of all chunks of the entries that have elements, or of those whose boxes are wanted. What has
   * a view already keeps it.
   * @throws FileError, FormatError, UnsupportedError, CorruptDataError with path, FQN and byte offset.
   */
  async resolve(
    entries: readonly TensorEntry[],
    isWanted?: (entry: TensorEntry, box: Box) => boolean,
  ): Promise<void> {
    const { chunks } = this;
    const byFile = new Map<number, FileChunks>();
    for (const entry of entries) {
      const end = entry.firstChunk + entry.chunkCount;
      for (let chunk = entry.firstChunk; chunk < end; chunk++) {
        if (chunks.storage[chunk] !== UNRESOLVED || chunks.isEmpty(chunk)) continue;
        if (isWanted?.(entry, chunks.boxOf(chunk)) === false) continue;
        const file = chunks.itemFile[chunk]!;
        let rows = byFile.get(file);
        if (rows === undefined) byFile.set(file, (rows = { chunks: [], entries: [] }));
        rows.chunks.push(chunk);
        rows.entries.push(entry);
      }
    }
    let castCount = 0;
    try {
      for (const file of [...byFile.keys()].sort((a, b) => a - b)) {
        await this.resolveFile(file, inOrder(byFile.get(file)!, chunks.itemByteOffset));
      }
      for (const other of this.otherTypes) {
        await this.castChunk(other);
        castCount++;
      }
    } finally {
      // What was not converted still has a view of elements of another type.
      for (const { chunk } of this.otherTypes.splice(0).slice(castCount)) chunks.storage[chunk] = UNRESOLVED;
    }
  }

  /** The item must have the shape that the index says; torch casts another type, and fails on another shape. */
  private accept(entry: TensorEntry, chunk: number, found: Pick<StridedTensor, 'size' | 'dtype'>): void {
    const { chunks } = this;
    if (!chunks.hasSizes(chunk, found.size)) {
      throw new FormatError('A stored chunk has another shape than the index says', {
        expected: `[${chunks.boxOf(chunk).sizes.join(', ')}]`,
        found: `[${found.size.join(', ')}]`,
      });
    }
    if (found.dtype !== entry.dtype) this.otherTypes.push({ entry, chunk, dtype: found.dtype });
  }

  private async resolveFile(file: number, rows: FileChunks): Promise<void> {
    const path = this.pathOf(file);
    const { chunks } = this;
    const source = FileSource.open(path);
    try {
      const items = rows.chunks.map(chunk => ({
        byteOffset: chunks.itemByteOffset[chunk]!,
        byteLength: chunks.itemByteLength[chunk]!,
      }));
      const reader = new ItemReader(source, items);
      const images = new SafetensorsImages(source, file, this.storages);
      let read: ReadItem | undefined;
      for (let i = 0; i < items.length; i++) {
        const item = items[i]!;
        const [chunk, entry] = [rows.chunks[i]!, rows.entries[i]!];
        try {
          if (await images.holds(entry, chunks, chunk)) {
            await this.takeFromImage(images, item, chunk, entry);
            continue;
          }
          const reading = reader.load(i);
          if (reading !== undefined) await reading;
          if (read === undefined || !isSameItem(read.item, item)) {
            read = this.takeLike(file, item, reader) ?? (await this.readInFull(file, item, reader));
          }
          this.accept(entry, chunk, read.tensor);
          const { storageOffset, stride, flags } = read.tensor;
          chunks.setView(chunk, { storage: read.storage, storageOffset, stride, flags });
        } catch (error) {
          if (!(error instanceof DcpError)) throw error;
          throw error.addContext({ path, fqn: entry.fqn, byteOffset: item.byteOffset });
        }
      }
    } finally {
      source.close();
    }
  }

  /** Takes what is known from an item like it, where there was one. */
  private takeLike(file: number, item: Item, reader: ItemReader): ReadItem | undefined {
    const template = this.templates.find(item.byteLength, reader);
    if (template === undefined) return undefined;
    const { tensor, dataByteOffset, bigEndian } = template.parsed;
    const storage = this.storages.add({
      file,
      byteOffset: item.byteOffset + dataByteOffset,
      byteLength: template.storageByteLength,
      crc32: template.crc32Of(reader),
      bigEndian,
    });
    return { item, tensor, storage };
  }

  private async readInFull(file: number, item: Item, reader: ItemReader): Promise<ReadItem> {
    const { tensor, parsed } = await parseTensorItem(reader.loaded(), item, file, this.storages);
    this.templates.parsedCount++;
    if (parsed !== undefined) this.templates.learn(item, reader, parsed);
    return { item, tensor, storage: tensor.storage.storage };
  }

  private async takeFromImage(
    images: SafetensorsImages,
    { byteOffset }: Item,
    chunk: number,
    entry: TensorEntry,
  ): Promise<void> {
    const { offsets } = this.chunks.boxOf(chunk);
    const tensor = await images.find(entry.fqn, offsets, byteOffset);
    this.accept(entry, chunk, tensor);
    this.chunks.setView(chunk, tensor);
  }
}

function isSameItem(a: Item, b: Item): boolean {
  return a.byteOffset === b.byteOffset && a.byteLength === b.byteLength;
}

/** The chunks in rising order of where their items lie; most often they are already. */
function inOrder(rows: FileChunks, byteOffsets: Float64Array): FileChunks {
  const { chunks, entries } = rows;
  const isOrdered = chunks.every(
    (chunk, i) => i === 0 || byteOffsets[chunks[i - 1]!]! <= byteOffsets[chunk]!,
  );
  if (isOrdered) return rows;
  const order = chunks.map((_, i) => i).sort((a, b) => byteOffsets[chunks[a]!]! - byteOffsets[chunks[b]!]!);
  return { chunks: order.map(i => chunks[i]!), entries: order.map(i => entries[i]!) };
}
