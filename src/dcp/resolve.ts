import type { Box } from '../checkpoint/box.js';
import type { TensorEntry } from '../checkpoint/checkpoint.js';
import type { ChunkTable } from '../checkpoint/chunks.js';
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

/** Finds where the bytes of chunks are, by reading the archives around them: each item once. */
export class ChunkResolver {
  readonly templates = new ItemTemplates();
  private otherTypes: OtherType[] = [];

  constructor(
    private readonly pathOf: (file: number) => string,
    private readonly chunks: ChunkTable,
    private readonly storages: StorageTable,
    /** Gives chunks of another element type a view of elements that have the tensor's. */
    private readonly castChunk: (found: OtherType) => Promise<void>,
  ) {}

  /**
   * Fills in the views of all chunks of the entries that have elements, or of those whose boxes are wanted.
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
        if (chunks.isEmpty(chunk) || isWanted?.(entry, chunks.boxOf(chunk)) === false) continue;
        const file = chunks.itemFile[chunk]!;
        let rows = byFile.get(file);
        if (rows === undefined) byFile.set(file, (rows = { chunks: [], entries: [] }));
        rows.chunks.push(chunk);
        rows.entries.push(entry);
      }
    }
    for (const file of [...byFile.keys()].sort((a, b) => a - b)) {
      await this.resolveFile(file, inOrder(byFile.get(file)!, chunks.itemByteOffset));
    }
    const found = this.otherTypes;
    this.otherTypes = [];
    for (const other of found) await this.castChunk(other);
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
      for (let i = 0; i < items.length; i++) {
        const item = items[i]!;
        try {
          if (await images.holds(rows.entries[i]!, chunks, rows.chunks[i]!)) {
            await this.takeFromImage(images, item, rows, i);
            continue;
          }
          const reading = reader.load(i);
          if (reading !== undefined) await reading;
          if (!this.takeKnown(file, item, rows, i, reader))
            await this.readInFull(file, item, rows, i, reader);
        } catch (error) {
          if (!(error instanceof DcpError)) throw error;
          throw error.addContext({ path, fqn: rows.entries[i]!.fqn, byteOffset: item.byteOffset });
        }
      }
    } finally {
      source.close();
    }
  }

  /** Takes what is known of the item from the chunk before, if both share it, or from an item like it. */
  private takeKnown(file: number, item: Item, rows: FileChunks, i: number, reader: ItemReader): boolean {
    const { chunks, storages } = this;
    const chunk = rows.chunks[i]!;
    const before = rows.chunks[i - 1];
    const isSame =
      before !== undefined &&
      chunks.itemByteOffset[before] === item.byteOffset &&
      chunks.itemByteLength[before] === item.byteLength;
    if (isSame) {
      this.accept(rows.entries[i]!, chunk, this.lastTensor!);
      this.setView(chunk, this.lastTensor!, chunks.storage[before]!);
      return true;
    }
    const template = this.templates.find(item.byteLength, reader);
    if (template === undefined) return false;
    const { tensor, dataByteOffset, bigEndian } = template.parsed;
    this.accept(rows.entries[i]!, chunk, tensor);
    const storage = storages.add({
      file,
      byteOffset: item.byteOffset + dataByteOffset,
      byteLength: template.storageByteLength,
      crc32: template.crc32Of(reader),
      bigEndian,
    });
    this.setView(chunk, tensor, storage);
    return true;
  }

  private async takeFromImage(
    images: SafetensorsImages,
    { byteOffset }: Item,
    rows: FileChunks,
    i: number,
  ): Promise<void> {
    const [chunk, entry] = [rows.chunks[i]!, rows.entries[i]!];
    const { offsets } = this.chunks.boxOf(chunk);
    const tensor = await images.find(entry.fqn, offsets, byteOffset);
    this.accept(entry, chunk, tensor);
    this.chunks.setView(chunk, tensor);
  }

  private async readInFull(
    file: number,
    item: Item,
    rows: FileChunks,
    i: number,
    reader: ItemReader,
  ): Promise<void> {
    const { tensor, parsed } = await parseTensorItem(reader.loaded(), item, file, this.storages);
    this.accept(rows.entries[i]!, rows.chunks[i]!, tensor);
    this.setView(rows.chunks[i]!, tensor, tensor.storage.storage);
    this.templates.parsedCount++;
    if (parsed !== undefined) this.templates.learn(item, reader, parsed);
  }

  /** Of the item read last: for the chunks that share it. */
  private lastTensor: StridedTensor | undefined;

  private setView(chunk: number, tensor: StridedTensor, storage: number): void {
    const { storageOffset, stride, flags } = tensor;
    this.chunks.setView(chunk, { storage, storageOffset, stride, flags });
    this.lastTensor = tensor;
  }
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
