import type { Command } from '../command.js';
import { JSON_OPTION } from '../shared-options.js';

/** `dcp devices`, asked for. */
export interface DevicesRequest {
  command: 'devices';
  json: boolean;
}

export const devicesCommand: Command = {
  name: 'devices',
  summary: 'List what --device takes: GPUs, CPU',
  positionals: [],
  options: [JSON_OPTION],
  intro: [
    'List the devices that --device takes: what they are here, or what is missing.',
    'Both GPU packages are optional; nothing needs them to be installed.',
  ],
  positionalHelp: [],
  examples: [
    ['What is there, and what is missing', 'dcp devices'],
    ['What --device auto takes', 'dcp devices --json | jq -r .auto'],
    ['In a script: is there a GPU?', "dcp devices --json | jq -e 'any(.devices[]; .is_gpu)'"],
  ],
  prepare({ flag }) {
    const request: DevicesRequest = { command: 'devices', json: flag('json') };
    return {
      request,
      run: async (output, screens) => (await import('../devices.js')).runDevices(request, output, screens),
    };
  },
};
