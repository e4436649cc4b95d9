import { pipeline, Readable, type Transform } from 'node:stream';
import { createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { CorruptDataError, type ErrorContext } from '../errors.js';

/** What is inflated at a time, and so what a hostile stream costs in memory. */
const CHUNK_BYTE_LENGTH = 256 * 1024;

/**
 * Inflates a raw deflate stream (RFC 1951), given in pieces, of exactly `byteLength` inflated bytes. The pieces
 * that come out stay valid. Memory does not grow with the stream.
 *
 * @throws CorruptDataError where the stream is damaged, or makes more or fewer bytes: it stops at the first piece
 *   with a byte too many.
 */
export async function* inflatePieces(
  deflated: AsyncIterable<Uint8Array>,
  byteLength: number,
  context: ErrorContext,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  const inflate = createInflateRaw({ chunkSize: CHUNK_BYTE_LENGTH });
  for await (const piece of through(deflated, inflate, 'The deflated data are damaged', context)) {
    total += piece.length;
    if (total > byteLength) throw wrongLength(byteLength, `${total} bytes or more`, context);
    yield piece;
  }
  if (total < byteLength) throw wrongLength(byteLength, `${total} bytes`, context);
}

/**
 * Inflates a gzip stream (RFC 1952), given in pieces, of one member or several; their CRC-32s are checked. How long
 * it becomes is not known before its end: the caller sets the limit. Otherwise as {@link inflatePieces}.
 *
 * @throws CorruptDataError where the stream is damaged or ends early.
 */
export function gunzipPieces(
  gzipped: AsyncIterable<Uint8Array>,
  context: ErrorContext,
): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTE_LENGTH });
  return through(gzipped, gunzip, 'The gzip data are damaged', context);
}

async function* through(
  pieces: AsyncIterable<Uint8Array>,
  inflate: Transform,
  damaged: string,
  context: ErrorContext,
): AsyncGenerator<Uint8Array> {
  try {
    // What fails on the way, reading included, comes out of the loop below.
    pipeline(Readable.from(pieces), inflate, () => {});
    yield* inflate as AsyncIterable<Uint8Array>;
  } catch (cause) {
    if (!isZlibError(cause)) throw cause;
    throw new CorruptDataError(damaged, { found: cause.message, cause, ...context });
  }
}

/** Zlib's errors carry the name of one of its constants as their code. */
function isZlibError(error: unknown): error is Error {
  return error instanceof Error && /^Z_/.test(String((error as NodeJS.ErrnoException).code));
}

function wrongLength(byteLength: number, found: string, context: ErrorContext): CorruptDataError {
  return new CorruptDataError('The deflated data do not have the declared length', {
    expected: `${byteLength} bytes`,
    found,
    ...context,
  });
}

/**
 * Inflates a deflate stream, raw or in the frame of zlib (RFC 1950), that nothing vouches for: how long it becomes, and
 * where it ends, only it says. What was handed out before an error is what a reader without care would have taken.
 */
export function inflateBlindly(
  deflated: AsyncIterable<Uint8Array>,
  context: ErrorContext,
  frame: 'raw' | 'zlib' = 'raw',
): AsyncGenerator<Uint8Array> {
  const make = frame === 'raw' ? createInflateRaw : createInflate;
  return through(deflated, make({ chunkSize: CHUNK_BYTE_LENGTH }), 'The deflated data are damaged', context);
}
