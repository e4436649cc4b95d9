import type { DeviceName } from '../device/device.js';
import { type DeviceDriver, DRIVERS } from '../device/registry.js';

export interface DevicesReport {
  schema: 1;
  devices: DeviceRow[];
  /** What `auto` takes here. */
  auto: DeviceName;
}

/** A kind of device: what it is, or what is missing. */
export interface DeviceRow {
  name: DeviceName;
  available: boolean;
  /** What it is, for people. Null where it is not available. */
  label: string | null;
  /** A GPU of silicon: what `auto` looks for. */
  isGpu: boolean;
  /** What it does not do, or does elsewhere: a sentence each. */
  limits: string[];
  /** What is missing, and how to get it. Null where it is available. */
  missing: string | null;
}

/** Looks for every kind of device. None is an error: what is missing is an answer. */
export async function listDevices(drivers: readonly DeviceDriver[] = DRIVERS): Promise<DevicesReport> {
  const devices = await Promise.all(
    drivers.map(async (driver): Promise<DeviceRow> => {
      const probe = await driver.probe();
      const { name } = driver;
      if (!probe.available) {
        return { name, available: false, label: null, isGpu: false, limits: [], missing: probe.missing };
      }
      const { label, isGpu, limits } = probe.description;
      return { name, available: true, label, isGpu, limits, missing: null };
    }),
  );
  return { schema: 1, devices, auto: devices.find(({ isGpu }) => isGpu)?.name ?? 'cpu' };
}
