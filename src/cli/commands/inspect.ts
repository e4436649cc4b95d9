import type { Command, GivenArguments } from '../command.js';
import { JSON_OPTION, KEYS_OPTION, requireNotStdin } from '../shared-options.js';

/** `dcp inspect`, asked for. */
export interface InspectRequest {
  command: 'inspect';
  path: string;
  keys: readonly string[] | undefined;
  chunks: boolean;
  json: boolean;
}

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'Show what is in a checkpoint of either kind',
  positionals: [{ name: 'path' }],
  options: [
    KEYS_OPTION,
    { name: 'chunks', kind: 'flag', describe: 'List every chunk: its box, file, offset and length' },
    JSON_OPTION,
  ],
  intro: [
    'Show what is in a checkpoint. Only indexes and Python objects are read, never',
    'the bytes of a tensor.',
  ],
  positionalHelp: ['<path>  a DCP directory, a .metadata file on its own, or a torch.save file'],
  examples: [
    ['Header, and a table of all entries', 'dcp inspect step-1000/'],
    ['Where the shards of one layer lie', "dcp inspect step-1000/ --keys '*.layers.0.*' --chunks"],
    ['An index copied from a cluster; its data need not be at hand', 'dcp inspect .metadata'],
    ['All names, for a script', "dcp inspect model.pth --json | jq -r '.entries[].fqn'"],
    ['In what two checkpoints differ', 'diff <(dcp inspect a/) <(dcp inspect b/)'],
  ],
  prepare(given) {
    const request = inspectRequest(given);
    return {
      request,
      run: async (output, screens) => (await import('../inspect.js')).runInspect(request, output, screens),
    };
  },
};

function inspectRequest({ words, flag, values }: GivenArguments): InspectRequest {
  const [path = ''] = words;
  requireNotStdin(path);
  return { command: 'inspect', path, keys: values('keys'), chunks: flag('chunks'), json: flag('json') };
}
