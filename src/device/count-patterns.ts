import type { DTypeInfo } from '../dtype.js';
import { type NumberFormat, numberFormatOf } from '../numbers.js';
import type { NumberCounter } from './number-counter.js';
import { statsOfCounts } from './pattern-stats.js';
import type { PartialNumbers } from './tensor-stats.js';

/**
 * Below this many numbers the patterns that occur are listed, rather than all of them looked through: a checkpoint
 * may hold a hundred thousand small tensors.
 */
const FEW_NUMBERS = 1 << 15;

const HALF_PATTERNS = 1 << 16;

/**
 * Counts numbers of up to 16 bits by their pattern. Counting is one addition for 16 bits, whatever they are; all else
 * is computed from the counts, once for many megabytes.
 */
export class PatternCounter implements NumberCounter {
  private readonly format: NumberFormat;
  /** By component; of packed numbers by byte. */
  private readonly counts: Uint32Array[];
  /**
   * Counts of the low halves of 32-bit words, then those of the high halves. These are the components of a complex
   * number, or every other number, so that equal neighbours do not wait for each other. Bytes are counted in pairs.
   */
  private readonly halves = new Uint32Array(2 * HALF_PATTERNS);
  /** Patterns met, by component, where they are listed. */
  private readonly listed: Uint16Array[];
  private readonly listedCount: number[];
  private areFew = false;

  constructor(
    private readonly dtype: DTypeInfo,
    private readonly withHistogram: boolean,
  ) {
    this.format = numberFormatOf(dtype);
    const { bitWidth, componentCount } = this.format;
    const components = Array.from({ length: componentCount });
    this.counts = components.map(() => new Uint32Array(bitWidth === 16 ? HALF_PATTERNS : 256));
    this.listed = components.map(() => new Uint16Array(FEW_NUMBERS));
    this.listedCount = components.map(() => 0);
  }

  begin(byteLength: number): void {
    this.areFew = (byteLength * 8) / this.format.bitWidth <= FEW_NUMBERS;
  }

  add(bytes: Uint8Array): void {
    if (!this.areFew) {
      const wordCount = bytes.length >> 2;
      countHalves(new Uint32Array(bytes.buffer, bytes.byteOffset, wordCount), this.halves);
      // The rest of the last block may be shorter than a word.
      this.addFew(bytes.subarray(wordCount * 4));
    } else {
      this.addFew(bytes);
    }
  }

  private addFew(bytes: Uint8Array): void {
    if (this.format.bitWidth < 16) {
      const counts = this.counts[0]!;
      for (let i = 0; i < bytes.length; i++) counts[bytes[i]!]!++;
      return;
    }
    const patterns = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    const step = this.format.componentCount;
    for (let component = 0; component < step; component++) {
      this.listedCount[component] = countListing(
        patterns,
        component,
        step,
        this.counts[component]!,
        this.listed[component]!,
        this.listedCount[component]!,
      );
    }
  }

  finish(): PartialNumbers[] {
    if (!this.areFew) this.foldHalves();
    const isListed = this.areFew && this.format.bitWidth === 16;
    const listed = isListed
      ? this.listed.map((patterns, component) => patterns.subarray(0, this.listedCount[component]!).sort())
      : undefined;
    const results = statsOfCounts(this.dtype, this.counts, this.withHistogram, listed);
    for (const [component, counts] of this.counts.entries()) {
      if (listed === undefined) counts.fill(0);
      else for (const pattern of listed[component]!) counts[pattern] = 0;
      this.listedCount[component] = 0;
    }
    return results;
  }

  /** Adds the counts of halves to those of the components. */
  private foldHalves(): void {
    const { halves, counts } = this;
    const [first, second = first] = counts as [Uint32Array, Uint32Array?];
    const low = halves.subarray(0, HALF_PATTERNS);
    const high = halves.subarray(HALF_PATTERNS);
    if (this.format.bitWidth === 16) {
      for (let pattern = 0; pattern < HALF_PATTERNS; pattern++) {
        first[pattern]! += low[pattern]!;
        second[pattern]! += high[pattern]!;
      }
    } else {
      for (let pair = 0; pair < HALF_PATTERNS; pair++) {
        const count = low[pair]! + high[pair]!;
        first[pair & 255]! += count;
        first[pair >> 8]! += count;
      }
    }
    halves.fill(0);
  }
}

function countHalves(words: Uint32Array, halves: Uint32Array): void {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    halves[word & 0xffff]!++;
    halves[HALF_PATTERNS + (word >>> 16)]!++;
  }
}

/** Counts every `step`-th number, and lists patterns as they are first met. Returns how many are listed. */
function countListing(
  patterns: Uint8Array | Uint16Array,
  start: number,
  step: number,
  counts: Uint32Array,
  listed: Uint16Array,
  listedCount: number,
): number {
  let end = listedCount;
  for (let i = start; i < patterns.length; i += step) {
    const pattern = patterns[i]!;
    if (counts[pattern]!++ === 0) listed[end++] = pattern;
  }
  return end;
}
