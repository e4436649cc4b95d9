import type { NumberFormat } from '../../../numbers.js';

/**
 * Sums of 32- and 64-bit numbers, exact: no float is ever added.
 *
 * A finite number is sign · significand · 2^exponent. Eight neighbouring exponents share a bin; the significand,
 * shifted within the bin, is cut into limbs of 16 bits, and so is its square. A workgroup adds limbs of at most
 * {@link NUMBERS_PER_JOB} numbers, which fit 32 bits, then adds its sums to 64-bit ones in the result.
 * Integers have one bin.
 */
export interface SumsLayout {
  kind: 'float' | 'signed' | 'unsigned';
  /** 32-bit words of a number. */
  words: 1 | 2;
  bins: number;
  /** Limbs of a significand; a square has twice as many. */
  limbs: number;
  /** Power of two of the lowest limb of bin 0. */
  exponent: number;
  /** Words of the result before the minima and maxima: counts, then 64 bits a limb. */
  headWords: number;
}

/** Counts at the head of a result, a word each: NaN, Inf, −Inf, zero, subnormal. */
export const COUNT_WORDS = 8;
/** Words a job adds to the result: keys of minimum and maximum, high word first. */
export const EXTREME_WORDS = 4;
/** Exponents that share a bin. */
export const BIN_EXPONENTS = 8;
export const NUMBERS_PER_JOB = 1 << 15;
/** Words of a job. */
export const JOB_WORDS = 8;

export function sumsLayoutOf(format: NumberFormat): SumsLayout {
  const kind = format.kind as SumsLayout['kind'];
  const words = format.bitWidth === 64 ? 2 : 1;
  const limbs = 2 * words;
  const { layout } = format;
  const bins = layout === undefined ? 1 : 2 ** layout.exponentBits / BIN_EXPONENTS;
  const exponent = layout === undefined ? 0 : 1 - layout.bias - layout.mantissaBits;
  return { kind, words, bins, limbs, exponent, headWords: COUNT_WORDS + 2 * bins * 3 * limbs };
}

const FLOAT_32 = /* wgsl */ `
  let bits = tile[at];
  let magnitude = bits & 0x7fffffffu;
  let negative = bits >> 31u != 0u;
  if (magnitude >= 0x7f800000u) {
    if (magnitude > 0x7f800000u) { nans++; } else if (negative) { minusInfs++; } else { plusInfs++; }
    continue;
  }
  let key = vec2u(0u, select(bits | 0x80000000u, ~bits, negative));
  let field = magnitude >> 23u;
  var low = magnitude & 0x7fffffu;
  if (field != 0u) { low |= 0x800000u; } else if (magnitude != 0u) { subnormals++; }
  let exponent = max(field, 1u) - 1u;
  let limbs = array<u32, 2>((low << (exponent & 7u)) & 0xffffu, (low << (exponent & 7u)) >> 16u);
  let isZero = magnitude == 0u;
  let bin = exponent >> 3u;`;

const FLOAT_64 = /* wgsl */ `
  let lowBits = tile[at];
  let highBits = tile[at + 1u];
  let magnitude = highBits & 0x7fffffffu;
  let negative = highBits >> 31u != 0u;
  if (magnitude >= 0x7ff00000u) {
    if (magnitude > 0x7ff00000u || lowBits != 0u) { nans++; }
    else if (negative) { minusInfs++; } else { plusInfs++; }
    continue;
  }
  let key = select(vec2u(highBits | 0x80000000u, lowBits), vec2u(~highBits, ~lowBits), negative);
  let isZero = magnitude == 0u && lowBits == 0u;
  let field = magnitude >> 20u;
  var high = magnitude & 0xfffffu;
  if (field != 0u) { high |= 0x100000u; } else if (!isZero) { subnormals++; }
  let exponent = max(field, 1u) - 1u;
  let shift = exponent & 7u;
  high = (high << shift) | select(lowBits >> (32u - max(shift, 1u)), 0u, shift == 0u);
  let low = lowBits << shift;
  let limbs = array<u32, 4>(low & 0xffffu, low >> 16u, high & 0xffffu, high >> 16u);
  let bin = exponent >> 3u;`;

