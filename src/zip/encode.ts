import {
  type ArchiveLayout,
  dataDescriptorByteLength,
  entryNameOf,
  hasWideOffset,
  hasWideSize,
  zip64FieldByteLength,
} from './layout.js';
import { encodeName } from './names.js';
import {
  DATA_DESCRIPTOR as DESCRIPTOR,
  END_RECORD as END,
  ZIP64_END_RECORD as END64,
  DIRECTORY_ENTRY as ENTRY,
  EXTRA_FIELD,
  FLAG,
  LOCAL_HEADER as HEADER,
  ZIP64_LOCATOR as LOCATOR,
  MAX_UINT16,
  MAX_UINT32,
  METHOD,
  setUint64,
  viewOf,
  ZIP64_FIELD_ID,
} from './records.js';

/** "FB": the padding field of caffe2/serialize/inline_container.cc. */
const PADDING_FIELD_ID = 0x4246;
const PADDING_BYTE = 0x5a;

/**
 * The bytes from the local header of record `index` to the first byte of its data. Versions, time and date are
 * 0, so output is deterministic; sizes and CRC are 0 too, as they follow in the data descriptor.
 */
export function encodeLocalHeader(layout: ArchiveLayout, index: number): Uint8Array {
  const headerByteOffset = layout.localHeaderByteOffsets[index]!;
  const byteLength = layout.byteLengths[index]!;
  const bytes = new Uint8Array(layout.dataByteOffsets[index]! - headerByteOffset);
  const view = viewOf(bytes);
  const name = entryName(layout, index);
  const extraAt = HEADER.BYTE_LENGTH + name.length;
  view.setUint32(0, HEADER.SIGNATURE, true);
  view.setUint16(HEADER.flags, flagsOf(byteLength), true);
  view.setUint16(HEADER.method, METHOD.STORED, true);
  view.setUint16(HEADER.nameByteLength, name.length, true);
  view.setUint16(HEADER.extraByteLength, bytes.length - extraAt, true);
  bytes.set(name, HEADER.BYTE_LENGTH);
  // PyTorch leaves the compressed size of the local zip64 field 0.
  encodeZip64Field(view, extraAt, byteLength, 0, headerByteOffset);

  const paddingAt = extraAt + zip64FieldByteLength(byteLength, headerByteOffset);
  const padAt = paddingAt + EXTRA_FIELD.BYTE_LENGTH;
  view.setUint16(paddingAt + EXTRA_FIELD.id, PADDING_FIELD_ID, true);
  view.setUint16(paddingAt + EXTRA_FIELD.payloadByteLength, bytes.length - padAt, true);
  return bytes.fill(PADDING_BYTE, padAt);
}

/** The bytes after the data of record `index`: none for an empty record. `crc` is 0 in a file without CRCs. */
export function encodeDataDescriptor(layout: ArchiveLayout, index: number, crc: number): Uint8Array {
  const bytes = new Uint8Array(dataDescriptorByteLength(layout, index));
  if (bytes.length === 0) return bytes;
  const byteLength = layout.byteLengths[index]!;
  const view = viewOf(bytes);
  view.setUint32(0, DESCRIPTOR.SIGNATURE, true);
  view.setUint32(DESCRIPTOR.crc32, crc, true);
  if (bytes.length === DESCRIPTOR.BYTE_LENGTH) {
    view.setUint32(DESCRIPTOR.compressedByteLength, byteLength, true);
    view.setUint32(DESCRIPTOR.byteLength, byteLength, true);
  } else {
    setUint64(view, DESCRIPTOR.compressedByteLength, byteLength);
    setUint64(view, DESCRIPTOR.byteLength64, byteLength);
  }
  return bytes;
}

/**
 * All bytes from `layout.directoryByteOffset` to the end of the archive: the central directory, the zip64 end
 * record and its locator (always, however small the archive), the end record.
 *
 * @param crcs of all records in order; 0 for an empty one, and 0 for each in a file without CRCs.
 */
export function encodeDirectory(layout: ArchiveLayout, crcs: ArrayLike<number>): Uint8Array {
  const { directoryByteOffset } = layout;
  const bytes = new Uint8Array(layout.byteLength - directoryByteOffset);
  const view = viewOf(bytes);
  let at = 0;
  for (let index = 0; index < layout.names.length; index++) {
    at = encodeEntry(layout, index, crcs[index]!, bytes, view, at);
  }
  encodeEnd(view, at, layout);
  return bytes;
}

