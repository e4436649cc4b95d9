import type { NumberFormat } from '../../numbers.js';
import { readAll, type Tensor, type Tf } from './load.js';

const INT_MIN = -(2 ** 31);
/** Numbers that can be summed at once: a limb has at most 12 bits, and sums are int32. */
export const MAX_SUMMED = 1 << 19;

/** Sum of numbers, in units of 2^exponent, and of their squares, in units of its square. Exact. */
export interface ExactSums {
  sum: bigint;
  squares: bigint;
  exponent: number;
}

/**
 * Sums of at most {@link MAX_SUMMED} finite 32-bit numbers (others count as 0). Numbers are cut into limbs, small
 * integers whose sums, and the sums of whose products' halves, fit int32. Floats are summed by sign and exponent.
 */
export async function limbSums(tf: Tf, format: NumberFormat, words: Tensor): Promise<ExactSums> {
  return format.kind === 'float' ? floatSums(tf, words) : integerSums(tf, format, words);
}

async function floatSums(tf: Tf, words: Tensor): Promise<ExactSums> {
  const bits = 12;
  const totals = await totalsOf(tf, bits, () => {
    const word = tf.reshape(words, [-1]);
    const negative = tf.less(word, int(tf, 0));
    const magnitude = tf.where(negative, tf.sub(word, int(tf, INT_MIN)), word);
    const field = tf.floorDiv(magnitude, int(tf, 1 << 23));
    const fraction = tf.sub(magnitude, tf.mul(field, int(tf, 1 << 23)));
    const normal = tf.logicalAnd(tf.greater(field, int(tf, 0)), tf.less(field, int(tf, 255)));
    const significand = tf.where(
      normal,
      tf.add(fraction, int(tf, 1 << 23)),
      tf.where(tf.equal(field, int(tf, 0)), fraction, tf.zerosLike(fraction)),
    );
    const bin = tf.add(tf.mul(field, int(tf, 2)), tf.cast(negative, 'int32'));
    const high = tf.floorDiv(significand, int(tf, 1 << bits));
    const low = tf.sub(significand, tf.mul(high, int(tf, 1 << bits)));
    const reduce = (values: Tensor): Tensor => tf.bincount(flat(tf, bin), flat(tf, values), 512);
    return { limbs: [low, high], reduce };
  });
  let sum = 0n;
  let squares = 0n;
  for (let bin = 0; bin < 512; bin++) {
    // Subnormal numbers have the exponent of the smallest normal ones.
    const shift = BigInt(Math.max(bin >> 1, 1) - 1);
    const part = totals.at(bin);
    sum += (bin % 2 === 0 ? part.sum : -part.sum) << shift;
    squares += part.squares << (2n * shift);
  }
  return { sum, squares, exponent: -149 };
}

async function integerSums(tf: Tf, { kind }: NumberFormat, words: Tensor): Promise<ExactSums> {
  const bits = 11;
  const totals = await totalsOf(tf, bits, () => {
    const word = tf.reshape(words, [-1]);
    const signed = tf.floorDiv(word, int(tf, 1 << (2 * bits)));
    const rest = tf.sub(word, tf.mul(signed, int(tf, 1 << (2 * bits))));
    const middle = tf.floorDiv(rest, int(tf, 1 << bits));
    const low = tf.sub(rest, tf.mul(middle, int(tf, 1 << bits)));
    // The top limb carries the sign; of unsigned words it is the rest of 2^32.
    const isBelow = tf.less(signed, int(tf, 0));
    const high = kind === 'signed' ? signed : tf.where(isBelow, tf.add(signed, int(tf, 1 << 10)), signed);
    return { limbs: [low, middle, high], reduce: values => tf.reshape(tf.sum(values), [1]) };
  });
  return { ...totals.at(0), exponent: 0 };
}

interface Limbs {
  /** Lowest first. */
  limbs: Tensor[];
  /** Sums values, to one number a bin. */
  reduce(values: Tensor): Tensor;
}

/** Sums of limbs and of their products, put together to sums of numbers and squares, by bin. */
async function totalsOf(
  tf: Tf,
  bits: number,
  prepare: () => Limbs,
): Promise<{ at(bin: number): { sum: bigint; squares: bigint } }> {
  const shifts: { shift: bigint; isSquare: boolean }[] = [];
  const tensors = tf.tidy(() => {
    const { limbs, reduce } = prepare();
    const sums: Tensor[] = [];
    const add = (values: Tensor, shift: number, isSquare: boolean): void => {
      sums.push(reduce(values));
      shifts.push({ shift: BigInt(shift), isSquare });
    };
    for (const [i, a] of limbs.entries()) {
      add(a, bits * i, false);
      for (const [j, b] of limbs.entries()) {
        if (j < i) continue;
        const product = tf.mul(a, b);
        const high = tf.floorDiv(product, int(tf, 1 << bits));
        const twice = i === j ? 0 : 1;
        add(tf.sub(product, tf.mul(high, int(tf, 1 << bits))), bits * (i + j) + twice, true);
        add(high, bits * (i + j + 1) + twice, true);
      }
    }
    return sums;
  });
  const values = await readAll(tensors);
  return {
    at: bin => {
      const total = { sum: 0n, squares: 0n };
      for (const [i, { shift, isSquare }] of shifts.entries()) {
        const value = BigInt(values[i]![bin]!) << shift;
        if (isSquare) total.squares += value;
        else total.sum += value;
      }
      return total;
    },
  };
}

const int = (tf: Tf, value: number): Tensor => tf.scalar(value, 'int32');

const flat = (tf: Tf, values: Tensor) => tf.reshape(values, [-1]) as import('@tensorflow/tfjs-core').Tensor1D;
