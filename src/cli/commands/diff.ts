import { UsageError } from '../../errors.js';
import type { DeviceChoice } from '../../index.js';
import type { Command, GivenArguments } from '../command.js';
import {
  CHECKPOINT_HELP,
  DEVICE_OF_COMPARISON_OPTION,
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

/** `dcp diff`, asked for. */
export interface DiffRequest {
  command: 'diff';
  a: string;
  b: string;
  keys: readonly string[] | undefined;
  rename: readonly string[];
  atol: number | undefined;
  rtol: number | undefined;
  strict: boolean;
  device: DeviceChoice;
  workers: number | undefined;
  quiet: boolean;
  progress: ProgressChoice | undefined;
  json: boolean;
}

export const diffCommand: Command = {
  name: 'diff',
  summary: 'Compare two, of any format and sharding',
  positionals: [{ name: 'a' }, { name: 'b' }],
  options: [
    keysOption('Compare only entries'),
    {
      name: 'rename',
      kind: 'values',
      valueName: 'RULE',
      describe: 's/pattern/replacement/, as sed has it, makes names of <a> those of <b>. May be repeated',
    },
    {
      name: 'atol',
      kind: 'value',
      valueName: 'NUMBER',
      describe: 'Take values as equal where |a - b| <= atol + rtol * |b|. Default: bits are compared',
    },
    {
      name: 'rtol',
      kind: 'value',
      valueName: 'NUMBER',
      describe: 'See --atol; each is 0 if only the other is given',
    },
    {
      name: 'strict',
      kind: 'flag',
      describe: 'Let notes count as differences too: kinds of keys and containers, requires_grad',
    },
    DEVICE_OF_COMPARISON_OPTION,
    workersOption('compare'),
    QUIET_CHECK_OPTION,
    PROGRESS_OPTION,
    JSON_OPTION,
  ],
  intro: [
    'Compare two checkpoints entry by entry, by name: shapes, types, the bits of',
    'tensors, Python values. Any two formats and shardings can be compared; equal',
    'bytes are found as fast as both can be read.',
  ],
  problems: 'the two differ',
  positionalHelp: [['<a>, <b>', `each ${CHECKPOINT_HELP}`]],
  examples: [
    ['Did the conversion keep everything?', 'dcp diff step-1000/ model.pth'],
    ['How far two training steps are apart, the worst tensors first', 'dcp diff step-1000/ step-2000/'],
    ['Equal up to rounding', 'dcp diff a.pth b.pth --rtol 1e-3 --atol 1e-6'],
    ['Names that one side has with a prefix', "dcp diff ddp.pth model.pth --rename 's/^module\\.//'"],
    ['Only the weights, in a script', "dcp diff a/ b/ --keys 'model.*' --quiet"],
  ],
  prepare(given) {
    const request = diffRequest(given);
    return {
      request,
      run: async (output, screens) => (await import('../diff.js')).runDiff(request, output, screens),
    };
  },
};

function diffRequest(given: GivenArguments): DiffRequest {
  const { words, flag, values } = given;
  const [a = '', b = ''] = words;
  requireNotStdin(a);
  requireNotStdin(b);
  return {
    command: 'diff',
    a,
    b,
    keys: values('keys'),
    rename: values('rename') ?? [],
    atol: toleranceOf(given, 'atol'),
    rtol: toleranceOf(given, 'rtol'),
    strict: flag('strict'),
    device: deviceOf(given, 'cpu'),
    workers: workersOf(given),
    quiet: flag('quiet'),
    progress: progressOf(given),
    json: flag('json'),
  };
}

function toleranceOf({ value }: GivenArguments, name: string): number | undefined {
  const text = value(name);
  if (text === undefined) return undefined;
  const number = /^[\d.]+(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (number >= 0 && number < Number.POSITIVE_INFINITY) return number;
  throw new UsageError(`--${name} is no tolerance`, {
    expected: 'a number of 0 or more, such as 1e-5',
    found: text === '' ? 'nothing' : text,
  });
}
