import { openWebGpuDevice, webgpuDriver } from '../../src/device/webgpu/driver.js';
import { suite } from '../suite.js';
import { type DeviceBounds, deviceContract } from './contract.js';

/** Sums are exact; only the last step rounds. */
const EXACT: DeviceBounds = { mean: 1e-14, std: 1e-12, norm: 1e-13, difference: 1e-14 };

const probe = await webgpuDriver.probe();
if (probe.available) {
  deviceContract('webgpu', () => openWebGpuDevice(), EXACT);
  // Many tiles of each tensor, and kernels for the smallest ones.
  const small = { tileByteLength: 1 << 16, laneCount: 3, returnSmallData: false };
  deviceContract('webgpu in small tiles', () => openWebGpuDevice(small), EXACT);
} else {
  suite('device contract: webgpu', ({ skip }) => {
    skip('everything', probe.missing);
  });
}
