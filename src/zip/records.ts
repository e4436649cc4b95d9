/**
 * The records of a zip archive on disk, as tables. A number is the byte offset of the field from the record's
 * first byte; `SIGNATURE` is the u32 found at 0, `BYTE_LENGTH` the length of the fixed part. All numbers are
 * unsigned and little-endian. Source: PKZIP APPNOTE 6.3.10, sections 4.3.7–4.3.16 and 4.5.3.
 */

/** 4.3.7. Then come the name, the extra fields and the data. */
export const LOCAL_HEADER = {
  SIGNATURE: 0x04034b50,
  BYTE_LENGTH: 30,
  versionNeeded: 4, // u16
  flags: 6, // u16
  method: 8, // u16
  time: 10, // u16
  date: 12, // u16
  crc32: 14, // u32
  compressedByteLength: 18, // u32
  byteLength: 22, // u32
  nameByteLength: 26, // u16
  extraByteLength: 28, // u16
} as const;

/** 4.3.9. The sizes are u32 in the short form, u64 where the local header has a zip64 field. */
export const DATA_DESCRIPTOR = {
  SIGNATURE: 0x08074b50,
  BYTE_LENGTH: 16,
  BYTE_LENGTH_64: 24,
  crc32: 4, // u32
  compressedByteLength: 8, // u32 or u64
  byteLength: 12, // u32
  byteLength64: 16, // u64
} as const;

/** 4.3.12. Then come the name, the extra fields and the comment. */
export const DIRECTORY_ENTRY = {
  SIGNATURE: 0x02014b50,
  BYTE_LENGTH: 46,
  versionMadeBy: 4, // u16
  versionNeeded: 6, // u16
  flags: 8, // u16
  method: 10, // u16
  time: 12, // u16
  date: 14, // u16
  crc32: 16, // u32
  compressedByteLength: 20, // u32
  byteLength: 24, // u32
  nameByteLength: 28, // u16
  extraByteLength: 30, // u16
  commentByteLength: 32, // u16
  disk: 34, // u16
  internalAttributes: 36, // u16
  externalAttributes: 38, // u32
  localHeaderByteOffset: 42, // u32
} as const;

/** 4.5.1. What every extra field starts with. */
export const EXTRA_FIELD = {
  BYTE_LENGTH: 4,
  id: 0, // u16
  payloadByteLength: 2, // u16
} as const;

/**
 * 4.5.3. Holds, in this order, a u64 for each of: byte length, compressed byte length, local header offset
 * whose u32 in the header is saturated.
 */
export const ZIP64_FIELD_ID = 0x0001;

/** 4.3.14, in its first version: 56 bytes and no extensible data. */
export const ZIP64_END_RECORD = {
  SIGNATURE: 0x06064b50,
  BYTE_LENGTH: 56,
  remainingByteLength: 4, // u64: of the record without this field and the signature
  versionMadeBy: 12, // u16
  versionNeeded: 14, // u16
  disk: 16, // u32
  directoryDisk: 20, // u32
  entryCountOnDisk: 24, // u64
  entryCount: 32, // u64
  directoryByteLength: 40, // u64
  directoryByteOffset: 48, // u64
} as const;

/** 4.3.15. Lies directly in front of the end record. */
export const ZIP64_LOCATOR = {
  SIGNATURE: 0x07064b50,
  BYTE_LENGTH: 20,
  disk: 4, // u32
  endRecordByteOffset: 8, // u64
  diskCount: 16, // u32
} as const;

/** 4.3.16. Then comes the archive comment. */
export const END_RECORD = {
  SIGNATURE: 0x06054b50,
  BYTE_LENGTH: 22,
  disk: 4, // u16
  directoryDisk: 6, // u16
  entryCountOnDisk: 8, // u16
  entryCount: 10, // u16
  directoryByteLength: 12, // u32
  directoryByteOffset: 16, // u32
  commentByteLength: 20, // u16
} as const;

/** 4.4.4. Bits of the flags field. */
export const FLAG = {
  ENCRYPTED: 1 << 0,
  DATA_DESCRIPTOR: 1 << 3,
  PATCH_DATA: 1 << 5,
  STRONG_ENCRYPTION: 1 << 6,
  UTF8_NAME: 1 << 11,
  MASKED_HEADERS: 1 << 13,
} as const;

/** 4.4.5. The two compression methods that we read. */
export const METHOD = { STORED: 0, DEFLATED: 8 } as const;

export const MAX_UINT16 = 0xffff;
export const MAX_UINT32 = 0xffffffff;

/** A view of the same bytes, for {@link DataView}'s little-endian accessors. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A u64 as a number. Above 2^53 it is rounded, and larger than any archive can be. */
export function getUint64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

export function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}
