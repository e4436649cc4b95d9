import { openCpuDevice } from '../../src/device/cpu.js';
import { type DeviceBounds, deviceContract } from './contract.js';

/** Far below what is promised: other devices are measured against this one. */
const EXACT: DeviceBounds = { mean: 1e-14, std: 1e-12, norm: 1e-13, difference: 1e-14 };

deviceContract('cpu on the calling thread', async () => openCpuDevice({ workers: 0 }), EXACT);
deviceContract('cpu on two threads', async () => openCpuDevice({ workers: 2 }), EXACT);
