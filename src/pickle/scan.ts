import { DcpError } from '../errors.js';
import type { DecodeOptions } from './decode.js';
import { frameOpcodes } from './framing.js';
import { DEFAULT_LIMITS } from './limits.js';
import { runOpcodes } from './machine.js';
import type { PyGlobal } from './values.js';

export interface GlobalScan {
  /** Every class and function that the pickle names, each once, in the order of first mention. */
  globals: PyGlobal[];
  /**
   * Why the pickle was not followed to its end. CPython may go on where this stops, and it calls what it has
   * read up to a place where it stops itself: an error does not make a pickle safe.
   */
  error: DcpError | undefined;
}

/** Lists what a pickle names, in Python 3 names. Damaged pickles too: up to the damage. Nothing is called. */
export function listGlobals(
  bytes: Uint8Array,
  options: Pick<DecodeOptions, 'start' | 'limits'> = {},
): GlobalScan {
  const globals = new Set<PyGlobal>();
  const framing = frameOpcodes(
    bytes,
    options.start ?? 0,
    options.limits?.memoSlots ?? DEFAULT_LIMITS.memoSlots,
  );
  try {
    // Python 2 strings as Latin-1: no bytes are refused.
    runOpcodes(bytes, framing, {
      ...options,
      python2Strings: 'latin1',
      onGlobal: global => globals.add(global),
    });
    return { globals: [...globals], error: undefined };
  } catch (error) {
    if (!(error instanceof DcpError)) throw error;
    return { globals: [...globals], error };
  }
}
