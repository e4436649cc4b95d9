import { newBuffer } from '../../../src/device/webgpu/buffers.js';
import type { Gpu } from '../../../src/device/webgpu/gpu.js';
import { equal, suite, throws } from '../../suite.js';

/** A device that notes what it is asked for. */
function gpuOf(maxBufferByteLength: number, maxBindingByteLength: number): { gpu: Gpu; made: number[] } {
  const made: number[] = [];
  const device = { createBuffer: ({ size }: { size: number }) => void made.push(size) };
  const info = { label: '', isGpu: true, maxBufferByteLength, maxBindingByteLength, workgroupByteLength: 0 };
  const gpu = { device, info, check() {}, scoped: async () => {}, close() {} } as unknown as Gpu;
  return { gpu, made };
}

suite('buffers of a GPU', ({ test, each }) => {
  test('are of whole blocks', () => {
    const { gpu, made } = gpuOf(1024, 1024);
    for (const byteLength of [0, 1, 256, 257, 1024]) newBuffer(gpu, 'x', byteLength, 0);
    equal(made, [256, 256, 256, 512, 1024]);
  });

  each(
    [
      { what: 'buffer', limits: [1024, 4096] as const },
      { what: 'binding', limits: [4096, 1024] as const },
    ],
    ({ what }) => `larger than any ${what}: refused, and none is made`,
    ({ limits: [buffer, binding] }) => {
      const { gpu, made } = gpuOf(buffer, binding);
      throws(() => newBuffer(gpu, 'x', 1025, 0), {
        code: 'limit',
        message: /1024 bytes at most.*1280 bytes/,
      });
      equal(made, []);
    },
  );
});
