import { openCpuDevice } from '../../src/device/cpu.js';
import type { Device, DeviceDescription, DeviceName } from '../../src/device/device.js';
import { type DeviceDriver, type DeviceProbe, DRIVERS, openDevice } from '../../src/device/registry.js';
import { UnsupportedError } from '../../src/errors.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

const description = (name: DeviceName, isGpu: boolean): DeviceDescription => ({
  name,
  label: name,
  isGpu,
  limits: [],
});

/** A driver that opens a device of its name. */
function driver(name: DeviceName, probe: DeviceProbe): DeviceDriver {
  const open = async (): Promise<Device> => {
    if (!probe.available) throw new UnsupportedError(probe.missing);
    return { ...openCpuDevice(), name, describe: () => probe.description, close: async () => {} };
  };
  return { name, probe: async () => probe, open };
}

const cpu = driver('cpu', { available: true, description: description('cpu', false) });
const gpu = driver('webgpu', { available: true, description: description('webgpu', true) });
const software = driver('webgpu', { available: true, description: description('webgpu', false) });
const absent = driver('tensorflow', { available: false, missing: 'it is not installed' });

suite('devices', ({ each, test }) => {
  const AUTO: readonly [what: string, drivers: DeviceDriver[], taken: DeviceName][] = [
    ['a real GPU', [absent, gpu, cpu], 'webgpu'],
    ['the CPU rather than a GPU in software', [absent, software, cpu], 'cpu'],
    ['the CPU where nothing else is there', [absent, cpu], 'cpu'],
  ];
  each(
    AUTO,
    ([what]) => `auto takes ${what}`,
    async ([, drivers, taken]) => is((await openDevice('auto', {}, drivers)).name, taken),
  );

  test('a device asked for by name is opened, whatever it is', async () => {
    is((await openDevice('webgpu', {}, [software, cpu])).name, 'webgpu');
  });

  test('a device that is not supported is refused by name', async () => {
    await rejects(() => openDevice('webgpu', {}, [cpu]), { code: 'unsupported', message: /webgpu/ });
  });

  test('the CPU is always there, and says how many threads it takes', async () => {
    const driverOfCpu = DRIVERS.find(({ name }) => name === 'cpu')!;
    const probe = await driverOfCpu.probe();
    ok(probe.available);
    const labels = await Promise.all(
      [0, 1, 3].map(async workers => (await driverOfCpu.open({ workers })).describe().label),
    );
    equal(labels, ['CPU, main thread', 'CPU, 1 thread', 'CPU, 3 threads']);
  });
});