function encodeEntry(
  layout: ArchiveLayout,
  index: number,
  crc: number,
  bytes: Uint8Array,
  view: DataView,
  at: number,
): number {
  const headerByteOffset = layout.localHeaderByteOffsets[index]!;
  const byteLength = layout.byteLengths[index]!;
  const name = entryName(layout, index);
  const extraAt = at + ENTRY.BYTE_LENGTH + name.length;
  const extraByteLength = zip64FieldByteLength(byteLength, headerByteOffset);
  view.setUint32(at, ENTRY.SIGNATURE, true);
  view.setUint16(at + ENTRY.flags, flagsOf(byteLength), true);
  view.setUint16(at + ENTRY.method, METHOD.STORED, true);
  view.setUint32(at + ENTRY.crc32, crc, true);
  view.setUint32(at + ENTRY.compressedByteLength, Math.min(byteLength, MAX_UINT32), true);
  view.setUint32(at + ENTRY.byteLength, Math.min(byteLength, MAX_UINT32), true);
  view.setUint16(at + ENTRY.nameByteLength, name.length, true);
  view.setUint16(at + ENTRY.extraByteLength, extraByteLength, true);
  view.setUint32(at + ENTRY.localHeaderByteOffset, Math.min(headerByteOffset, MAX_UINT32), true);
  bytes.set(name, at + ENTRY.BYTE_LENGTH);
  encodeZip64Field(view, extraAt, byteLength, byteLength, headerByteOffset);
  return extraAt + extraByteLength;
}

/** Writes the zip64 field at `at`, or nothing where the record needs none. */
function encodeZip64Field(
  view: DataView,
  at: number,
  byteLength: number,
  compressedByteLength: number,
  headerByteOffset: number,
): void {
  const fieldByteLength = zip64FieldByteLength(byteLength, headerByteOffset);
  if (fieldByteLength === 0) return;
  view.setUint16(at + EXTRA_FIELD.id, ZIP64_FIELD_ID, true);
  view.setUint16(at + EXTRA_FIELD.payloadByteLength, fieldByteLength - EXTRA_FIELD.BYTE_LENGTH, true);
  let next = at + EXTRA_FIELD.BYTE_LENGTH;
  if (hasWideSize(byteLength)) {
    setUint64(view, next, byteLength);
    setUint64(view, next + 8, compressedByteLength);
    next += 16;
  }
  if (hasWideOffset(headerByteOffset)) setUint64(view, next, headerByteOffset);
}

/** Written by a Unix system in version 3.0 of the format, readable from version 4.5: as miniz has it. */
const VERSION_MADE_BY = 0x031e;
const VERSION_NEEDED = 0x002d;

function encodeEnd(view: DataView, at: number, layout: ArchiveLayout): void {
  const entryCount = layout.names.length;
  view.setUint32(at, END64.SIGNATURE, true);
  setUint64(view, at + END64.remainingByteLength, END64.BYTE_LENGTH - 12);
  view.setUint16(at + END64.versionMadeBy, VERSION_MADE_BY, true);
  view.setUint16(at + END64.versionNeeded, VERSION_NEEDED, true);
  setUint64(view, at + END64.entryCountOnDisk, entryCount);
  setUint64(view, at + END64.entryCount, entryCount);
  setUint64(view, at + END64.directoryByteLength, at);
  setUint64(view, at + END64.directoryByteOffset, layout.directoryByteOffset);

  const locatorAt = at + END64.BYTE_LENGTH;
  view.setUint32(locatorAt, LOCATOR.SIGNATURE, true);
  setUint64(view, locatorAt + LOCATOR.endRecordByteOffset, layout.directoryByteOffset + at);
  view.setUint32(locatorAt + LOCATOR.diskCount, 1, true);

  const endAt = locatorAt + LOCATOR.BYTE_LENGTH;
  view.setUint32(endAt, END.SIGNATURE, true);
  view.setUint16(endAt + END.entryCountOnDisk, Math.min(entryCount, MAX_UINT16), true);
  view.setUint16(endAt + END.entryCount, Math.min(entryCount, MAX_UINT16), true);
  view.setUint32(endAt + END.directoryByteLength, Math.min(at, MAX_UINT32), true);
  view.setUint32(endAt + END.directoryByteOffset, Math.min(layout.directoryByteOffset, MAX_UINT32), true);
}

/** miniz gives an empty record no data descriptor. */
function flagsOf(byteLength: number): number {
  return byteLength === 0 ? FLAG.UTF8_NAME : FLAG.UTF8_NAME | FLAG.DATA_DESCRIPTOR;
}

function entryName(layout: ArchiveLayout, index: number): Uint8Array {
  return encodeName(entryNameOf(layout.root, layout.names[index]!));
}
