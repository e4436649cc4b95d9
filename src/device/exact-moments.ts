import { type Moments, SCALE_STEP } from './moments.js';

/** Beyond these powers of two the sum of squares is kept scaled, as float64 ends at 2^1024 and 2^-1074. */
const LARGE_SQUARES = 960;
const SMALL_SQUARES = -800;

/**
 * Moments of `count` numbers from their exact sum, in units of 2^exponent, and that of their squares, in units of its
 * square: only the last step rounds, so that nothing cancels.
 */
export function exactMoments(count: number, sum: bigint, squares: bigint, exponent: number): Moments {
  const n = BigInt(count);
  const power = bitLength(squares) + 2 * exponent;
  const scale =
    squares === 0n ? 0 : power > LARGE_SQUARES ? SCALE_STEP : power < SMALL_SQUARES ? -SCALE_STEP : 0;
  return {
    count,
    mean: quotient(sum, n, exponent - scale),
    squares: quotient(n * squares - sum * sum, n, 2 * (exponent - scale)),
    scale,
  };
}

/** dividend / divisor · 2^power, to the last bit or next to it. */
function quotient(dividend: bigint, divisor: bigint, power: number): number {
  // 80 bits of a quotient are more than a float64 holds.
  const shift = 80 - bitLength(dividend) + bitLength(divisor);
  const shifted = shift >= 0 ? dividend << BigInt(shift) : dividend >> BigInt(-shift);
  return timesPowerOfTwo(Number(shifted / divisor), power - shift);
}

function bitLength(value: bigint): number {
  return (value < 0n ? -value : value).toString(2).length;
}

/** In two steps, because 2^power itself may be no float64. */
function timesPowerOfTwo(x: number, power: number): number {
  const half = Math.trunc(power / 2);
  return x * 2 ** half * 2 ** (power - half);
}
