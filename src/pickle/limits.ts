/**
 * How far a pickle is followed. What a pickle can claim is bounded by its own length anyway (every length is
 * compared with the bytes that are left, every value on the stack took a byte); these bound the rest.
 */
export interface PickleLimits {
  /**
   * Levels of nesting, counting objects, their arguments and their state as levels. Python itself stops at
   * about 1000 calls while it pickles. Code that walks a decoded value by recursion is safe at the default.
   */
  depth: number;
  /** Values on the stack at one time. */
  stackEntries: number;
  /** Highest memo slot that may be fetched; slots take one bit each. */
  memoSlots: number;
  /** Bytes of one int. */
  integerByteLength: number;
}

export const DEFAULT_LIMITS: Readonly<PickleLimits> = {
  depth: 1000,
  stackEntries: 2 ** 26,
  memoSlots: 2 ** 28,
  integerByteLength: 2 ** 16,
};