const integer32 = (isSigned: boolean): string => /* wgsl */ `
  let bits = tile[at];
  let negative = ${isSigned} && bits >> 31u != 0u;
  let key = vec2u(0u, ${isSigned ? 'bits ^ 0x80000000u' : 'bits'});
  let low = select(bits, ~bits + 1u, negative);
  let isZero = bits == 0u;
  let limbs = array<u32, 2>(low & 0xffffu, low >> 16u);
  let bin = 0u;`;

const integer64 = (isSigned: boolean): string => /* wgsl */ `
  let lowBits = tile[at];
  let highBits = tile[at + 1u];
  let negative = ${isSigned} && highBits >> 31u != 0u;
  let key = vec2u(${isSigned ? 'highBits ^ 0x80000000u' : 'highBits'}, lowBits);
  let low = select(lowBits, ~lowBits + 1u, negative);
  let high = select(highBits, ~highBits + select(0u, 1u, lowBits == 0u), negative);
  let isZero = lowBits == 0u && highBits == 0u;
  let limbs = array<u32, 4>(low & 0xffffu, low >> 16u, high & 0xffffu, high >> 16u);
  let bin = 0u;`;

function decodeOf({ kind, words }: SumsLayout): string {
  if (kind === 'float') return words === 1 ? FLOAT_32 : FLOAT_64;
  return words === 1 ? integer32(kind === 'signed') : integer64(kind === 'signed');
}

/** The limbs of a square from those of a number: products cut in halves, then carried. */
function squareOf(limbs: number): string {
  const lines = [`var square = array<u32, ${2 * limbs}>();`, 'var product = 0u;'];
  for (let i = 0; i < limbs; i++) {
    for (let j = i; j < limbs; j++) {
      const factor = i === j ? '' : '2u * ';
      lines.push(`product = limbs[${i}] * limbs[${j}];`);
      lines.push(`square[${i + j}] += ${factor}(product & 0xffffu);`);
      lines.push(`square[${i + j + 1}] += ${factor}(product >> 16u);`);
    }
  }
  for (let k = 0; k + 1 < 2 * limbs; k++) {
    lines.push(`square[${k + 1}] += square[${k}] >> 16u;`, `square[${k}] &= 0xffffu;`);
  }
  return lines.join('\n  ');
}

