import { DcpError } from '../errors.js';
import type { Device } from './device.js';
import type { DeviceProbe } from './registry.js';

/** Whether a device opens; if not, why, as a sentence. */
export async function probeOf(open: () => Promise<Device>): Promise<DeviceProbe> {
  try {
    const device = await open();
    const description = device.describe();
    await device.close();
    return { available: true, description };
  } catch (error) {
    if (!(error instanceof DcpError)) throw error;
    const { message, hint } = error;
    return { available: false, missing: hint === undefined ? `${message}.` : `${message}; ${hint}` };
  }
}
