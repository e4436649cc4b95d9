/** Patterns of 16-bit numbers that one workgroup counts: as many bins as every device's workgroup memory holds. */
const BINS_16 = 4096;
/** Of 8-bit numbers there are several sets of bins, so that equal neighbours wait less for one another. */
const COPIES_8 = 8;

const HEAD = /* wgsl */ `
@group(0) @binding(0) var<storage, read> tile: array<u32>;
@group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;
// A job: first word of the tile, numbers, first word of the counts, selection.
@group(0) @binding(2) var<storage, read> jobs: array<vec4u>;
`;

/**
 * Counts 16-bit numbers by their pattern. A workgroup counts those of one of 16 ranges of patterns, in its own
 * memory. Selection: the range; from bit 4 on which numbers count: 1 those at even places, 2 those at odd places.
 */
export const COUNT_16_WGSL = /* wgsl */ `${HEAD}
var<workgroup> bins: array<atomic<u32>, ${BINS_16}>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let jobIndex = group.x + group.y * groups.x;
  var job = vec4u(0u);
  if (jobIndex < arrayLength(&jobs)) { job = jobs[jobIndex]; }
  let range = job.w & 15u;
  let wantsEven = (job.w & 16u) != 0u;
  let wantsOdd = (job.w & 32u) != 0u;
  for (var i = thread; 2u * i < job.y; i += 256u) {
    let word = tile[job.x + i];
    let even = word & 0xffffu;
    let odd = word >> 16u;
    if (wantsEven && even >> 12u == range) { atomicAdd(&bins[even & ${BINS_16 - 1}u], 1u); }
    if (wantsOdd && 2u * i + 1u < job.y && odd >> 12u == range) { atomicAdd(&bins[odd & ${BINS_16 - 1}u], 1u); }
  }
  workgroupBarrier();
  for (var bin = thread; bin < ${BINS_16}u; bin += 256u) {
    let count = atomicLoad(&bins[bin]);
    if (count != 0u) { atomicAdd(&counts[job.z + range * ${BINS_16}u + bin], count); }
  }
}
`;

/** Counts bytes by their pattern. */
export const COUNT_8_WGSL = /* wgsl */ `${HEAD}
var<workgroup> bins: array<atomic<u32>, ${256 * COPIES_8}>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let jobIndex = group.x + group.y * groups.x;
  var job = vec4u(0u);
  if (jobIndex < arrayLength(&jobs)) { job = jobs[jobIndex]; }
  let mine = (thread % ${COPIES_8}u) * 256u;
  for (var i = thread; 4u * i < job.y; i += 256u) {
    let word = tile[job.x + i];
    for (var k = 0u; k < 4u && 4u * i + k < job.y; k++) {
      atomicAdd(&bins[mine + ((word >> (8u * k)) & 255u)], 1u);
    }
  }
  workgroupBarrier();
  var count = 0u;
  for (var copy = 0u; copy < ${COPIES_8}u; copy++) { count += atomicLoad(&bins[copy * 256u + thread]); }
  if (count != 0u) { atomicAdd(&counts[job.z + thread], count); }
}
`;

/** Numbers that one workgroup looks at. */
const NUMBERS_PER_JOB_16 = 1 << 20;
const NUMBERS_PER_JOB_8 = 1 << 16;

/** Appends the jobs that count `numberCount` numbers from word `tileWord` into bins from word `resultWord`. */
export function addCountJobs(
  jobs: number[],
  bitWidth: 8 | 16,
  tileWord: number,
  numberCount: number,
  resultWord: number,
  places: 'all' | 'even' | 'odd' = 'all',
): void {
  if (bitWidth === 8) {
    for (let at = 0; at < numberCount; at += NUMBERS_PER_JOB_8) {
      jobs.push(tileWord + at / 4, Math.min(NUMBERS_PER_JOB_8, numberCount - at), resultWord, 0);
    }
    return;
  }
  const mask = places === 'all' ? 48 : places === 'even' ? 16 : 32;
  for (let at = 0; at < numberCount; at += NUMBERS_PER_JOB_16) {
    for (let range = 0; range < 16; range++) {
      jobs.push(tileWord + at / 2, Math.min(NUMBERS_PER_JOB_16, numberCount - at), resultWord, mask | range);
    }
  }
}
