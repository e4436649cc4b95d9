import { UsageError } from '../../errors.js';
import type { DeviceChoice, StatsOrder } from '../../index.js';
import type { Command, GivenArguments } from '../command.js';
import {
  CHECKPOINT_HELP,
  choiceIn,
  choiceOf,
  DEVICE_OPTION,
  deviceOf,
  JSON_OPTION,
  keysOption,
  PROGRESS_OPTION,
  type ProgressChoice,
  progressOf,
  QUIET_CHECK_OPTION,
  requireNotStdin,
  workersOf,
  workersOption,
} from '../shared-options.js';

const ORDERS = [
  'name',
  'size',
  'nan',
  'inf',
  'zero',
  'subnormal',
  'min',
  'max',
  'mean',
  'std',
  'norm',
] as const satisfies readonly StatsOrder[];
const FAILURES = ['nan', 'inf', 'all-zero'] as const;

/** `dcp stats`, asked for. */
export interface StatsRequest {
  command: 'stats';
  path: string;
  keys: readonly string[] | undefined;
  sort: (typeof ORDERS)[number] | undefined;
  failOn: readonly (typeof FAILURES)[number][];
  device: DeviceChoice;
  workers: number | undefined;
  crc: boolean;
  histogram: boolean;
  quiet: boolean;
  progress: ProgressChoice | undefined;
  json: boolean;
}

export const statsCommand: Command = {
  name: 'stats',
  summary: 'Count NaN, Inf, zeros; range, mean, norm',
  positionals: [{ name: 'path' }],
  options: [
    keysOption('Count only tensors'),
    {
      name: 'sort',
      kind: 'value',
      valueName: 'ORDER',
      choices: ORDERS,
      describe: `By ${ORDERS.slice(0, -1).join(', ')} or ${ORDERS.at(-1)}: what is largest first, of min the least, names from A to Z. Default: as in the checkpoint`,
    },
    {
      name: 'fail-on',
      kind: 'values',
      valueName: 'LIST',
      choices: FAILURES,
      describe: `End with 1 where a tensor has any of these: ${FAILURES.join(', ')}. Separated by commas`,
    },
    DEVICE_OPTION,
    workersOption('count'),
    { name: 'no-crc', kind: 'flag', describe: 'Do not check CRC-32 checksums' },
    {
      name: 'histogram',
      kind: 'flag',
      describe: 'With --json: how often each bit pattern of floats of up to 16 bits occurs',
    },
    QUIET_CHECK_OPTION,
    PROGRESS_OPTION,
    JSON_OPTION,
  ],
  intro: [
    'Count the NaN, Inf, zeros and subnormal numbers of every tensor, and give the',
    'minimum, maximum, mean, standard deviation and L2 norm of its finite numbers.',
    'Tensors inside objects count too. Memory stays flat, whatever their size.',
  ],
  positionalHelp: [['<path>', CHECKPOINT_HELP]],
  problems: 'a tensor has what --fail-on names',
  examples: [
    ['Are these weights healthy?', 'dcp stats step-1000/'],
    ['In a script: ends with 1 where there is a NaN or an Inf', 'dcp stats step-1000/ --fail-on nan,inf'],
    ['Which weights have the largest norm', "dcp stats model.pth --keys '*.weight' --sort norm"],
    [
      'Names of tensors with NaN, for a script',
      "dcp stats ckpt/ --json | jq -r '.entries[] | select(.nan_count > 0).fqn'",
    ],
  ],
  prepare(given) {
    const request = statsRequest(given);
    return {
      request,
      run: async (output, screens) => (await import('../stats.js')).runStats(request, output, screens),
    };
  },
};

function statsRequest(given: GivenArguments): StatsRequest {
  const { words, flag, values } = given;
  const [path = ''] = words;
  requireNotStdin(path);
  const request: StatsRequest = {
    command: 'stats',
    path,
    keys: values('keys'),
    sort: choiceIn(given, 'sort', ORDERS),
    failOn: (values('fail-on') ?? []).flatMap(list =>
      list.split(',').map(word => choiceOf('fail-on', word, FAILURES)),
    ),
    device: deviceOf(given),
    workers: workersOf(given),
    crc: !flag('no-crc'),
    histogram: flag('histogram'),
    quiet: flag('quiet'),
    progress: progressOf(given),
    json: flag('json'),
  };
  if (request.histogram && !request.json) {
    throw new UsageError('--histogram is for --json', {
      hint: 'A table has no room for thousands of patterns.',
    });
  }
  return request;
}
