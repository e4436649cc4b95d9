import { crc32 } from '../copy/crc32.js';
import { encodeDataDescriptor, encodeDirectory, encodeLocalHeader } from './encode.js';
import { dataDescriptorByteOffset, layoutArchive } from './layout.js';

export interface EncodeArchiveOptions {
  readonly root: string;
  readonly alignment: number;
  /** False writes 0 for every CRC, as `torch.serialization.set_crc32_options(False)` does. Default true. */
  readonly withCrc?: boolean;
}

/** A whole archive in memory, for small ones: an object or a small tensor as an item of a `.distcp` file. */
export function encodeArchive(
  records: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  { root, alignment, withCrc = true }: EncodeArchiveOptions,
): Uint8Array {
  const layout = layoutArchive({
    root,
    alignment,
    records: records.map(({ name, bytes }) => ({ name, byteLength: bytes.length })),
  });
  const crcs = records.map(record => (withCrc ? crc32(record.bytes) : 0));
  const archive = new Uint8Array(layout.byteLength);
  for (let i = 0; i < records.length; i++) {
    archive.set(encodeLocalHeader(layout, i), layout.localHeaderByteOffsets[i]!);
    archive.set(records[i]!.bytes, layout.dataByteOffsets[i]!);
    archive.set(encodeDataDescriptor(layout, i, crcs[i]!), dataDescriptorByteOffset(layout, i));
  }
  archive.set(encodeDirectory(layout, crcs), layout.directoryByteOffset);
  return archive;
}
