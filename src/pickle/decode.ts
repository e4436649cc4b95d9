import type { PyDict } from './dict.js';
import { frameOpcodes } from './framing.js';
import { DEFAULT_LIMITS, type PickleLimits } from './limits.js';
import { runOpcodes } from './machine.js';
import type { Python2Strings } from './text-arguments.js';
import type { PyGlobal, PyPersistentId, PyTuple, PyValue } from './values.js';

/**
 * Folds the instances of one class while they are built, so that no PyObject and no state dict is kept. What
 * `create` returns stands for the instance wherever the pickle refers to it. If it is a {@link PyExternal}, it
 * receives the instance's items and state by its methods `appendItem`, `setItem`, `setState`.
 */
export interface ClassHandler {
  /** Undefined: not this one, keep it as PyObject. */
  create(args: PyTuple, how: 'reduce' | 'newobj', kwargs: PyDict | undefined): PyValue | undefined;
}

export interface DecodeOptions {
  limits?: Partial<PickleLimits>;
  /**
   * Makes a str that some opcode fetches again one {@link PyStr}, shared by all places that use it, so that the
   * encoder can write the same references. They differ in texts that CPython has one object of (see `strings.ts`):
   * `loaded` takes these for that object, as they are once CPython has loaded the pickle; `written` takes the
   * first one for it and each further one that the pickle spells out for another, so that encoding gives the
   * same bytes.
   */
  keepStringIdentity?: 'loaded' | 'written';
  /** By `module.name`, in Python 3 names. */
  classHandlers?: ReadonlyMap<string, ClassHandler>;
  /** What a persistent id stands for; without this, the {@link PyPersistentId} itself. */
  persistentLoad?: (id: PyPersistentId) => PyValue;
  /** Called for each opcode that names a class or function, in Python 3 names. */
  onGlobal?: (global: PyGlobal) => void;
  /** How to read the 8-bit str of Python 2; as `torch.load` does by default, UTF-8. */
  python2Strings?: Python2Strings;
  /** Where in `bytes` the pickle begins; default 0. Errors tell positions in `bytes`. */
  start?: number;
}

export interface DecodedPickle {
  value: PyValue;
  /** Bytes of the pickle, STOP included. What follows it belongs to someone else. */
  byteLength: number;
}

/**
 * Decodes the pickle that begins at `options.start`, protocols 0 to 5. Nothing that the pickle names is called.
 * @throws FormatError where the bytes are not a pickle that CPython could load. UnsupportedError for what values
 * cannot express (extension codes, buffers outside the pickle, calls whose result is dropped). LimitError beyond
 * `limits`. All with byteOffset.
 */
export function decodePickle(bytes: Uint8Array, options: DecodeOptions = {}): DecodedPickle {
  const start = options.start ?? 0;
  const framing = frameOpcodes(bytes, start, options.limits?.memoSlots ?? DEFAULT_LIMITS.memoSlots);
  if (framing.error !== undefined) throw framing.error;
  return { value: runOpcodes(bytes, framing, options), byteLength: framing.end - start };
}
