import { planGatherWork } from '../../../src/device/webgpu/kernels/gather.js';
import { equal, is, suite } from '../../suite.js';

const run = { stagingByteOffset: 0, tileByteOffset: 0, runByteLength: 64, dimensions: [] };

suite('gather work', ({ test }) => {
  test('a run of whole words has no edges', () => {
    const { parts, jobs, jobCount, hasEdges } = planGatherWork([{ ...run, tileByteOffset: 16 }]);
    equal([...parts.subarray(0, 6)], [0, 16, 64, 16, 16, 0]);
    equal([...jobs], [0, 0]);
    equal([jobCount, hasEdges], [1, false]);
  });

  test('a run that begins or ends inside a word may touch two words more', () => {
    const { parts, hasEdges } = planGatherWork([{ ...run, tileByteOffset: 2, runByteLength: 6 }]);
    // Bytes 2 to 8 are in two words; a run of 6 bytes is in three at most.
    equal([...parts.subarray(3, 5)], [3, 3]);
    is(hasEdges, true);
  });

  test('long parts are many jobs', () => {
    const { jobs } = planGatherWork([run, { ...run, runByteLength: 3 * 4096 * 4 + 4 }]);
    equal([...jobs], [0, 0, 1, 0, 1, 4096, 1, 8192, 1, 12288]);
  });

  test('more than eight dimensions become more parts', () => {
    const dimension = { count: 2, sourceStep: 128, recordStep: 128 };
    const { parts } = planGatherWork([{ ...run, dimensions: Array.from({ length: 10 }, () => dimension) }]);
    is(parts.length / 32, 4);
    equal([parts[5], parts[3 * 32]], [8, 256]);
  });
});
