import { hexOf } from '../bytes.js';
import { CorruptDataError, FormatError, LimitError } from '../errors.js';
import { type ByteSource, readRange } from '../io/source.js';

/** What a zstd frame says before anything of it is decompressed. RFC 8878, section 3.1.1. */
export interface ZstdFrame {
  /** Bytes from the magic to the end of the frame, checksum included. */
  byteLength: number;
  /** Bytes that the frame says it makes; undefined where it does not. */
  contentByteLength: number | undefined;
}

const MAGIC = 0xfd2fb528;
/** Magic, descriptor, window descriptor, dictionary id, content size, each as long as it can be. */
const MAX_HEADER_BYTE_LENGTH = 18;
const MAX_BLOCK_BYTE_LENGTH = 128 << 10;
/** What zstd's own decoder takes of a stream unless told otherwise (ZSTD_WINDOWLOG_LIMIT_DEFAULT, 27). */
const MAX_WINDOW_BYTE_LENGTH = 2 ** 27;

const RLE_BLOCK = 1;
const COMPRESSED_BLOCK = 2;

/**
 * Walks the block headers of the frame at the start of a source, and decompresses nothing: one small read a block.
 * @throws FormatError, CorruptDataError where it is not a whole frame, LimitError where it wants too large a window.
 */
export async function readZstdFrame(source: ByteSource): Promise<ZstdFrame> {
  const head = await readRange(source, 0, Math.min(MAX_HEADER_BYTE_LENGTH, source.byteLength));
  const header = decodeFrameHeader(head);
  const blockLimit = Math.min(header.windowByteLength, MAX_BLOCK_BYTE_LENGTH);
  let at = header.byteLength;
  for (let isLast = false; !isLast; ) {
    if (at + 3 > source.byteLength) throw cutShort(at + 3, source.byteLength);
    const bytes = await readRange(source, at, 3);
    const fields = bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16);
    isLast = (fields & 1) === 1;
    const type = (fields >> 1) & 3;
    const size = fields >> 3;
    if (type > COMPRESSED_BLOCK || size > blockLimit) {
      throw new CorruptDataError('The zstd frame has a block that there cannot be', {
        expected: `a block of ${blockLimit} bytes at most, of type 0, 1 or 2`,
        found: `${size} bytes, type ${type}`,
        byteOffset: at,
      });
    }
    at += 3 + (type === RLE_BLOCK ? 1 : size);
  }
  if (header.hasChecksum) at += 4;
  if (at > source.byteLength) throw cutShort(at, source.byteLength);
  return { byteLength: at, contentByteLength: header.contentByteLength };
}

/** @throws FormatError where the bytes are no frame header, LimitError where the frame wants too large a window. */
export function decodeFrameHeader(bytes: Uint8Array): {
  byteLength: number;
  windowByteLength: number;
  contentByteLength: number | undefined;
  hasChecksum: boolean;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 6 || view.getUint32(0, true) !== MAGIC) {
    throw new FormatError('The bytes are not a zstd frame', {
      expected: 'a frame that begins with 28 b5 2f fd',
      found: bytes.length < 6 ? `${bytes.length} bytes` : hexOf(bytes.subarray(0, 4)),
    });
  }
  const descriptor = bytes[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdByteLength = [0, 1, 2, 4][descriptor & 3]!;
  const contentSizeByteLength = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  let at = 5;
  let windowByteLength = 0;
  if (!isSingleSegment) {
    const exponent = bytes[at]! >> 3;
    const mantissa = bytes[at]! & 7;
    windowByteLength = 2 ** (10 + exponent) * (1 + mantissa / 8);
    at++;
  }
  const byteLength = at + dictionaryIdByteLength + contentSizeByteLength;
  if (bytes.length < byteLength) throw cutShort(byteLength, bytes.length);
  if (bytes.subarray(at, at + dictionaryIdByteLength).some(byte => byte !== 0)) {
    throw new FormatError('The zstd frame was made with a dictionary, which is not at hand');
  }
  at += dictionaryIdByteLength;
  const contentByteLength = contentSizeAt(view, at, contentSizeByteLength);
  if (isSingleSegment) windowByteLength = contentByteLength!;
  if (windowByteLength > MAX_WINDOW_BYTE_LENGTH) {
    throw new LimitError('The zstd frame wants too large a window', {
      expected: `${MAX_WINDOW_BYTE_LENGTH} bytes at most`,
      found: `${windowByteLength} bytes`,
    });
  }
  return { byteLength, windowByteLength, contentByteLength, hasChecksum: (descriptor & 4) !== 0 };
}

/** A content size of two bytes counts from 256. */
function contentSizeAt(view: DataView, at: number, byteLength: number): number | undefined {
  switch (byteLength) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    case 8:
      return Number(view.getBigUint64(at, true));
    default:
      return undefined;
  }
}

function cutShort(expected: number, found: number): CorruptDataError {
  return new CorruptDataError('The zstd frame is cut short', {
    expected: `${expected} bytes at least`,
    found: `${found} bytes`,
  });
}
