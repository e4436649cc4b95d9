/**
 * CRC-32 as zip, gzip and PNG use it (reflected polynomial 0xEDB88320, register preset and result inverted),
 * and the CRC of a concatenation from the CRCs of its parts, without a second pass over the bytes.
 *
 * A CRC register is a vector of 32 bits over GF(2), and feeding it one zero byte is a linear map of that
 * vector. Feeding 2^k zero bytes is that map squared k times, so feeding any number of them is one map for
 * each bit set in the number.
 */
import { createRequire } from 'node:module';
import { crc32 as zlibCrc32 } from 'node:zlib';

type Crc32 = (bytes: Uint8Array, seed?: number) => number;

let implementation: Crc32 = (bytes, seed) => zlibCrc32(bytes, seed);

/** The CRC-32 of `bytes`; or, with the CRC of what came before as `seed`, of both together. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  return implementation(bytes, seed);
}

/**
 * Makes this thread compute by {@link loadFastCrc32} where that is there. Threads that copy do it: loading takes some
 * milliseconds.
 */
export function preferFastCrc32(): void {
  implementation = loadFastCrc32() ?? implementation;
}

/**
 * `@node-rs/crc32`, an optional dependency: four times as fast as zlib (docs/measurements.md). Undefined where it is
 * not installed, or has no binary for this machine.
 */
export function loadFastCrc32(): Crc32 | undefined {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32: Crc32 }).crc32;
  } catch {
    return undefined;
  }
}

/**
 * The CRC-32 of A followed by B, from the CRC of each and the byte length of B (up to 2^53 − 1).
 * `combineCrc32(0, crc, byteLength)` is `crc`: the CRC of nothing is 0.
 */
export function combineCrc32(crcA: number, crcB: number, byteLengthB: number): number {
  return (afterZeros(crcA, byteLengthB) ^ crcB) >>> 0;
}

const POLYNOMIAL = 0xedb88320;

/** Bits in a byte length: JavaScript counts exactly up to 2^53. */
const POWER_COUNT = 53;

/** Columns of 53 matrices of 32 × 32 bits: number k is the map of feeding 2^k zero bytes. Made when first needed. */
let powers: Uint32Array | undefined;

/** The register `register` after `byteLength` zero bytes. */
function afterZeros(register: number, byteLength: number): number {
  let result = register;
  let power = 0;
  // Halves of 32 bits, because bit operators see no more.
  for (let bits = byteLength >>> 0; bits !== 0 && result !== 0; bits >>>= 1, power++) {
    if (bits & 1) result = apply(power * 32, result);
  }
  power = 32;
  for (let bits = Math.floor(byteLength / 2 ** 32); bits !== 0 && result !== 0; bits >>>= 1, power++) {
    if (bits & 1) result = apply(power * 32, result);
  }
  return result;
}

/** The matrix whose columns start at `column`, times `vector`. */
function apply(column: number, vector: number): number {
  powers ??= matrixPowers();
  let sum = 0;
  for (let rest = vector; rest !== 0; rest &= rest - 1) {
    sum ^= powers[column + 31 - Math.clz32(rest & -rest)]!;
  }
  return sum;
}

function matrixPowers(): Uint32Array {
  const columns = new Uint32Array(POWER_COUNT * 32);
  for (let bit = 0; bit < 32; bit++) {
    let register = (1 << bit) >>> 0;
    for (let step = 0; step < 8; step++) register = (register >>> 1) ^ (register & 1 ? POLYNOMIAL : 0);
    columns[bit] = register;
  }
  for (let power = 1; power < POWER_COUNT; power++) {
    const previous = (power - 1) * 32;
    for (let bit = 0; bit < 32; bit++) {
      let square = 0;
      for (let rest = columns[previous + bit]!; rest !== 0; rest &= rest - 1) {
        square ^= columns[previous + 31 - Math.clz32(rest & -rest)]!;
      }
      columns[power * 32 + bit] = square;
    }
  }
  return columns;
}
