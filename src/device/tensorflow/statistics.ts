import type { DTypeInfo } from '../../dtype.js';
import { type NumberFormat, numberFormatOf } from '../../numbers.js';
import { exactMoments } from '../exact-moments.js';
import { type Moments, NO_MOMENTS } from '../moments.js';
import { counterFor } from '../number-counter.js';
import { statsOfCounts } from '../pattern-stats.js';
import type { PartialNumbers } from '../tensor-stats.js';
import { bytesOfLanes, type LaneFormat } from './lanes.js';
import { limbSums } from './limb-sums.js';
import { readAll, type Tensor, type Tf } from './load.js';

const INT_MIN = -(2 ** 31);
const INT_MAX = 2 ** 31 - 1;

/**
 * Statistics of elements in lanes, one a component. Numbers of up to 16 bits are counted by pattern. Larger ones are
 * looked at as words, because floats of TensorFlow take subnormal numbers for zero, and −0 for 0.
 */
export async function statsOfLanes(
  tf: Tf,
  dtype: DTypeInfo,
  lanes: Tensor,
  lane: LaneFormat,
  histogram: boolean,
): Promise<PartialNumbers[]> {
  const format = numberFormatOf(dtype);
  const { bitWidth, componentCount } = format;
  if (bitWidth <= 16) {
    const counts = tf.tidy(() => {
      const size = bitWidth === 16 ? 1 << 16 : 1 << 8;
      const none = tf.tensor1d([], 'int32');
      return componentsOf(tf, lanes, componentCount).map(words =>
        tf.bincount(tf.reshape(words, [-1]) as import('@tensorflow/tfjs-core').Tensor1D, none, size),
      );
    });
    const dense = (await readAll(counts)).map(values => Uint32Array.from(values));
    return statsOfCounts(dtype, dense, histogram);
  }
  const numbers = await Promise.all(
    tf
      .tidy(() => componentsOf(tf, lanes, componentCount))
      .map(async words => {
        try {
          return await (bitWidth === 32 ? statsOf32(tf, format, words) : statsOf64(tf, format, words));
        } finally {
          words.dispose();
        }
      }),
  );
  if (bitWidth === 32) return numbers;
  // TensorFlow has no 64-bit numbers here: their moments are computed on the CPU.
  const bytes = bytesOfLanes(lane, (await lanes.data()) as Int32Array);
  const counter = counterFor(dtype, false);
  counter.begin(bytes.length);
  counter.add(bytes);
  return counter.finish().map(({ moments }, component) => ({ ...numbers[component]!, moments }));
}

/** The lanes of each component: shape [elements, words of a number]. */
function componentsOf(tf: Tf, lanes: Tensor, componentCount: number): Tensor[] {
  if (componentCount === 1) return [tf.clone(lanes)];
  const [elementCount, laneCount] = lanes.shape as [number, number];
  const words = laneCount / componentCount;
  return Array.from({ length: componentCount }, (_, component) =>
    tf.slice(lanes, [0, component * words], [elementCount, words]),
  );
}

interface Masks {
  nan: Tensor;
  positiveInf: Tensor;
  negativeInf: Tensor;
  zero: Tensor;
  subnormal: Tensor;
  finite: Tensor;
}

async function statsOf32(tf: Tf, format: NumberFormat, lanes: Tensor): Promise<PartialNumbers> {
  const outputs = tf.tidy(() => {
    const word = tf.reshape(lanes, [-1]);
    const { key, masks } = format.kind === 'float' ? readFloats(tf, word) : readIntegers(tf, format, word);
    return [...countsOf(tf, masks), ...extremesOf(tf, key, masks.finite)];
  });
  const [nan, positiveInf, negativeInf, zero, subnormal, finite, least, most] = (await readAll(outputs)).map(
    ([value]) => value!,
  );
  const counted = {
    count: lanes.shape[0]!,
    nanCount: nan!,
    positiveInfCount: positiveInf!,
    negativeInfCount: negativeInf!,
    zeroCount: zero!,
    subnormalCount: subnormal!,
  };
  if (finite === 0) return { ...counted, min: null, max: null, moments: NO_MOMENTS };
  const { sum, squares, exponent } = await limbSums(tf, format, lanes);
  return {
    ...counted,
    min: valueOfKey32(format, least!),
    max: valueOfKey32(format, most!),
    moments: exactMoments(finite!, sum, squares, exponent),
  };
}

