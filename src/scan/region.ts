import type { ByteSource } from '../io/source.js';
import type { PickleBytes } from '../pickle/opcode-reader.js';

/** Bytes that are looked at as a thing of their own: a file, a record of an archive, what was inflated of one. */
export interface Region {
  source: ByteSource;
  /** The file, relative to what is scanned. */
  relativePath: string;
  /** Records on the way to it, outermost first: `archive/data.pkl`. */
  items: readonly string[];
  /** Where in the file it begins; undefined for what was inflated. */
  byteOffset: number | undefined;
  depth: number;
}

export function childRegion(
  parent: Region,
  source: ByteSource,
  start: number | undefined,
  item?: string,
): Region {
  return {
    source,
    relativePath: parent.relativePath,
    items: item === undefined ? parent.items : [...parent.items, item],
    byteOffset:
      parent.byteOffset === undefined || start === undefined ? undefined : parent.byteOffset + start,
    depth: parent.depth + 1,
  };
}

/** Where a byte of the region is: in the file, or in what was inflated. */
export function placeIn(region: Region, at: number): number {
  return (region.byteOffset ?? 0) + at;
}

/** Sources of local files and of memory answer at once. */
export function readNow(source: ByteSource, byteOffset: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(byteLength, source.byteLength - byteOffset)));
  void source.readInto(bytes, byteOffset);
  return bytes;
}

export function pickleBytesOf(source: ByteSource): PickleBytes {
  return {
    byteLength: source.byteLength,
    read: (byteOffset, byteLength) => readNow(source, byteOffset, byteLength),
  };
}
