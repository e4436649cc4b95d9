import { DcpError, UnsupportedError } from '../errors.js';
import { openCpuDevice } from './cpu.js';
import type { Device, DeviceDescription, DeviceName } from './device.js';
import { tensorflowDriver } from './tensorflow/driver.js';
import { webgpuDriver } from './webgpu/driver.js';

/** What `--device` takes. */
export type DeviceChoice = 'auto' | DeviceName;

export interface DeviceOptions {
  /** Threads of the CPU device; 0 computes on the calling thread. Default: what suits the machine. */
  workers?: number;
}

/** A kind of device: how to find out whether it is there, and how to open it. */
export interface DeviceDriver {
  readonly name: DeviceName;
  /** Never throws: what is missing is an answer. */
  probe(): Promise<DeviceProbe>;
  /** @throws UnsupportedError naming what is missing. */
  open(options: DeviceOptions): Promise<Device>;
}

export type DeviceProbe =
  | { available: true; description: DeviceDescription }
  /** One sentence: what is missing, and how to get it. */
  | { available: false; missing: string };

const cpuDriver: DeviceDriver = {
  name: 'cpu',
  probe: async () => {
    const device = openCpuDevice({});
    return { available: true, description: device.describe() };
  },
  open: async options => openCpuDevice(options),
};

/** In the order in which `auto` asks them for a GPU; the CPU comes last. */
export const DRIVERS: readonly DeviceDriver[] = [tensorflowDriver, webgpuDriver, cpuDriver];

/**
 * Opens a device. `auto` takes the first that reports a real GPU, and the CPU where there is none.
 * @throws UnsupportedError where the device asked for is not there, with what is missing.
 */
export async function openDevice(
  choice: DeviceChoice = 'auto',
  options: DeviceOptions = {},
  drivers: readonly DeviceDriver[] = DRIVERS,
): Promise<Device> {
  if (choice !== 'auto') return driverOf(choice, drivers).open(options);
  for (const driver of drivers) {
    if (driver.name === 'cpu') continue;
    const device = await openedGpu(driver, options);
    if (device !== undefined) return device;
  }
  return driverOf('cpu', drivers).open(options);
}

/** The device, if it is there and a real GPU. Opening tells; to ask first would start it twice. */
async function openedGpu(driver: DeviceDriver, options: DeviceOptions): Promise<Device | undefined> {
  let device: Device;
  try {
    device = await driver.open(options);
  } catch (error) {
    if (error instanceof DcpError) return undefined;
    throw error;
  }
  if (device.describe().isGpu) return device;
  await device.close();
  return undefined;
}

function driverOf(name: DeviceName, drivers: readonly DeviceDriver[]): DeviceDriver {
  const driver = drivers.find(known => known.name === name);
  if (driver === undefined) {
    throw new UnsupportedError('This device is not supported', {
      expected: drivers.map(known => known.name).join(' or '),
      found: name,
    });
  }
  return driver;
}