/** Of 64-bit numbers all but the moments. */
async function statsOf64(tf: Tf, format: NumberFormat, lanes: Tensor): Promise<PartialNumbers> {
  const elementCount = lanes.shape[0]!;
  const outputs = tf.tidy(() => {
    const word = (index: number): Tensor => tf.reshape(tf.slice(lanes, [0, index], [elementCount, 1]), [-1]);
    const [low, high] = [word(0), word(1)];
    const { key, masks } =
      format.kind === 'float' ? readFloats(tf, high, low) : readIntegers(tf, format, high, low);
    // Of numbers with one high word the low words decide: in their order as unsigned ones, turned round where the
    // float is negative.
    const unsigned = flipTop(tf, low);
    const isTurned = format.kind === 'float' ? tf.less(key, int(tf, 0)) : tf.notEqual(key, key);
    const lowKey = tf.where(isTurned, tf.sub(int(tf, -1), unsigned), unsigned);
    const [leastHigh, mostHigh] = extremesOf(tf, key, masks.finite) as [Tensor, Tensor];
    const among = (extreme: Tensor): Tensor => tf.logicalAnd(masks.finite, tf.equal(key, extreme));
    const leastLow = tf.min(tf.where(among(leastHigh), lowKey, int(tf, INT_MAX)));
    const mostLow = tf.max(tf.where(among(mostHigh), lowKey, int(tf, INT_MIN)));
    return [...countsOf(tf, masks), leastHigh, leastLow, mostHigh, mostLow];
  });
  const [nan, positiveInf, negativeInf, zero, subnormal, finite, ...keys] = (await readAll(outputs)).map(
    ([value]) => value!,
  );
  const counted = {
    count: elementCount,
    nanCount: nan!,
    positiveInfCount: positiveInf!,
    negativeInfCount: negativeInf!,
    zeroCount: zero!,
    subnormalCount: subnormal!,
    moments: NO_MOMENTS as Moments,
  };
  if (finite === 0) return { ...counted, min: null, max: null };
  const [leastHigh, leastLow, mostHigh, mostLow] = keys as [number, number, number, number];
  return {
    ...counted,
    min: valueOfKey64(format, leastHigh, leastLow),
    max: valueOfKey64(format, mostHigh, mostLow),
  };
}

/**
 * What the words of floats say: `top` holds sign and exponent, `low` the rest of 64-bit ones. The key is an integer
 * in the order of the numbers: −1 − magnitude of negative ones.
 */
function readFloats(tf: Tf, top: Tensor, low?: Tensor): { key: Tensor; masks: Masks } {
  const infinity = low === undefined ? 0x7f800000 : 0x7ff00000;
  const smallest = low === undefined ? 0x00800000 : 0x00100000;
  const negative = tf.less(top, int(tf, 0));
  const magnitude = tf.where(negative, tf.sub(top, int(tf, INT_MIN)), top);
  const restIsZero = low === undefined ? tf.equal(top, top) : tf.equal(low, int(tf, 0));
  const isAllOnes = tf.equal(magnitude, int(tf, infinity));
  const infinite = tf.logicalAnd(isAllOnes, restIsZero);
  const nan = tf.logicalOr(
    tf.greater(magnitude, int(tf, infinity)),
    tf.logicalAnd(isAllOnes, tf.logicalNot(restIsZero)),
  );
  const zero = tf.logicalAnd(tf.equal(magnitude, int(tf, 0)), restIsZero);
  const small = tf.less(magnitude, int(tf, smallest));
  return {
    key: tf.where(negative, tf.sub(int(tf, -1), magnitude), magnitude),
    masks: {
      nan,
      positiveInf: tf.logicalAnd(infinite, tf.logicalNot(negative)),
      negativeInf: tf.logicalAnd(infinite, negative),
      zero,
      subnormal: tf.logicalAnd(small, tf.logicalNot(zero)),
      finite: tf.less(magnitude, int(tf, infinity)),
    },
  };
}

function readIntegers(
  tf: Tf,
  { kind }: NumberFormat,
  top: Tensor,
  low?: Tensor,
): { key: Tensor; masks: Masks } {
  const all = tf.equal(top, top);
  const none = tf.logicalNot(all);
  const isZero = tf.equal(top, int(tf, 0));
  const zero = low === undefined ? isZero : tf.logicalAnd(isZero, tf.equal(low, int(tf, 0)));
  const key = kind === 'signed' ? top : flipTop(tf, top);
  return {
    key,
    masks: { nan: none, positiveInf: none, negativeInf: none, zero, subnormal: none, finite: all },
  };
}

/** An unsigned word as the signed one of the same rank: its top bit turned over. What overflows is not taken. */
function flipTop(tf: Tf, word: Tensor): Tensor {
  return tf.where(tf.less(word, int(tf, 0)), tf.sub(word, int(tf, INT_MIN)), tf.add(word, int(tf, INT_MIN)));
}

function countsOf(tf: Tf, masks: Masks): Tensor[] {
  const { nan, positiveInf, negativeInf, zero, subnormal, finite } = masks;
  return [nan, positiveInf, negativeInf, zero, subnormal, finite].map(mask => tf.sum(tf.cast(mask, 'int32')));
}

function extremesOf(tf: Tf, key: Tensor, finite: Tensor): Tensor[] {
  return [tf.min(tf.where(finite, key, int(tf, INT_MAX))), tf.max(tf.where(finite, key, int(tf, INT_MIN)))];
}

const int = (tf: Tf, value: number): Tensor => tf.scalar(value, 'int32');

const view = new DataView(new ArrayBuffer(8));

function valueOfKey32({ kind }: NumberFormat, key: number): number {
  if (kind === 'signed') return key;
  if (kind !== 'float') return key - INT_MIN;
  view.setInt32(0, floatWord(key));
  return view.getFloat32(0);
}

function valueOfKey64({ kind }: NumberFormat, high: number, low: number): number | bigint {
  if (kind === 'float') {
    view.setInt32(0, floatWord(high));
    const unsigned = high < 0 ? -1 - low : low;
    view.setUint32(4, unsigned - INT_MIN);
    return view.getFloat64(0);
  }
  const top = kind === 'signed' ? high : high - INT_MIN;
  return (BigInt(top) << 32n) | BigInt(low - INT_MIN);
}

/** The word whose key it is. */
const floatWord = (key: number): number => (key < 0 ? (-1 - key) | INT_MIN : key);
