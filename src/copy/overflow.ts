import type { Cast } from './cast.js';

/** How many finite elements of `source` became infinite in `target`, given both sides of a cast. Neither need be aligned. */
export type CountOverflows = (source: Uint8Array, target: Uint8Array) => number;

/** Floating types with infinities, from the widest range to the narrowest. */
const RANGES = ['float64', 'float32', 'bfloat16', 'float16'];

/** Bytes of an element, and the bits of its last word (32 bits or all) that are set in infinities and NaN only. */
const FORMATS: Readonly<Record<string, { itemSize: number; exponent: number }>> = {
  float64: { itemSize: 8, exponent: 0x7ff00000 },
  float32: { itemSize: 4, exponent: 0x7f800000 },
  bfloat16: { itemSize: 2, exponent: 0x7f80 },
  float16: { itemSize: 2, exponent: 0x7c00 },
};

/**
 * A counter for a cast to a floating type of narrower range, rounding included; undefined for every other cast. Costs
 * one look at the results as long as none of them is infinite.
 */
export function overflowsOf({ from, to }: Cast): CountOverflows | undefined {
  const [wide, narrow] = [RANGES.indexOf(from), RANGES.indexOf(to)];
  if (wide < 0 || narrow <= wide) return undefined;
  const source = FORMATS[from]!;
  const target = FORMATS[to]!;
  const eachInfinite = target.itemSize === 4 ? eachInfiniteFloat32 : eachInfinite16(target.exponent);
  return (sourceBytes, targetBytes) => {
    const view = new DataView(sourceBytes.buffer, sourceBytes.byteOffset, sourceBytes.byteLength);
    let count = 0;
    eachInfinite(aligned(targetBytes), i => {
      const bits =
        source.itemSize === 2
          ? view.getUint16(i * 2, true)
          : view.getUint32((i + 1) * source.itemSize - 4, true);
      if ((bits & source.exponent) !== source.exponent) count++;
    });
    return count;
  };
}

/** Hands on the position of each infinite element. */
type EachInfinite = (bytes: Uint8Array, visit: (index: number) => void) => void;

const eachInfiniteFloat32: EachInfinite = (bytes, visit) => {
  const patterns = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  for (let i = 0; i < patterns.length; i++) if ((patterns[i]! & 0x7fffffff) === 0x7f800000) visit(i);
};

/** The same for types of 16 bits. Two are looked at together. */
function eachInfinite16(infinity: number): EachInfinite {
  // Added to an infinity or a NaN, this carries into the sign bit of its half.
  const missing = 0x8000 - infinity;
  const addend = missing | (missing << 16);
  return (bytes, visit) => {
    const patterns = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    const pairs = new Uint32Array(bytes.buffer, bytes.byteOffset, patterns.length >> 1);
    const look = (i: number): void => {
      if ((patterns[i]! & 0x7fff) === infinity) visit(i);
    };
    for (let pair = 0; pair < pairs.length; pair++) {
      if ((((pairs[pair]! & 0x7fff7fff) + addend) & 0x80008000) === 0) continue;
      look(2 * pair);
      look(2 * pair + 1);
    }
    if (patterns.length % 2 === 1) look(patterns.length - 1);
  };
}

function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
}
