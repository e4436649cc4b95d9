import { openCpuDevice } from '../../src/device/cpu.js';
import { deviceContract } from './contract.js';

deviceContract('cpu on the calling thread', async () => openCpuDevice({ workers: 0 }));
deviceContract('cpu on two threads', async () => openCpuDevice({ workers: 2 }));
