import type { NumberFormat } from '../../numbers.js';
import { exactMoments } from '../exact-moments.js';
import { NO_MOMENTS } from '../moments.js';
import type { PartialNumbers } from '../tensor-stats.js';
import { BIN_EXPONENTS, COUNT_WORDS, EXTREME_WORDS, type SumsLayout } from './kernels/sums.js';

/** The statistics in a result of the kernel for sums (see kernels/sums.ts), of `numberCount` numbers. */
export function decodeSums(
  format: NumberFormat,
  layout: SumsLayout,
  result: Uint32Array,
  numberCount: number,
): PartialNumbers {
  const [nanCount, positiveInfCount, negativeInfCount, zeroCount, subnormalCount] = result;
  const counts = {
    count: numberCount,
    nanCount: nanCount!,
    positiveInfCount: positiveInfCount!,
    negativeInfCount: negativeInfCount!,
    zeroCount: zeroCount!,
    subnormalCount: subnormalCount!,
  };
  const finiteCount = numberCount - nanCount! - positiveInfCount! - negativeInfCount!;
  if (finiteCount === 0) return { ...counts, min: null, max: null, moments: NO_MOMENTS };
  const { least, most } = extremesIn(result.subarray(layout.headWords));
  const { sum, squares } = sumsIn(layout, result);
  return {
    ...counts,
    min: valueOfKey(format, least),
    max: valueOfKey(format, most),
    moments: exactMoments(finiteCount, sum, squares, layout.exponent),
  };
}

/** Sum of the numbers and of their squares, in units of 2^exponent and its square. */
function sumsIn({ bins, limbs }: SumsLayout, result: Uint32Array): { sum: bigint; squares: bigint } {
  let sum = 0n;
  let squares = 0n;
  for (let bin = 0; bin < bins; bin++) {
    for (let column = 0; column < 3 * limbs; column++) {
      const at = COUNT_WORDS + 2 * (bin * 3 * limbs + column);
      const [low, high] = [result[at]!, result[at + 1]!];
      if (low === 0 && high === 0) continue;
      const value = (BigInt(high | 0) << 32n) | BigInt(low);
      if (column < limbs) sum += value << BigInt(16 * column + BIN_EXPONENTS * bin);
      else squares += value << BigInt(16 * (column - limbs) + 2 * BIN_EXPONENTS * bin);
    }
  }
  return { sum, squares };
}

type Key = readonly [high: number, low: number];

function extremesIn(words: Uint32Array): { least: Key; most: Key } {
  let least: Key = [0xffffffff, 0xffffffff];
  let most: Key = [0, 0];
  for (let at = 0; at < words.length; at += EXTREME_WORDS) {
    const low: Key = [words[at]!, words[at + 1]!];
    const high: Key = [words[at + 2]!, words[at + 3]!];
    if (isLess(low, least)) least = low;
    if (isLess(most, high)) most = high;
  }
  return { least, most };
}

const isLess = (a: Key, b: Key): boolean => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);

const view = new DataView(new ArrayBuffer(8));

/** The number that a key stands for: keys are integers in the order of the numbers. */
export function valueOfKey({ kind, bitWidth }: NumberFormat, [high, low]: Key): number | bigint {
  const top = bitWidth === 64 ? high : low;
  const isNegative = top >>> 31 === 0;
  if (kind === 'float') {
    const bits = isNegative ? ~top : top & 0x7fffffff;
    if (bitWidth === 32) {
      view.setUint32(0, bits);
      return view.getFloat32(0);
    }
    view.setUint32(0, bits);
    view.setUint32(4, isNegative ? ~low : low);
    return view.getFloat64(0);
  }
  const bits = kind === 'signed' ? top ^ 0x80000000 : top;
  if (bitWidth === 32) return kind === 'signed' ? bits | 0 : bits >>> 0;
  const value = (BigInt(bits >>> 0) << 32n) | BigInt(low);
  return kind === 'signed' ? BigInt.asIntN(64, value) : value;
}
