import { tmpdir } from 'node:os';
import { FileError, UnsupportedError, withContextAsync } from '../errors.js';
import { readFreeByteLength } from '../io/room.js';
import { FileSource, SliceSource } from '../io/source.js';
import { Spool } from '../io/spool.js';
import { decompressZstd } from '../zstd/decompress.js';
import type { Item } from './item-window.js';

/**
 * An item that went through a stream transform when it was saved: `transform_descriptors` of its `_StorageInfo`
 * (torch/distributed/checkpoint/_extension.py). Torch has one, `stream.zstd`.
 */
export interface TransformedItem extends Item {
  path: string;
  fqn: string;
  /** How many bytes it can be meant to become. */
  maxByteLength: number;
}

/** Name and major version of a descriptor, as torch compares them: `stream.zstd/1`, `stream.zstd/1.2`. */
const ZSTD = /^stream\.zstd(\/1(\.[0-9]+)*)?$/;

/** @throws UnsupportedError naming what is not known here. */
export function requireKnownTransforms(descriptors: readonly string[], fqn: string): void {
  const known = descriptors.length === 1 && ZSTD.test(descriptors[0]!);
  if (known) return;
  throw new UnsupportedError('The stored items went through a stream transform that is not supported', {
    expected: 'stream.zstd/1',
    found: descriptors.join(', '),
    fqn,
    hint: 'Load it in torch with the extension that wrote it, and save it again without.',
  });
}

/** Bytes of an archive around the bytes of its tensor, far more than torch writes. */
const ARCHIVE_BYTE_LENGTH = 1 << 20;
/** The largest element type. The item's may be another than the index says. */
const MAX_ITEM_SIZE = 16;

/** What the item of a chunk can become. */
export function maxTensorItemByteLength(elementCount: number): number {
  return elementCount * MAX_ITEM_SIZE + ARCHIVE_BYTE_LENGTH;
}

/** No pickle is read beyond 2 GiB; beyond that an object's item is tensors, which do not shrink a hundredfold. */
export function maxObjectItemByteLength(storedByteLength: number): number {
  return Math.max(2 ** 31, storedByteLength * 100);
}

/**
 * Where items that have no random access are put, each once: a spool file in the temporary area. Where an item
 * lies then is an ordinary place, of which all else is read.
 */
export class InflatedItems {
  private spool: Spool | undefined;

  /** The file, made when it is first asked for. @throws FileError */
  get file(): Spool {
    this.spool ??= Spool.create();
    return this.spool;
  }

  /**
   * Undoes the transform, streaming. Returns the item's place in the spool file.
   * @throws FormatError, CorruptDataError, LimitError, FileError with path, FQN and byte offset.
   */
  async inflate(item: TransformedItem): Promise<Item> {
    const { path, fqn, byteOffset, byteLength, maxByteLength } = item;
    return withContextAsync({ path, fqn, byteOffset }, async () => {
      const spool = this.file;
      requireRoom(byteLength);
      const source = FileSource.open(path);
      try {
        const start = spool.byteLength;
        const stored = new SliceSource(source, byteOffset, byteLength);
        const made = await decompressZstd(stored, maxByteLength, bytes => spool.append(bytes));
        return { byteOffset: start, byteLength: made };
      } finally {
        source.close();
      }
    });
  }

  remove(): void {
    this.spool?.remove();
  }
}

/** Inflated items are hardly ever smaller than stored ones. */
function requireRoom(byteLength: number): void {
  const free = readFreeByteLength(tmpdir());
  if (free === undefined || free >= byteLength) return;
  throw new FileError('The temporary area has too little room to inflate the items', {
    expected: `${byteLength} bytes at least`,
    found: `${free} bytes`,
    hint: 'Let TMPDIR name a directory with more room.',
  });
}
