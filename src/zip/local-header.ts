import { FormatError } from '../errors.js';
import type { ArchiveRecord } from './archive.js';
import { decodeName } from './names.js';
import { LOCAL_HEADER as HEADER, METHOD, viewOf } from './records.js';

/** How many bytes from `record.localHeaderByteOffset` {@link decodeDataByteOffset} needs. */
export function localHeaderByteLength(record: ArchiveRecord): number {
  return HEADER.BYTE_LENGTH + record.nameByteLength;
}

/**
 * Where the data of `record` begin in its archive, from its local header, which begins at index `at` of
 * `bytes`. Only the local header knows the length of its extra fields: PyTorch pads there, so that data lie at
 * multiples of 64, and the central directory does not repeat it. Sizes and CRC come from the directory.
 *
 * @throws FormatError where the header is not the one that the directory describes, or where the data would
 *   reach into what follows.
 */
export function decodeDataByteOffset(bytes: Uint8Array, at: number, record: ArchiveRecord): number {
  const nameAt = at + HEADER.BYTE_LENGTH;
  const nameEnd = nameAt + record.nameByteLength;
  if (nameEnd > bytes.length) {
    throw fault(
      'The local header of the record is cut short',
      record,
      `${nameEnd - at} bytes at least`,
      `${bytes.length - at} bytes`,
    );
  }
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== HEADER.SIGNATURE) {
    throw fault('The record does not begin with a local header', record, 'the signature PK\\3\\4');
  }
  const nameByteLength = view.getUint16(at + HEADER.nameByteLength, true);
  if (
    nameByteLength !== record.nameByteLength ||
    decodeName(bytes.subarray(nameAt, nameEnd)) !== record.entryName
  ) {
    throw fault('The local header of the record has another name than the central directory', record);
  }
  const method = view.getUint16(at + HEADER.method, true);
  const expected = record.method === 'stored' ? METHOD.STORED : METHOD.DEFLATED;
  if (method !== expected) {
    throw fault(
      'The compression method differs from the central directory',
      record,
      `method ${expected}`,
      `method ${method}`,
    );
  }
  const dataByteOffset =
    record.localHeaderByteOffset +
    HEADER.BYTE_LENGTH +
    nameByteLength +
    view.getUint16(at + HEADER.extraByteLength, true);
  const dataEnd = dataByteOffset + record.compressedByteLength;
  if (dataEnd > record.endByteOffset) {
    throw fault(
      'The data of the record reach into what follows',
      record,
      `an end at byte ${record.endByteOffset} at most`,
      `byte ${dataEnd}`,
    );
  }
  return dataByteOffset;
}

function fault(what: string, record: ArchiveRecord, expected?: string, found?: string): FormatError {
  return new FormatError(what, {
    ...(expected === undefined ? {} : { expected }),
    ...(found === undefined ? {} : { found }),
    entry: record.entryName,
  });
}
