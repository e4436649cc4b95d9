import { frameOpcodes } from './framing.js';
import { DEFAULT_LIMITS } from './limits.js';

/** Where a pickle ends, STOP included; or, where the bytes end before it does, how many it takes at least. */
export type PickleExtent = { end: number } | { neededByteLength: number };

/**
 * How far the pickle that begins at `start` reaches, found by stepping over its opcodes: for a file that goes on
 * behind it, of which the first bytes have been read.
 * @throws FormatError, UnsupportedError where more bytes would not help. With byteOffset.
 */
export function pickleExtent(bytes: Uint8Array, start: number): PickleExtent {
  const { end, error, neededByteLength } = frameOpcodes(bytes, start, DEFAULT_LIMITS.memoSlots);
  if (neededByteLength !== undefined) return { neededByteLength };
  if (error !== undefined) throw error;
  return { end };
}
