import { LimitError } from '../errors.js';
import type { PyValue } from './values.js';

/**
 * A set of memo slots, one bit each. A pickle numbers its slots from 0 and fills nearly one for each value, but
 * fetches few of them again.
 */
export class SlotSet {
  private words = new Uint32Array(64);
  /** Number of slots in all words before each word; made when first needed, after the last `add`. */
  private before: Uint32Array | undefined;

  constructor(private readonly limit: number) {}

  /** @throws LimitError for a slot number beyond what is followed. */
  add(slot: number): void {
    if (slot >= this.limit) {
      throw new LimitError('The pickle fetches a memo slot with an absurd number', {
        expected: `less than ${this.limit}`,
        found: slot,
      });
    }
    const word = slot >>> 5;
    if (word >= this.words.length) {
      const grown = new Uint32Array(Math.max(this.words.length * 2, word + 1));
      grown.set(this.words);
      this.words = grown;
    }
    this.words[word]! |= 1 << slot;
  }

  has(slot: number): boolean {
    const word = slot >>> 5;
    return word < this.words.length && (this.words[word]! & (1 << slot)) !== 0;
  }

  /** How many slots of the set are smaller than `slot`: numbers the members from 0 without gaps. */
  rank(slot: number): number {
    this.before ??= this.countBefore();
    const word = slot >>> 5;
    return this.before[word]! + bitCount(this.words[word]! & ((1 << slot) - 1));
  }

  private countBefore(): Uint32Array {
    const before = new Uint32Array(this.words.length);
    let count = 0;
    for (let i = 0; i < before.length; i++) {
      before[i] = count;
      count += bitCount(this.words[i]!);
    }
    return before;
  }
}

/** Bits that are set in a 32-bit word. */
function bitCount(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Slots that opcodes name in one byte. */
const FIRST_SLOTS = 256;

/** The memo of a decoder: holds only the slots that some opcode fetches. */
export class Memo {
  private readonly values: (PyValue | undefined)[] = [];
  /** Those of the first slots by their numbers: a class or a key that each object names has one of these. */
  private readonly first: (PyValue | undefined)[] = new Array(FIRST_SLOTS).fill(undefined);

  constructor(private readonly fetched: SlotSet) {}

  /** Whether what is put into `slot` will be fetched. */
  keeps(slot: number): boolean {
    return this.fetched.has(slot);
  }

  /** Only for slots that it keeps. */
  put(slot: number, value: PyValue): void {
    if (slot < FIRST_SLOTS) this.first[slot] = value;
    else this.values[this.fetched.rank(slot)] = value;
  }

  /** Undefined while nothing was put there. */
  get(slot: number): PyValue | undefined {
    if (slot < FIRST_SLOTS) return this.first[slot];
    return this.fetched.has(slot) ? this.values[this.fetched.rank(slot)] : undefined;
  }
}
