import { UsageError } from '../errors.js';
import { encodeName, foldCase, nameFault } from './names.js';
import {
  DATA_DESCRIPTOR,
  DIRECTORY_ENTRY,
  END_RECORD,
  EXTRA_FIELD,
  LOCAL_HEADER,
  MAX_UINT16,
  MAX_UINT32,
  ZIP64_END_RECORD,
  ZIP64_LOCATOR,
} from './records.js';

/**
 * Where everything of an archive lies, counted from the start of the archive: plain data, made before any
 * byte of a record is known. It is the container of `torch.save` in PyTorch 1.6 and later (miniz with the
 * padding of caffe2/serialize/inline_container.cc), and `torch.load` may compute the places of storages by
 * the same arithmetic (torch/serialization.py, `_get_offset`), so nothing of it is free to choose.
 *
 * Record i is: local header (name, zip64 field, padding), data, data descriptor. After the last record come
 * the central directory and three end records.
 */
export interface ArchiveLayout {
  /** The top-level directory, without a slash; undefined where records have none above them. */
  readonly root: string | undefined;
  /** Names below the root. */
  readonly names: readonly string[];
  /** The data of every record begin at a multiple of this. */
  readonly alignment: number;
  readonly byteLengths: Float64Array;
  readonly localHeaderByteOffsets: Float64Array;
  readonly dataByteOffsets: Float64Array;
  readonly directoryByteOffset: number;
  /** Of the whole archive. */
  readonly byteLength: number;
}

export interface LayoutRecord {
  /** Name below the root. */
  readonly name: string;
  readonly byteLength: number;
}

export interface LayoutOptions {
  /** As in {@link ArchiveLayout}. Torch's archives have one; those of numpy have none. */
  readonly root: string | undefined;
  readonly records: readonly LayoutRecord[];
  /** What PyTorch calls the storage alignment. */
  readonly alignment: number;
}

/** The length of a padding field is a u16, next to a zip64 field of 28 bytes. */
const MAX_ALIGNMENT = 32 * 1024;

/** Sizes and offsets from here on go to zip64 fields. The limit itself does too: it means "see there". */
const ZIP64_THRESHOLD = MAX_UINT32;

/** @throws UsageError for names and sizes that no reader would take back. */
export function layoutArchive({ root, records, alignment }: LayoutOptions): ArchiveLayout {
  check(root, records, alignment);
  const count = records.length;
  const layout = {
    root,
    names: records.map(record => record.name),
    alignment,
    byteLengths: new Float64Array(count),
    localHeaderByteOffsets: new Float64Array(count),
    dataByteOffsets: new Float64Array(count),
    directoryByteOffset: 0,
    byteLength: 0,
  };
  let at = 0;
  let directoryByteLength = 0;
  for (let i = 0; i < count; i++) {
    const { name, byteLength } = records[i]!;
    const nameByteLength = utf8ByteLength(entryNameOf(root, name));
    if (nameByteLength > MAX_UINT16) throw refused(name, 'is too long', `${nameByteLength} bytes`);
    layout.byteLengths[i] = byteLength;
    layout.localHeaderByteOffsets[i] = at;
    // The padding field is there even when it pads nothing.
    const unpadded =
      at +
      LOCAL_HEADER.BYTE_LENGTH +
      nameByteLength +
      zip64FieldByteLength(byteLength, at) +
      EXTRA_FIELD.BYTE_LENGTH;
    layout.dataByteOffsets[i] = unpadded + ((alignment - (unpadded % alignment)) % alignment);
    directoryByteLength +=
      DIRECTORY_ENTRY.BYTE_LENGTH + nameByteLength + zip64FieldByteLength(byteLength, at);
    at = layout.dataByteOffsets[i]! + byteLength + dataDescriptorByteLength(layout, i);
  }
  layout.directoryByteOffset = at;
  layout.byteLength =
    at +
    directoryByteLength +
    ZIP64_END_RECORD.BYTE_LENGTH +
    ZIP64_LOCATOR.BYTE_LENGTH +
    END_RECORD.BYTE_LENGTH;
  if (!Number.isSafeInteger(layout.byteLength)) throw new UsageError('The archive would be too large');
  return layout;
}

/** Where the data descriptor of record `index` begins: directly after its data. */
export function dataDescriptorByteOffset(layout: ArchiveLayout, index: number): number {
  return layout.dataByteOffsets[index]! + layout.byteLengths[index]!;
}

/** 0, 16 or 24: an empty record has none, and the long form goes with a zip64 field in the local header. */
export function dataDescriptorByteLength(layout: ArchiveLayout, index: number): number {
  const byteLength = layout.byteLengths[index]!;
  if (byteLength === 0) return 0;
  return zip64FieldByteLength(byteLength, layout.localHeaderByteOffsets[index]!) === 0
    ? DATA_DESCRIPTOR.BYTE_LENGTH
    : DATA_DESCRIPTOR.BYTE_LENGTH_64;
}

/** Whether the sizes of a record of this length go to its zip64 field. */
export function hasWideSize(byteLength: number): boolean {
  return byteLength >= ZIP64_THRESHOLD;
}

/** Whether the offset of a record's header goes to its zip64 field: to the local one too. */
export function hasWideOffset(localHeaderByteOffset: number): boolean {
  return localHeaderByteOffset >= ZIP64_THRESHOLD;
}

/** Byte length of a record's zip64 field, the same in its local header and in the central directory. */
export function zip64FieldByteLength(byteLength: number, localHeaderByteOffset: number): number {
  const payload = (hasWideSize(byteLength) ? 16 : 0) + (hasWideOffset(localHeaderByteOffset) ? 8 : 0);
  return payload === 0 ? 0 : EXTRA_FIELD.BYTE_LENGTH + payload;
}

function check(root: string | undefined, records: readonly LayoutRecord[], alignment: number): void {
  if (!Number.isInteger(alignment) || alignment < 1 || alignment > MAX_ALIGNMENT) {
    throw new UsageError('The storage alignment is out of range', {
      expected: `1 to ${MAX_ALIGNMENT} bytes`,
      found: alignment,
    });
  }
  if (root === '' || root?.includes('/')) {
    throw new UsageError(`${JSON.stringify(root)} cannot be the top-level directory of an archive`);
  }
  if (records.length === 0) throw new UsageError('An archive needs at least one record');
  const seen = new Set<string>();
  for (const { name, byteLength } of records) {
    const fault =
      name === '' || name.endsWith('/') ? 'is not a file name' : nameFault(entryNameOf(root, name));
    if (fault !== undefined) throw refused(name, fault);
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw refused(name, 'has an impossible length', `${byteLength} bytes`);
    }
    // Only torch's reader looks names up in either case, and it wants a top-level directory.
    seen.add(root === undefined ? name : foldCase(name));
  }
  if (seen.size !== records.length) {
    throw new UsageError(
      `Two records have the same name${root === undefined ? '' : ', letters taken as equal in either case'}`,
    );
  }
}

/** The full name of a record. */
export function entryNameOf(root: string | undefined, name: string): string {
  return root === undefined ? name : `${root}/${name}`;
}

function refused(name: string, fault: string, found?: string): UsageError {
  return new UsageError(
    `The record name ${JSON.stringify(name)} ${fault}`,
    found === undefined ? {} : { found },
  );
}

function utf8ByteLength(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return encodeName(text).length;
  }
  return text.length;
}
