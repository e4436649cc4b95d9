import { type DeviceRow, listDevices } from '../ops/devices.js';
import { printableDeep } from '../tui/printable.js';
import type { DevicesRequest } from './commands/devices.js';
import { EXIT_DONE } from './exit-codes.js';
import { successDocument } from './json-document.js';
import type { Output } from './output.js';
import { type Style, styleFor } from './style.js';
import { labelled } from './table.js';
import type { Screens } from './terminal.js';

/** `dcp devices`. */
export async function runDevices(
  request: DevicesRequest,
  output: Output,
  { stdout }: Screens,
): Promise<number> {
  const report = await listDevices();
  if (request.json) {
    await output.result(successDocument('devices', report));
    return EXIT_DONE;
  }
  const { devices, auto } = printableDeep(report);
  const style = styleFor(stdout.colors);
  const rows = devices.flatMap(device => rowsOf(device, style));
  const lines = labelled([...rows, ['auto', `takes ${auto}`]], stdout.columns);
  await output.result(`${lines.join('\n')}\n`);
  return EXIT_DONE;
}

function rowsOf({ name, label, limits, missing }: DeviceRow, style: Style): [string, string][] {
  if (missing !== null) return [[name, style.dim(missing)]];
  return [[name, label ?? ''], ...limits.map((limit): [string, string] => [name, limit])];
}