/** The kernel for one layout. Its minima and maxima are keys: integers in the order of the numbers. */
export function sumsWgsl(layout: SumsLayout): string {
  const { words, bins, limbs } = layout;
  const columns = 3 * limbs;
  const threads = words === 1 ? 256 : 128;
  // Sets of sums, so that equal numbers wait less for one another: as many as the workgroup's memory has room for.
  const copies = Math.max(1, Math.min(8, Math.floor(2048 / (bins * columns))));
  return /* wgsl */ `
@group(0) @binding(0) var<storage, read> tile: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<atomic<u32>>;
// A job, of ${JOB_WORDS} words: first word of the tile, numbers, words from one to the next, first word of the
// result, word of the result for minimum and maximum.
@group(0) @binding(2) var<storage, read> jobs: array<u32>;

var<workgroup> sums: array<atomic<u32>, ${bins * columns * copies}>;
var<workgroup> counts: array<atomic<u32>, 5>;
var<workgroup> extremes: array<vec4u, ${threads}>;

fn less(a: vec2u, b: vec2u) -> bool {
  return a.x < b.x || (a.x == b.x && a.y < b.y);
}

@compute @workgroup_size(${threads})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = (group.x + group.y * groups.x) * ${JOB_WORDS}u;
  let isJob = row < arrayLength(&jobs);
  var numberCount = 0u;
  if (isJob) { numberCount = jobs[row + 1u]; }
  let first = jobs[row];
  let step = jobs[row + 2u];
  let into = jobs[row + 3u];
  let mine = (thread % ${copies}u) * ${bins * columns}u;
  var nans = 0u;
  var plusInfs = 0u;
  var minusInfs = 0u;
  var zeros = 0u;
  var subnormals = 0u;
  var least = vec2u(0xffffffffu);
  var most = vec2u(0u);
  for (var i = thread; i < numberCount; i += ${threads}u) {
  let at = first + i * step;
  ${decodeOf(layout)}
  if (less(key, least)) { least = key; }
  if (less(most, key)) { most = key; }
  if (isZero) {
    zeros++;
    continue;
  }
  ${squareOf(limbs)}
  let sum = mine + bin * ${columns}u;
  for (var k = 0u; k < ${limbs}u; k++) {
    let limb = limbs[k];
    if (limb != 0u) { atomicAdd(&sums[sum + k], select(limb, ~limb + 1u, negative)); }
  }
  for (var k = 0u; k < ${2 * limbs}u; k++) {
    let limb = square[k];
    if (limb != 0u) { atomicAdd(&sums[sum + ${limbs}u + k], limb); }
  }
  }
  extremes[thread] = vec4u(least, most);
  if (nans != 0u) { atomicAdd(&counts[0], nans); }
  if (plusInfs != 0u) { atomicAdd(&counts[1], plusInfs); }
  if (minusInfs != 0u) { atomicAdd(&counts[2], minusInfs); }
  if (zeros != 0u) { atomicAdd(&counts[3], zeros); }
  if (subnormals != 0u) { atomicAdd(&counts[4], subnormals); }
  workgroupBarrier();
  for (var width = ${threads / 2}u; width > 0u; width >>= 1u) {
    if (thread < width) {
      let a = extremes[thread];
      let b = extremes[thread + width];
      extremes[thread] = vec4u(select(a.xy, b.xy, less(b.xy, a.xy)), select(a.zw, b.zw, less(a.zw, b.zw)));
    }
    workgroupBarrier();
  }
  if (!isJob) { return; }
  if (thread < 5u) {
    let count = atomicLoad(&counts[thread]);
    if (count != 0u) { atomicAdd(&result[into + thread], count); }
  }
  if (thread < 4u) { atomicStore(&result[jobs[row + 4u] + thread], extremes[0][thread]); }
  for (var column = thread; column < ${bins * columns}u; column += ${threads}u) {
    var total = 0u;
    for (var copy = 0u; copy < ${copies}u; copy++) {
      total += atomicLoad(&sums[copy * ${bins * columns}u + column]);
    }
    if (total == 0u) { continue; }
    let isNegative = column % ${columns}u < ${limbs}u && total >> 31u != 0u;
    let low = into + ${COUNT_WORDS}u + 2u * column;
    let before = atomicAdd(&result[low], total);
    let carry = select(0u, 1u, before > 0xffffffffu - total);
    let high = select(0u, 0xffffffffu, isNegative) + carry;
    if (high != 0u) { atomicAdd(&result[low + 1u], high); }
  }
}
`;
}

/**
 * Appends the jobs for `numberCount` numbers, every `step`-th word from `tileWord`. The result begins at
 * `resultWord`: the head, then minima and maxima of the jobs.
 */
export function addSumsJobs(
  jobs: number[],
  layout: SumsLayout,
  tileWord: number,
  numberCount: number,
  step: number,
  resultWord: number,
): void {
  let extremesWord = resultWord + layout.headWords;
  for (let at = 0; at < numberCount; at += NUMBERS_PER_JOB) {
    const count = Math.min(NUMBERS_PER_JOB, numberCount - at);
    jobs.push(tileWord + at * step, count, step, resultWord, extremesWord, 0, 0, 0);
    extremesWord += EXTREME_WORDS;
  }
}
