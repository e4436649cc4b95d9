import type { Inflate } from 'fflate';
import { CorruptDataError, type ErrorContext } from '../errors.js';

/**
 * What fflate is given at once. It inflates all that it is given before it hands anything out, up to 1032
 * times as much: with 16 KiB a hostile stream costs 16 MiB of memory at a time.
 */
const PUSH_BYTE_LENGTH = 16 * 1024;

/**
 * Inflates a raw deflate stream (RFC 1951), given in pieces, of exactly `byteLength` inflated bytes.
 *
 * @throws CorruptDataError where the stream is damaged, or makes more or fewer bytes: it stops at the first
 *   byte too many.
 */
export async function* inflatePieces(
  deflated: AsyncIterable<Uint8Array>,
  byteLength: number,
  context: ErrorContext,
): AsyncGenerator<Uint8Array> {
  let made: Uint8Array[] = [];
  // Loaded only for archives that somebody zipped again: torch deflates nothing.
  const fflate = await import('fflate');
  const inflate = new fflate.Inflate(bytes => {
    if (bytes.length > 0) made.push(bytes);
  });
  let total = 0;
  for await (const piece of deflated) {
    for (let at = 0; at < piece.length; at += PUSH_BYTE_LENGTH) {
      push(inflate, piece.subarray(at, at + PUSH_BYTE_LENGTH), context);
      for (const bytes of made) {
        total += bytes.length;
        if (total > byteLength) throw wrongLength(byteLength, `${total} bytes or more`, context);
        yield bytes;
      }
      made = [];
    }
  }
  if (total < byteLength) throw wrongLength(byteLength, `${total} bytes`, context);
}

/** fflate reports damage by errors of its own, and some damage by errors of the language. */
function push(inflate: Inflate, bytes: Uint8Array, context: ErrorContext): void {
  try {
    inflate.push(bytes);
  } catch (cause) {
    throw new CorruptDataError('The deflated data are damaged', {
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
      ...context,
    });
  }
}

function wrongLength(byteLength: number, found: string, context: ErrorContext): CorruptDataError {
  return new CorruptDataError('The deflated data do not have the declared length', {
    expected: `${byteLength} bytes`,
    found,
    ...context,
  });
}
