import type { DeviceDescription, DeviceName } from '../../src/device/device.js';
import type { DeviceDriver } from '../../src/device/registry.js';
import { listDevices } from '../../src/ops/devices.js';
import { equal, is, suite } from '../suite.js';

/** A driver that is there or not, and opens a CPU under another name. */
function driver(name: DeviceName, state: 'gpu' | 'software' | 'missing'): DeviceDriver {
  const description: DeviceDescription = { name, label: `a ${state}`, isGpu: state === 'gpu', limits: [] };
  return {
    name,
    probe: async () =>
      state === 'missing'
        ? { available: false, missing: 'It is not installed.' }
        : { available: true, description },
    open: () => Promise.reject(new Error('listing opens nothing')),
  };
}

suite('devices', ({ each, test }) => {
  const rows = [
    { tensorflow: 'gpu', webgpu: 'gpu', auto: 'tensorflow' },
    { tensorflow: 'software', webgpu: 'gpu', auto: 'webgpu' },
    { tensorflow: 'missing', webgpu: 'gpu', auto: 'webgpu' },
    { tensorflow: 'software', webgpu: 'software', auto: 'cpu' },
    { tensorflow: 'missing', webgpu: 'missing', auto: 'cpu' },
  ] as const;
  each(
    rows,
    ({ tensorflow, webgpu }) => `auto with tensorflow ${tensorflow} and webgpu ${webgpu}`,
    async ({ tensorflow, webgpu, auto }) => {
      const drivers = [driver('tensorflow', tensorflow), driver('webgpu', webgpu), driver('cpu', 'software')];
      is((await listDevices(drivers)).auto, auto);
    },
  );

  test('what is missing is told, not thrown', async () => {
    const { devices } = await listDevices([driver('webgpu', 'missing'), driver('cpu', 'software')]);
    equal(devices, [
      {
        name: 'webgpu',
        available: false,
        label: null,
        isGpu: false,
        limits: [],
        missing: 'It is not installed.',
      },
      { name: 'cpu', available: true, label: 'a software', isGpu: false, limits: [], missing: null },
    ]);
  });
});
