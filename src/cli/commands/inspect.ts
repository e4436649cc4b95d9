import { UsageError } from '../../errors.js';
import type { MeshTexts } from '../../ops/sharding.js';
import type { Command, GivenArguments } from '../command.js';
import { JSON_OPTION, KEYS_OPTION, layoutOf, requireNotStdin, SHARD_OPTIONS } from '../shared-options.js';

/** `dcp inspect`, asked for. */
export interface InspectRequest {
  command: 'inspect';
  path: string;
  keys: readonly string[] | undefined;
  chunks: boolean;
  latestComplete: boolean;
  layout: MeshTexts | undefined;
  json: boolean;
}

export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'Show what is in a checkpoint of either kind',
  positionals: [{ name: 'path' }],
  options: [
    KEYS_OPTION,
    { name: 'chunks', kind: 'flag', describe: 'List every chunk: its box, file, offset and length' },
    {
      name: 'latest-complete',
      kind: 'flag',
      describe: 'Of a directory of checkpoints: print the path of the newest one of which nothing lacks',
    },
    ...SHARD_OPTIONS,
    JSON_OPTION,
  ],
  intro: [
    'Show what is in a checkpoint. Only indexes and Python objects are read, never',
    'the bytes of a tensor. Of a directory with several checkpoints each is a row.',
  ],
  positionalHelp: ['<path>  a DCP directory, a .metadata file on its own, or a torch.save file'],
  examples: [
    ['Header, and a table of all entries', 'dcp inspect step-1000/'],
    ['Where the shards of one layer lie', "dcp inspect step-1000/ --keys '*.layers.0.*' --chunks"],
    ['An index copied from a cluster; its data need not be at hand', 'dcp inspect .metadata'],
    ['All names, for a script', "dcp inspect model.pth --json | jq -r '.entries[].fqn'"],
    ['The checkpoints of a run: step, age, state, size', 'dcp inspect run/'],
    ['The path of the last one that can be used, for a script', 'dcp inspect run/ --latest-complete'],
    ['In what two checkpoints differ', 'diff <(dcp inspect a/) <(dcp inspect b/)'],
    [
      'What each rank of another mesh would read',
      "dcp inspect step-1000/ --mesh 2x4 --placements 'Shard(0),Shard(1)'",
    ],
  ],
  prepare(given) {
    const request = inspectRequest(given);
    return {
      request,
      run: async (output, screens) => (await import('../inspect.js')).runInspect(request, output, screens),
    };
  },
};

function inspectRequest(given: GivenArguments): InspectRequest {
  const { words, flag, values } = given;
  const [path = ''] = words;
  requireNotStdin(path);
  const request: InspectRequest = {
    command: 'inspect',
    path,
    keys: values('keys'),
    chunks: flag('chunks'),
    latestComplete: flag('latest-complete'),
    layout: layoutOf(given),
    json: flag('json'),
  };
  if (request.latestComplete && (request.keys !== undefined || request.chunks)) {
    throw new UsageError('--latest-complete prints a path, and nothing of what is in it', {
      hint: 'Give the path to another dcp inspect.',
    });
  }
  return request;
}
