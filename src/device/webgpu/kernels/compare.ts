/** Bytes that one workgroup compares, and the unit in which differences are located. */
export const COMPARE_BLOCK_BYTE_LENGTH = 64 << 10;
/** Words of a result. */
export const COMPARE_RESULT_WORDS = 2;

/** Counts the elements whose bytes differ, and finds the first, block by block. */
export const COMPARE_WGSL = /* wgsl */ `
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> results: array<u32>;
// A job: first word, words (the last one padded with zeros), binary logarithm of the element's bytes, result.
@group(0) @binding(3) var<storage, read> jobs: array<vec4u>;

var<workgroup> differing: atomic<u32>;
var<workgroup> first: atomic<u32>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let jobIndex = group.x + group.y * groups.x;
  let isJob = jobIndex < arrayLength(&jobs);
  var job = vec4u(0u);
  if (isJob) { job = jobs[jobIndex]; }
  if (thread == 0u) { atomicStore(&first, 0xffffffffu); }
  workgroupBarrier();
  var count = 0u;
  var mine = 0xffffffffu;
  if (job.z <= 2u) {
    let perWord = 4u >> job.z;
    let bits = 32u / perWord;
    let mask = select((1u << (bits & 31u)) - 1u, 0xffffffffu, bits == 32u);
    for (var i = thread; i < job.y; i += 256u) {
      let word = a[job.x + i] ^ b[job.x + i];
      if (word == 0u) { continue; }
      for (var k = 0u; k < perWord; k++) {
        if (((word >> (k * bits)) & mask) != 0u) {
          count++;
          mine = min(mine, i * perWord + k);
        }
      }
    }
  } else {
    let words = 1u << (job.z - 2u);
    for (var element = thread; element * words < job.y; element += 256u) {
      var difference = 0u;
      for (var k = 0u; k < words; k++) {
        let at = job.x + element * words + k;
        difference |= a[at] ^ b[at];
      }
      if (difference != 0u) {
        count++;
        mine = min(mine, element);
      }
    }
  }
  if (count != 0u) {
    atomicAdd(&differing, count);
    atomicMin(&first, mine);
  }
  workgroupBarrier();
  if (thread == 0u && isJob) {
    results[job.w] = atomicLoad(&differing);
    results[job.w + 1u] = atomicLoad(&first);
  }
}
`;
