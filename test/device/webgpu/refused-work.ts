/** Asks a GPU for work that it must refuse, in a process of its own, and prints what that came to. */
import { openGpu } from '../../../src/device/webgpu/gpu.js';

const gpu = await openGpu();
const { device } = gpu;
const outcomes: Record<string, string> = {};

async function attempt(name: string, encode: () => void): Promise<void> {
  try {
    await gpu.scoped(encode);
    outcomes[name] = 'accepted';
  } catch (error) {
    outcomes[name] = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error);
  }
}

const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
await attempt('copy within bounds', () => {
  const encoder = device.createCommandEncoder();
  encoder.clearBuffer(buffer, 0, 16);
  device.queue.submit([encoder.finish()]);
});
await attempt('copy beyond the end', () => {
  const encoder = device.createCommandEncoder();
  encoder.clearBuffer(buffer, 0, 64);
  device.queue.submit([encoder.finish()]);
});
await attempt('shader that does not compile', () => {
  device.createShaderModule({ code: 'this is no shader' });
});
// Outside every scope: the next look at the device must tell.
device.createBuffer({ size: 16, usage: 0 });
await device.queue.onSubmittedWorkDone();
await new Promise(resolve => setTimeout(resolve, 50));
await attempt('after an error outside', () => {});

process.stdout.write(`\n${JSON.stringify(outcomes)}\n`);
gpu.close();
