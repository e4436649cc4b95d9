import type { ChunkTable } from '../checkpoint/chunks.js';
import type { StorageTable } from '../checkpoint/storage.js';
import { CorruptDataError, FormatError, UnsupportedError, withContextAsync } from '../errors.js';
import { type ByteSource, FileSource, readRange } from '../io/source.js';
import type { PyValue } from '../pickle/values.js';
import { readTorchArchive } from '../torch/archive.js';
import { ArchiveStorages } from '../torch/storages.js';
import { type StridedTensor, tensorFormOf } from '../torch/tensors.js';
import { unpickleArchive } from '../torch/unpickle.js';
import { locateRecord } from '../zip/reader.js';

/** An item of a `.distcp` file: one torch.save archive, alone in `[byteOffset, byteOffset + byteLength)`. */
export interface Item {
  byteOffset: number;
  byteLength: number;
}

export const FILE_TOO_SHORT =
  'The file is shorter than the index says: it was cut off, or not written to its end';

/**
 * How much of an item is read at its start and at its end. The pickle and the local headers of a tensor's
 * archive take about 1,000 bytes, its directory about 650; what lies outside is read on demand.
 */
const HEAD_BYTE_LENGTH = 1536;
const TAIL_BYTE_LENGTH = 1024;

/**
 * Reads items of one file in rising order. The tail of one item and the head of the next lie side by side, so
 * one read brings both; the tensor bytes between are never read.
 */
export class ItemReader {
  private window: Uint8Array = new Uint8Array(0);
  private windowStart = 0;

  constructor(
    private readonly file: ByteSource,
    /** In rising order of `byteOffset`. */
    private readonly items: readonly Item[],
  ) {}

  /** The item as a source of its own. Call for items in order. */
  async open(index: number): Promise<ByteSource> {
    const item = this.items[index]!;
    const end = item.byteOffset + item.byteLength;
    if (end > this.file.byteLength) {
      throw new CorruptDataError(FILE_TOO_SHORT, {
        expected: `${end} bytes at least`,
        found: `${this.file.byteLength} bytes`,
      });
    }
    const head = await this.read(item.byteOffset, Math.min(HEAD_BYTE_LENGTH, item.byteLength), index);
    const tailStart = Math.max(item.byteOffset, end - TAIL_BYTE_LENGTH);
    const tail = await this.read(tailStart, end - tailStart, index);
    return new WindowedItem(this.file, item, head, tail, tailStart - item.byteOffset);
  }

  /** A range from the window; where it is not in it, the window moves there and on to the next item's head. */
  private async read(start: number, byteLength: number, index: number): Promise<Uint8Array> {
    const end = start + byteLength;
    if (start < this.windowStart || end > this.windowStart + this.window.length) {
      const next = this.items[index + 1];
      const wanted =
        next === undefined
          ? end
          : Math.max(end, next.byteOffset + Math.min(HEAD_BYTE_LENGTH, next.byteLength));
      const windowEnd = wanted - start > 4 * HEAD_BYTE_LENGTH ? end : Math.min(wanted, this.file.byteLength);
      this.window = await readRange(this.file, start, windowEnd - start);
      this.windowStart = start;
    }
    return this.window.subarray(start - this.windowStart, end - this.windowStart);
  }
}

/** An item whose first and last bytes are in memory already. */
class WindowedItem implements ByteSource {
  constructor(
    private readonly file: ByteSource,
    private readonly item: Item,
    private readonly head: Uint8Array,
    private readonly tail: Uint8Array,
    private readonly tailStart: number,
  ) {}

  get name(): string {
    return this.file.name;
  }

  get byteLength(): number {
    return this.item.byteLength;
  }

  readInto(target: Uint8Array, byteOffset: number): void | Promise<void> {
    const end = byteOffset + target.length;
    if (end > this.byteLength) {
      throw new FormatError('The item ends too early', {
        expected: `${end} bytes at least`,
        found: `${this.byteLength} bytes`,
        path: this.name,
        byteOffset: this.item.byteOffset,
      });
    }
    if (end <= this.head.length) target.set(this.head.subarray(byteOffset, end));
    else if (byteOffset >= this.tailStart) {
      target.set(this.tail.subarray(byteOffset - this.tailStart, end - this.tailStart));
    } else return this.file.readInto(target, this.item.byteOffset + byteOffset);
  }

  close(): void {}
}

/** A tensor item's view of its storage, which is added to the table. */
export async function readTensorItem(
  source: ByteSource,
  item: Item,
  file: number,
  storages: StorageTable,
): Promise<StridedTensor> {
  const { value } = await readItemPickle(source, item, file, storages);
  const form = tensorFormOf(value);
  if (form.kind === 'strided') return form.tensor;
  if (form.kind === 'other') {
    throw new UnsupportedError(`The item holds a ${form.what}, which has no place in a chunk`);
  }
  throw new FormatError('The item of a tensor holds something else');
}

/** The Python value of an item. Its storages are added to the table; `globals` are those that it names. */
export async function readItemPickle(
  source: ByteSource,
  item: Item,
  file: number,
  storages: StorageTable,
  fqn = '',
): Promise<{ value: PyValue; globals: Set<string> }> {
  const archive = await readTorchArchive(source, TAIL_BYTE_LENGTH);
  const archiveStorages = new ArchiveStorages(archive, storages, file, fqn);
  const { value, globals } = unpickleArchive(archive, archiveStorages);
  for (const { storage, record } of archiveStorages.records) {
    if (record.method !== 'stored') {
      throw new UnsupportedError('A compressed record inside a .distcp item', {
        entry: record.entryName,
        hint: 'torch never writes these; convert the checkpoint again with torch.',
      });
    }
    storages.place(storage, file, item.byteOffset + (await locateRecord(source, record)));
  }
  return { value, globals };
}

/** One file's chunks, in any order: reads their items and fills in their views. */
export async function resolveChunks(
  path: string,
  file: number,
  chunkIndexes: readonly number[],
  chunks: ChunkTable,
  storages: StorageTable,
  /** The tensor that a chunk belongs to, for messages. */
  fqnOf: (chunk: number) => string,
  /** Checks that the item holds what the index says. */
  accept: (chunk: number, tensor: StridedTensor) => void,
): Promise<void> {
  const sorted = [...chunkIndexes].sort((a, b) => chunks.itemByteOffset[a]! - chunks.itemByteOffset[b]!);
  const items = sorted.map(chunk => ({
    byteOffset: chunks.itemByteOffset[chunk]!,
    byteLength: chunks.itemByteLength[chunk]!,
  }));
  const source = FileSource.open(path);
  try {
    const reader = new ItemReader(source, items);
    for (const [index, chunk] of sorted.entries()) {
      const item = items[index]!;
      await withContextAsync({ path, fqn: fqnOf(chunk), byteOffset: item.byteOffset }, async () => {
        const tensor = await readTensorItem(await reader.open(index), item, file, storages);
        accept(chunk, tensor);
        chunks.setView(chunk, {
          storage: tensor.storage.storage,
          storageOffset: tensor.storageOffset,
          stride: tensor.stride,
          flags: tensor.flags,
        });
      });
    }
  } finally {
    source.close();
  }
}
