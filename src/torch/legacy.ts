import type { StorageTable } from '../checkpoint/storage.js';
import { FormatError, LimitError, UnsupportedError } from '../errors.js';
import { type ByteSource, readRange } from '../io/source.js';
import { decodePickle } from '../pickle/decode.js';
import { pickleExtent } from '../pickle/extent.js';
import { PyList, type PyValue, textOf } from '../pickle/values.js';
import { pickleProtocolOf, type TorchContainer } from './container.js';
import type { StorageId } from './persistent-id.js';
import { PickledStorages } from './storages.js';
import { unpickleArchive } from './unpickle.js';

/** The second pickle of every file in this container (`PROTOCOL_VERSION` in torch/serialization.py). */
const PROTOCOL_VERSION = 1001;
/** In front of the bytes of each storage: how many elements there are. */
const COUNT_BYTE_LENGTH = 8;

const FIRST_READ_BYTE_LENGTH = 64 * 1024;
/** Far above the pickles of any real checkpoint. */
const MAX_PICKLES_BYTE_LENGTH = 2 ** 31 - 1;

/**
 * Reads a file in the container from before torch 1.6, which
 * `torch.save(…, _use_new_zipfile_serialization=False)` still writes: five pickles (a magic number, a version,
 * facts about the machine, the object, the keys of its storages), then each storage with its element count in
 * front. Both counts and elements are little-endian, whatever the third pickle says: torch swaps them when it
 * writes on a big-endian machine. There are no checksums.
 *
 * Storages are file 0 of the table.
 */
export async function openLegacyContainer(source: ByteSource, table: StorageTable): Promise<TorchContainer> {
  const { bytes, starts, end } = await readPickles(source, 5);
  const version = decodePickle(bytes, { start: starts[1]! }).value;
  if (version !== PROTOCOL_VERSION) {
    throw new UnsupportedError('Unknown version of the torch.save container', {
      expected: PROTOCOL_VERSION,
      found: typeof version === 'number' ? version : 'something else',
    });
  }
  const storages = new LegacyStorages(table, 0);
  const { value, globals } = unpickleArchive({ pickle: bytes, start: starts[3]! }, storages);
  const keys = decodeKeys(decodePickle(bytes, { start: starts[4]! }).value);
  storages.layOut(keys, end, source.byteLength);
  return {
    format: 'torch',
    value,
    globals,
    torchEra: '1.5 or older, or newer in the container of these',
    pickleProtocol: pickleProtocolOf(bytes, starts[3]!),
    placeStorages: () => storages.checkCounts(source),
  };
}

/** The first `count` pickles of a file: where each begins, and where the last one ends. */
export async function readPickles(
  source: ByteSource,
  count: number,
): Promise<{ bytes: Uint8Array; starts: number[]; end: number }> {
  let bytes = await readRange(source, 0, Math.min(FIRST_READ_BYTE_LENGTH, source.byteLength));
  const starts: number[] = [];
  let end = 0;
  while (starts.length < count) {
    const extent = pickleExtent(bytes, end);
    if ('end' in extent) {
      starts.push(end);
      end = extent.end;
      continue;
    }
    const { neededByteLength } = extent;
    if (neededByteLength > source.byteLength) {
      throw new FormatError('The file ends inside its pickles', {
        expected: `${neededByteLength} bytes at least`,
        found: `${source.byteLength} bytes`,
        byteOffset: end,
      });
    }
    if (neededByteLength > MAX_PICKLES_BYTE_LENGTH) {
      throw new LimitError('The pickles of the file are too large to be read into memory', {
        expected: `${MAX_PICKLES_BYTE_LENGTH} bytes at most`,
        found: `${neededByteLength} bytes or more`,
        byteOffset: end,
      });
    }
    const wanted = Math.max(neededByteLength, bytes.length * 2);
    bytes = await readRange(source, 0, Math.min(wanted, source.byteLength, MAX_PICKLES_BYTE_LENGTH));
  }
  return { bytes, starts, end };
}

function decodeKeys(value: PyValue): string[] {
  const keys = value instanceof PyList ? value.items.map(textOf) : [undefined];
  if (keys.includes(undefined)) throw new FormatError('The keys of the storages are not a list of str');
  return keys as string[];
}

interface Root {
  row: number;
  byteLength: number;
  elementCount: number;
  /** Where its bytes begin, behind the count; 0 until {@link LegacyStorages.layOut}. */
  byteOffset: number;
}

/** Storages one after the other, behind the pickles. */
class LegacyStorages extends PickledStorages {
  private readonly roots = new Map<string, Root>();
  private readonly rootOfRow = new Map<number, Root>();
  private readonly views: { row: number; root: Root; byteOffset: number }[] = [];

  protected override add({ key, elementCount }: StorageId, byteLength: number): number {
    const row = this.addRow(byteLength);
    const root = { row, byteLength, elementCount, byteOffset: 0 };
    this.roots.set(key, root);
    this.rootOfRow.set(row, root);
    return row;
  }

  protected override addView(wholeRow: number, byteOffset: number, byteLength: number): number {
    const row = this.addRow(byteLength);
    this.views.push({ row, root: this.rootOfRow.get(wholeRow)!, byteOffset });
    return row;
  }

  private addRow(byteLength: number): number {
    return this.table.add({ file: this.file, byteOffset: 0, byteLength, crc32: undefined });
  }

  /**
   * Lays the storages out in the order of `keys`, from `start` on.
   * @throws FormatError where the keys are not those of the pickle, or the file is too short.
   */
  layOut(keys: readonly string[], start: number, fileByteLength: number): void {
    let at = start;
    for (const key of keys) {
      const root = this.roots.get(key);
      if (root === undefined) {
        throw new FormatError('The file holds a storage that nothing refers to', { found: `key ${key}` });
      }
      if (root.byteOffset > 0)
        throw new FormatError('The file names a storage twice', { found: `key ${key}` });
      root.byteOffset = at + COUNT_BYTE_LENGTH;
      at = root.byteOffset + root.byteLength;
    }
    for (const [key, { byteOffset }] of this.roots) {
      if (byteOffset > 0) continue;
      throw new FormatError('A tensor refers to a storage that the file lacks', { expected: `key ${key}` });
    }
    if (at > fileByteLength) {
      throw new FormatError('The file ends inside its storages', {
        expected: `${at} bytes`,
        found: `${fileByteLength} bytes`,
      });
    }
    for (const { row, byteOffset } of this.roots.values()) this.table.place(row, this.file, byteOffset);
    for (const { row, root, byteOffset } of this.views) {
      this.table.place(row, this.file, root.byteOffset + byteOffset);
    }
  }

  /** @throws FormatError where a storage says another element count than the pickle. */
  async checkCounts(source: ByteSource): Promise<void> {
    for (const [key, { byteOffset, elementCount }] of this.roots) {
      const at = byteOffset - COUNT_BYTE_LENGTH;
      const bytes = await readRange(source, at, COUNT_BYTE_LENGTH);
      const count = Buffer.from(bytes.buffer).readBigInt64LE();
      if (count === BigInt(elementCount)) continue;
      throw new FormatError('A storage has another length than its tensors say', {
        expected: `${elementCount} elements`,
        found: `${count} elements, key ${key}`,
        byteOffset: at,
      });
    }
  }
}
