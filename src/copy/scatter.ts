import type { PieceDimension } from './plan.js';

/**
 * Copies runs between two buffers: `dimensions` are the loops, outermost first. Short runs, which
 * column shards of narrow tensors and transposed tensors consist of, go word by word. Words are integers: a
 * float would not carry the payload of a NaN.
 *
 * @param runs kept by who copies tile after tile.
 */
export function scatter(
  source: Uint8Array,
  sourceByteOffset: number,
  target: Uint8Array,
  targetByteOffset: number,
  runByteLength: number,
  dimensions: readonly PieceDimension[],
  runs = new RunViews(),
): void {
  if (dimensions.length === 0) {
    target.set(source.subarray(sourceByteOffset, sourceByteOffset + runByteLength), targetByteOffset);
    return;
  }
  const [outer, ...inner] = dimensions as [PieceDimension, ...PieceDimension[]];
  if (inner.length > 0) {
    for (let i = 0; i < outer.count; i++) {
      scatter(
        source,
        sourceByteOffset + i * outer.sourceStep,
        target,
        targetByteOffset + i * outer.recordStep,
        runByteLength,
        inner,
        runs,
      );
    }
    return;
  }
  const word = wordSize(source, sourceByteOffset, target, targetByteOffset, runByteLength, outer);
  if (runByteLength > MAX_WORD_RUN_BYTE_LENGTH[word]) {
    copyBlocks(source, sourceByteOffset, target, targetByteOffset, runByteLength, outer, runs);
  } else {
    copyRunsByWord(source, sourceByteOffset, target, targetByteOffset, runByteLength, outer);
  }
}

/** By the size of words: runs up to this long are copied faster word by word than as blocks (docs/measurements.md). */
const MAX_WORD_RUN_BYTE_LENGTH = { 1: 24, 2: 48, 4: 112, 8: 240 } as const;

/** Copies the runs of one dimension, each as a block. */
export function copyBlocks(
  source: Uint8Array,
  sourceByteOffset: number,
  target: Uint8Array,
  targetByteOffset: number,
  runByteLength: number,
  { count, sourceStep, recordStep }: PieceDimension,
  runs = new RunViews(),
): void {
  const views = runs.of(source, sourceByteOffset, runByteLength, count, sourceStep);
  for (let i = 0; i < count; i++) target.set(views[i]!, targetByteOffset + i * recordStep);
}

/** More views than this are not kept: some megabytes. */
const MAX_KEPT_VIEWS = 1 << 14;

/**
 * Views of runs of a buffer, kept as they were needed last. Tile after tile is read into one buffer and cut in one way,
 * and making a view takes as long as copying a run of 1 KiB.
 */
export class RunViews {
  private last:
    | { buffer: ArrayBufferLike; start: number; runByteLength: number; step: number; views: Uint8Array[] }
    | undefined;

  /** At least the first `count` runs. */
  of(
    source: Uint8Array,
    byteOffset: number,
    runByteLength: number,
    count: number,
    step: number,
  ): readonly Uint8Array[] {
    const { buffer } = source;
    const start = source.byteOffset + byteOffset;
    const { last } = this;
    const isKnown =
      last !== undefined &&
      last.buffer === buffer &&
      last.start === start &&
      last.runByteLength === runByteLength &&
      last.step === step;
    const views = isKnown ? last.views : [];
    this.last = count > MAX_KEPT_VIEWS ? undefined : { buffer, start, runByteLength, step, views };
    for (let i = views.length; i < count; i++)
      views.push(new Uint8Array(buffer, start + i * step, runByteLength));
    return views;
  }
}

/** Copies the runs of one dimension by the largest words that lengths and places allow. */
export function copyRunsByWord(
  source: Uint8Array,
  sourceByteOffset: number,
  target: Uint8Array,
  targetByteOffset: number,
  runByteLength: number,
  dimension: PieceDimension,
): void {
  const { count, sourceStep, recordStep } = dimension;
  const word = wordSize(source, sourceByteOffset, target, targetByteOffset, runByteLength, dimension);
  const steps = [count, runByteLength / word, sourceStep / word, recordStep / word] as const;
  const from = source.byteOffset + sourceByteOffset;
  const to = target.byteOffset + targetByteOffset;
  if (word === 8) copyLongWords(longWordsOf(source, from), longWordsOf(target, to), ...steps);
  else copyWords(wordsOf(source, from, word), wordsOf(target, to, word), ...steps);
}

type WordSize = 1 | 2 | 4 | 8;

/** The largest word that divides all lengths and alignments. */
function wordSize(
  source: Uint8Array,
  sourceByteOffset: number,
  target: Uint8Array,
  targetByteOffset: number,
  runByteLength: number,
  { sourceStep, recordStep }: PieceDimension,
): WordSize {
  const bits =
    runByteLength |
    sourceStep |
    recordStep |
    (source.byteOffset + sourceByteOffset) |
    (target.byteOffset + targetByteOffset);
  if ((bits & 7) === 0) return 8;
  if ((bits & 3) === 0) return 4;
  return (bits & 1) === 0 ? 2 : 1;
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** From a byte of the buffer to its last whole word. */
function wordsOf({ buffer, byteOffset, length }: Uint8Array, start: number, word: 1 | 2 | 4): Words {
  const count = Math.floor((byteOffset + length - start) / word);
  if (word === 4) return new Uint32Array(buffer, start, count);
  if (word === 2) return new Uint16Array(buffer, start, count);
  return new Uint8Array(buffer, start, count);
}

function longWordsOf({ buffer, byteOffset, length }: Uint8Array, start: number): BigUint64Array {
  return new BigUint64Array(buffer, start, Math.floor((byteOffset + length - start) / 8));
}

function copyWords(
  source: Words,
  target: Words,
  runCount: number,
  runWords: number,
  sourceStep: number,
  targetStep: number,
): void {
  let from = 0;
  let to = 0;
  if (runWords === 1) {
    for (let i = 0; i < runCount; i++, from += sourceStep, to += targetStep) target[to] = source[from]!;
    return;
  }
  for (let i = 0; i < runCount; i++, from += sourceStep, to += targetStep) {
    for (let k = 0; k < runWords; k++) target[to + k] = source[from + k]!;
  }
}

/** The same as {@link copyWords}. A function of its own: the compiler makes fast code of it only if it never sees others. */
function copyLongWords(
  source: BigUint64Array,
  target: BigUint64Array,
  runCount: number,
  runWords: number,
  sourceStep: number,
  targetStep: number,
): void {
  let from = 0;
  let to = 0;
  for (let i = 0; i < runCount; i++, from += sourceStep, to += targetStep) {
    for (let k = 0; k < runWords; k++) target[to + k] = source[from + k]!;
  }
}
