import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { CorruptDataError, DcpError, withContextAsync } from '../errors.js';
import { type ByteSource, readRange, SliceSource } from '../io/source.js';
import { readZstdFrame, type ZstdFrame } from './frame.js';

/** What is read of the source at a time. */
const READ_BYTE_LENGTH = 256 << 10;
/**
 * What fzstd is given at once. It hands out what it has made block by block, and 16 KiB can be 4,000 blocks of
 * 128 KiB: each goes on to the output before the next is made.
 */
const PUSH_BYTE_LENGTH = 16 << 10;

/** Which decoder runs: Node's own since 22.15 and 23.8, otherwise the library fzstd, at a fifth of the speed. */
export type ZstdDecoder = 'node' | 'fzstd';

const nodeDecoder = (): (() => Transform) | undefined =>
  (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress;

/** Those that are there, the fastest first. */
export function availableZstdDecoders(): readonly ZstdDecoder[] {
  return nodeDecoder() === undefined ? ['fzstd'] : ['node', 'fzstd'];
}

/**
 * Decompresses a source that is one zstd frame, or several end to end (pyzstd leaves an empty one behind), piece by
 * piece: memory holds a frame's window and little more.
 *
 * @param maxByteLength more output than this is refused, before the piece with the first byte too many is handed out.
 * @returns the number of bytes made.
 * @throws FormatError, CorruptDataError where it is not whole frames; LimitError for a window beyond 128 MiB.
 */
export async function decompressZstd(
  source: ByteSource,
  maxByteLength: number,
  onBytes: (bytes: Uint8Array) => void,
  decoder: ZstdDecoder = availableZstdDecoders()[0]!,
): Promise<number> {
  let made = 0;
  const take = (bytes: Uint8Array): void => {
    made += bytes.length;
    if (made > maxByteLength) throw tooLong(maxByteLength, `${made} bytes or more`);
    onBytes(bytes);
  };
  for (let at = 0; at < source.byteLength; ) {
    const rest = new SliceSource(source, at, source.byteLength - at);
    const frame = await withContextAsync({ byteOffset: at }, () => readZstdFrame(rest));
    await decodeFrame(new SliceSource(source, at, frame.byteLength), frame, take, decoder);
    at += frame.byteLength;
  }
  return made;
}

async function decodeFrame(
  source: ByteSource,
  { contentByteLength }: ZstdFrame,
  onBytes: (bytes: Uint8Array) => void,
  decoder: ZstdDecoder,
): Promise<void> {
  let made = 0;
  const take = (bytes: Uint8Array): void => {
    made += bytes.length;
    onBytes(bytes);
  };
  try {
    if (decoder === 'node') await decodeWithNode(source, take);
    else await decodeWithFzstd(source, take);
  } catch (cause) {
    if (cause instanceof DcpError) throw cause;
    throw new CorruptDataError('The zstd data are damaged', {
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
  if (contentByteLength !== undefined && made !== contentByteLength) {
    throw new CorruptDataError('The zstd frame makes another number of bytes than it says', {
      expected: `${contentByteLength} bytes`,
      found: `${made} bytes`,
    });
  }
}

async function decodeWithNode(source: ByteSource, onBytes: (bytes: Uint8Array) => void): Promise<void> {
  await pipeline(Readable.from(piecesOf(source)), nodeDecoder()!(), async decompressed => {
    for await (const bytes of decompressed) onBytes(bytes as Uint8Array);
  });
}

async function decodeWithFzstd(source: ByteSource, onBytes: (bytes: Uint8Array) => void): Promise<void> {
  // Loaded only for checkpoints that were saved so.
  const { Decompress } = await import('fzstd');
  const decompress = new Decompress(bytes => {
    if (bytes.length > 0) onBytes(bytes);
  });
  for await (const piece of piecesOf(source)) {
    for (let at = 0; at < piece.length; at += PUSH_BYTE_LENGTH) {
      decompress.push(piece.subarray(at, at + PUSH_BYTE_LENGTH));
    }
  }
  decompress.push(new Uint8Array(0), true);
}

async function* piecesOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.byteLength; at += READ_BYTE_LENGTH) {
    yield await readRange(source, at, Math.min(READ_BYTE_LENGTH, source.byteLength - at));
  }
}

function tooLong(maxByteLength: number, found: string): CorruptDataError {
  return new CorruptDataError('The compressed data make more bytes than they can be meant to', {
    expected: `${maxByteLength} bytes at most`,
    found,
  });
}
