import type { Gather } from '../../tile-layout.js';

/** Words of output that one workgroup makes. */
const WORDS_PER_JOB = 4096;
const WORDS_PER_PART = 32;
const MAX_DIMENSIONS = 8;

/**
 * Copies runs of bytes from one buffer to another, at any alignment: column shards become rows again. A thread makes
 * one word of one run. Words that a run fills only in part are or-ed, because a neighbour fills the rest: the
 * target must be zero there.
 */
export const GATHER_WGSL = /* wgsl */ `
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> tile: array<atomic<u32>>;
// A part: source byte, target byte, run bytes, words a run, words in all, dimensions; from 8 on three words a
// dimension, outermost first: count, source step, target step.
@group(0) @binding(2) var<storage, read> parts: array<u32>;
// A job: part, first word of it.
@group(0) @binding(3) var<storage, read> jobs: array<vec2u>;

fn sourceBytes(byte: u32) -> u32 {
  let low = source[byte >> 2u];
  let shift = (byte & 3u) * 8u;
  if (shift == 0u) { return low; }
  return (low >> shift) | (source[(byte >> 2u) + 1u] << (32u - shift));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let jobIndex = group.x + group.y * groups.x;
  if (jobIndex >= arrayLength(&jobs)) { return; }
  let job = jobs[jobIndex];
  let part = job.x * ${WORDS_PER_PART}u;
  let runBytes = parts[part + 2u];
  let wordsPerRun = parts[part + 3u];
  let total = parts[part + 4u];
  let dimensions = parts[part + 5u];
  for (var step = 0u; step < ${WORDS_PER_JOB}u; step += 256u) {
    let index = job.y + step + thread;
    if (index >= total) { return; }
    var run = index / wordsPerRun;
    var sourceAt = parts[part];
    var targetAt = parts[part + 1u];
    for (var d = dimensions; d > 0u; d--) {
      let row = part + 5u + 3u * d;
      let count = parts[row];
      sourceAt += (run % count) * parts[row + 1u];
      targetAt += (run % count) * parts[row + 2u];
      run /= count;
    }
    let word = (targetAt & ~3u) + 4u * (index % wordsPerRun);
    let start = max(word, targetAt);
    let end = min(word + 4u, targetAt + runBytes);
    if (start >= end) { continue; }
    let value = sourceBytes(sourceAt + (start - targetAt));
    if (end - start == 4u) {
      atomicStore(&tile[word >> 2u], value);
    } else {
      let mask = (1u << ((end - start) * 8u)) - 1u;
      atomicOr(&tile[word >> 2u], (value & mask) << ((start - word) * 8u));
    }
  }
}
`;

/** What one dispatch of the gather needs. */
export interface GatherWork {
  parts: Uint32Array<ArrayBuffer>;
  /** Two words a workgroup. */
  jobs: Uint32Array<ArrayBuffer>;
  jobCount: number;
  /** Whether words are filled in part. */
  hasEdges: boolean;
}

export function planGatherWork(gathers: readonly Gather[]): GatherWork {
  const rows = gathers.flatMap(withFewDimensions);
  const parts = new Uint32Array(rows.length * WORDS_PER_PART);
  const jobs: number[] = [];
  let hasEdges = false;
  for (const [part, { stagingByteOffset, tileByteOffset, runByteLength, dimensions }] of rows.entries()) {
    const isWhole = [tileByteOffset, runByteLength, ...dimensions.map(({ recordStep }) => recordStep)].every(
      bytes => bytes % 4 === 0,
    );
    hasEdges ||= !isWhole;
    const wordsPerRun = isWhole ? runByteLength / 4 : Math.floor((runByteLength + 6) / 4);
    const words = dimensions.reduce((product, { count }) => product * count, wordsPerRun);
    parts.set(
      [stagingByteOffset, tileByteOffset, runByteLength, wordsPerRun, words, dimensions.length],
      part * WORDS_PER_PART,
    );
    for (const [d, { count, sourceStep, recordStep }] of dimensions.entries()) {
      parts.set([count, sourceStep, recordStep], part * WORDS_PER_PART + 8 + 3 * d);
    }
    for (let word = 0; word < words; word += WORDS_PER_JOB) jobs.push(part, word);
  }
  return { parts, jobs: Uint32Array.from(jobs), jobCount: jobs.length / 2, hasEdges };
}

/** A gather of many dimensions as several of few: its outermost dimensions are unrolled. */
function withFewDimensions(gather: Gather): Gather[] {
  const [outer, ...inner] = gather.dimensions;
  if (outer === undefined || gather.dimensions.length <= MAX_DIMENSIONS) return [gather];
  return Array.from({ length: outer.count }, (_, i) => ({
    ...gather,
    stagingByteOffset: gather.stagingByteOffset + i * outer.sourceStep,
    tileByteOffset: gather.tileByteOffset + i * outer.recordStep,
    dimensions: inner,
  })).flatMap(withFewDimensions);
}
