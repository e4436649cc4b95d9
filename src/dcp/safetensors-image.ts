import { contiguousStride, elementCountOf } from '../checkpoint/box.js';
import type { TensorEntry } from '../checkpoint/checkpoint.js';
import type { ChunkTable } from '../checkpoint/chunks.js';
import type { StorageTable } from '../checkpoint/storage.js';
import { FormatError, withContext, withContextAsync } from '../errors.js';
import { type FileSource, readRange } from '../io/source.js';
import { readSafetensorsHeader } from '../safetensors/file.js';
import { type StoredTensor, storedTensors } from '../safetensors/stored-tensors.js';
import { isZip } from '../torch/magic.js';
import type { StridedTensor } from '../torch/tensors.js';

/** A tensor of an image. */
export interface ImageTensor
  extends Pick<StridedTensor, 'dtype' | 'size' | 'storageOffset' | 'stride' | 'flags'> {
  /** Row of the storage table. */
  storage: number;
}

/**
 * With `SerializationFormat.SAFETENSORS` torch writes all tensors of a file into one safetensors image
 * (torch/distributed/checkpoint/filesystem.py, `_write_files_from_queue`). The index then has the image's start as the
 * offset of each of them, and the bytes of the bare tensor as length: where it lies only the image's header says.
 *
 * The images of one file, each header read once.
 */
export class SafetensorsImages {
  private readonly byByteOffset = new Map<number, Map<string, StoredTensor>>();

  constructor(
    private readonly source: FileSource,
    private readonly file: number,
    private readonly storages: StorageTable,
  ) {}

  /** Whether a chunk lies in an image. Archives are longer than the bare tensor; of another type they may not be. */
  async holds(entry: TensorEntry, chunks: ChunkTable, chunk: number): Promise<boolean> {
    const { itemByteOffset, itemByteLength } = chunks;
    const byteLength = elementCountOf(chunks.boxOf(chunk).sizes) * entry.dtype.itemSize;
    if (itemByteLength[chunk] !== byteLength) return false;
    const byteOffset = itemByteOffset[chunk]!;
    if (this.byByteOffset.has(byteOffset)) return true;
    const head = await readRange(this.source, byteOffset, Math.min(4, this.source.byteLength - byteOffset));
    return !isZip(head);
  }

  /**
   * The chunk as a view of a storage that is added to the table.
   * @throws FormatError where no image begins there, or it holds another box under the name: torch keeps one box of a
   * tensor a file, and loses the others.
   */
  async find(fqn: string, offsets: readonly number[], byteOffset: number): Promise<ImageTensor> {
    const tensors = await this.read(byteOffset);
    const stored = tensors.get(fqn);
    if (stored === undefined) {
      throw new FormatError('The safetensors image lacks a tensor that the index places in it', {
        found: `${tensors.size} others`,
      });
    }
    if (stored.offsets.some((start, d) => start !== offsets[d])) {
      throw new FormatError('The safetensors image holds another part of the tensor than the index says', {
        expected: `the box at [${offsets.join(', ')}]`,
        found: `[${stored.offsets.join(', ')}]`,
        hint: 'Torch keeps one part of a tensor in a file: the others are lost. Save it with as many files as parts.',
      });
    }
    const { dtype, sizes, byteLength } = stored;
    const storage = this.storages.add({
      file: this.file,
      byteOffset: stored.byteOffset,
      byteLength,
      crc32: undefined,
    });
    const size = [...sizes];
    return { dtype, size, storage, storageOffset: 0, stride: contiguousStride(size), flags: 0 };
  }

  private async read(byteOffset: number): Promise<Map<string, StoredTensor>> {
    const known = this.byByteOffset.get(byteOffset);
    if (known !== undefined) return known;
    const header = await withContextAsync({ byteOffset }, () =>
      readSafetensorsHeader(this.source, byteOffset),
    );
    const stored = withContext({ byteOffset }, () => storedTensors(header, this.file));
    const byFqn = new Map(stored.map(tensor => [tensor.fqn, tensor]));
    this.byByteOffset.set(byteOffset, byFqn);
    return byFqn;
  }
}
