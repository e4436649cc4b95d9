/** Of 8-bit numbers there are several sets of bins, so that equal neighbours wait less for one another. */
const COPIES_8 = 8;

const HEAD = /* wgsl */ `
@group(0) @binding(0) var<storage, read> tile: array<u32>;
@group(0) @binding(1) var<storage, read_write> counts: array<atomic<u32>>;
// A job: first word of the tile, numbers, first word of the counts, selection.
@group(0) @binding(2) var<storage, read> jobs: array<vec4u>;
`;

/** Patterns of 16-bit numbers that one workgroup counts: as many as its memory has room for, a power of two. */
export function binsPerWorkgroup(workgroupByteLength: number): number {
  return 2 ** Math.min(16, Math.floor(Math.log2(workgroupByteLength / 4)));
}

/**
 * Counts 16-bit numbers by their pattern. A workgroup counts those of one range of `bins` patterns, in its own
 * memory: no device has room there for all 65,536. Selection: the range; from bit 8 on which numbers count: 1 those at
 * even places, 2 those at odd places.
 */
export function count16Wgsl(bins: number): string {
  const shift = Math.log2(bins);
  return /* wgsl */ `${HEAD}
var<workgroup> bins: array<atomic<u32>, ${bins}>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let jobIndex = group.x + group.y * groups.x;
  var job = vec4u(0u);
  if (jobIndex < arrayLength(&jobs)) { job = jobs[jobIndex]; }
  let range = job.w & 255u;
  let wantsEven = (job.w & 256u) != 0u;
  let wantsOdd = (job.w & 512u) != 0u;
  for (var i = thread; 2u * i < job.y; i += 256u) {
    let word = tile[job.x + i];
    let even = word & 0xffffu;
    let odd = word >> 16u;
    if (wantsEven && even >> ${shift}u == range) { atomicAdd(&bins[even & ${bins - 1}u], 1u); }
    if (wantsOdd && 2u * i + 1u < job.y && odd >> ${shift}u == range) { atomicAdd(&bins[odd & ${bins - 1}u], 1u); }
  }
  workgroupBarrier();
  for (var bin = thread; bin < ${bins}u; bin += 256u) {
    let count = atomicLoad(&bins[bin]);
    if (count != 0u) { atomicAdd(&counts[job.z + range * ${bins}u + bin], count); }
  }
}
`;
}

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
const NUMBERS_PER_JOB_16 = 1 << 17;
const NUMBERS_PER_JOB_8 = 1 << 16;

/** Appends the jobs that count `count` bytes from word `tileWord` into bins from word `resultWord`. */
export function addCount8Jobs(jobs: number[], tileWord: number, count: number, resultWord: number): void {
  for (let at = 0; at < count; at += NUMBERS_PER_JOB_8) {
    jobs.push(tileWord + at / 4, Math.min(NUMBERS_PER_JOB_8, count - at), resultWord, 0);
  }
}

/** The same for `count` 16-bit numbers, or those at even or odd places of them. */
export function addCount16Jobs(
  jobs: number[],
  bins: number,
  tileWord: number,
  count: number,
  resultWord: number,
  places: 'all' | 'even' | 'odd',
): void {
  const mask = { all: 3, even: 1, odd: 2 }[places] << 8;
  for (let at = 0; at < count; at += NUMBERS_PER_JOB_16) {
    for (let range = 0; range < (1 << 16) / bins; range++) {
      jobs.push(tileWord + at / 2, Math.min(NUMBERS_PER_JOB_16, count - at), resultWord, mask | range);
    }
  }
}
