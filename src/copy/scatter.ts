import type { PieceDimension } from './plan.js';

/**
 * Copies runs between two buffers: `dimensions` are the loops, outermost first. Short runs, which
 * column shards of narrow tensors and transposed tensors consist of, go word by word. Words are integers: a
 * float would not carry the payload of a NaN.
 */
export function scatter(
  source: Uint8Array,
  sourceByteOffset: number,
  target: Uint8Array,
  targetByteOffset: number,
  runByteLength: number,
  dimensions: readonly PieceDimension[],
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
      );
    }
    return;
  }
  if (runByteLength > MAX_WORD_RUN_BYTE_LENGTH) {
    copyBlocks(source, sourceByteOffset, target, targetByteOffset, runByteLength, outer);
  } else {
    copyRunsByWord(source, sourceByteOffset, target, targetByteOffset, runByteLength, outer);
  }
}

/** Runs up to this long are copied faster word by word than as blocks (docs/measurements.md). */
const MAX_WORD_RUN_BYTE_LENGTH = 48;

/** Copies the runs of one dimension, each as a block. */
export function copyBlocks(
  source: Uint8Array,
  sourceByteOffset: number,
  target: Uint8Array,
  targetByteOffset: number,
  runByteLength: number,
  { count, sourceStep, recordStep }: PieceDimension,
): void {
  for (let i = 0; i < count; i++) {
    const from = sourceByteOffset + i * sourceStep;
    target.set(source.subarray(from, from + runByteLength), targetByteOffset + i * recordStep);
  }
}

/** Copies the runs of one dimension by the largest words that lengths and places allow. */
export function copyRunsByWord(
  source: Uint8Array,
  sourceByteOffset: number,
  target: Uint8Array,
  targetByteOffset: number,
  runByteLength: number,
  { count, sourceStep, recordStep }: PieceDimension,
): void {
  const word = wordSize(
    runByteLength | sourceStep | recordStep,
    (source.byteOffset + sourceByteOffset) | (target.byteOffset + targetByteOffset),
  );
  copyWords(
    wordsOf(source, sourceByteOffset, word),
    wordsOf(target, targetByteOffset, word),
    count,
    runByteLength / word,
    sourceStep / word,
    recordStep / word,
  );
}

/** The largest word, up to 4 bytes, that divides all lengths and alignments given. */
function wordSize(lengths: number, alignments: number): 1 | 2 | 4 {
  const bits = lengths | alignments;
  if ((bits & 3) === 0) return 4;
  return (bits & 1) === 0 ? 2 : 1;
}

type Words = Uint8Array | Uint16Array | Uint32Array;

function wordsOf(bytes: Uint8Array, byteOffset: number, word: 1 | 2 | 4): Words {
  const start = bytes.byteOffset + byteOffset;
  const count = Math.floor((bytes.length - byteOffset) / word);
  if (word === 4) return new Uint32Array(bytes.buffer, start, count);
  if (word === 2) return new Uint16Array(bytes.buffer, start, count);
  return new Uint8Array(bytes.buffer, start, count);
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
