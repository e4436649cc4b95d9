import { UsageError } from '../../errors.js';
import type { ExtractFormat } from '../../index.js';
import type { MeshTexts } from '../../ops/sharding.js';
import type { Command, GivenArguments } from '../command.js';
import {
  CHECKPOINT_HELP,
  choiceOf,
  JSON_OPTION,
  layoutOf,
  onlyValue,
  PROGRESS_OPTION,
  type ProgressChoice,
  progressOf,
  QUIET_OPTION,
  requireNotStdin,
  SHARD_OPTIONS,
  STDOUT,
  wholeNumber,
  workersOf,
  workersOption,
} from '../shared-options.js';

const FORMATS = ['npy', 'npz', 'raw', 'text'] as const;

/** `dcp extract`, asked for. */
export interface ExtractRequest {
  command: 'extract';
  path: string;
  fqns: readonly string[];
  /** Undefined for text, which goes to stdout. */
  output: string | undefined;
  format: ExtractFormat | 'text';
  slice: string | undefined;
  layout: MeshTexts | undefined;
  rank: number | undefined;
  cast: string | undefined;
  rawBits: boolean;
  force: boolean;
  workers: number | undefined;
  quiet: boolean;
  progress: ProgressChoice | undefined;
  json: boolean;
}

export const extractCommand: Command = {
  name: 'extract',
  summary: 'Copy tensors into a file for numpy',
  positionals: [{ name: 'path' }, { name: 'fqn', kind: 'many', completes: 'fqn' }],
  options: [
    {
      name: 'output',
      short: 'o',
      kind: 'value',
      valueName: 'FILE',
      completes: 'path',
      describe: 'Where it goes; - is stdout. Text goes to stdout without it',
    },
    {
      name: 'format',
      kind: 'value',
      valueName: 'FORMAT',
      choices: FORMATS,
      describe:
        'npy, npz, raw (the elements alone) or text. Default: by the name of the file, else npz for several tensors, npy for one',
    },
    {
      name: 'slice',
      kind: 'value',
      valueName: 'SLICE',
      describe: "A part of each tensor, as numpy has it: '0:10,:'",
    },
    ...SHARD_OPTIONS,
    {
      name: 'rank',
      kind: 'value',
      valueName: 'N',
      describe: 'With --mesh: what this rank holds of each tensor',
    },
    {
      name: 'dtype',
      kind: 'values',
      valueName: 'TYPE',
      choices: ['fp32', 'fp16'],
      describe: "Convert elements as torch's .to() does: fp32, fp16, int64, ...",
    },
    {
      name: 'raw-bits',
      kind: 'flag',
      describe: 'Types that numpy lacks come as unsigned integers of their bits, not as float32 or complex64',
    },
    { name: 'force', kind: 'flag', describe: 'Replace a file that exists' },
    workersOption('copy'),
    QUIET_OPTION,
    PROGRESS_OPTION,
    JSON_OPTION,
  ],
  intro: [
    'Copy tensors, or parts of them, into a file that numpy opens. Only the wanted',
    'bytes are read, and memory stays flat, whatever the size. bfloat16 and float8,',
    'which numpy lacks, come as float32 of the same values.',
  ],
  positionalHelp: [
    ['<path>', CHECKPOINT_HELP],
    ['<fqn>', 'names of tensors, as dcp inspect lists them; for text of objects too'],
  ],
  examples: [
    ['One tensor, for numpy.load', 'dcp extract step-1000/ model.embed.weight -o embed.npy'],
    [
      'Its first ten rows, on the screen',
      'dcp extract step-1000/ model.embed.weight --slice 0:10 --format text',
    ],
    ['Several tensors', 'dcp extract model.pth layer.weight layer.bias -o layer.npz'],
    [
      'What rank 3 of 8 holds of it',
      "dcp extract model.pth w -o w3.npy --mesh 8 --placements 'Shard(0)' --rank 3",
    ],
    ['A learning rate', 'dcp extract step-1000/ optim.param_groups.0.lr --format text'],
  ],
  prepare(given) {
    const request = extractRequest(given);
    return {
      request,
      run: async (output, screens) => (await import('../extract.js')).runExtract(request, output, screens),
    };
  },
};

function extractRequest(given: GivenArguments): ExtractRequest {
  const { words, flag, value } = given;
  const [path = '', ...fqns] = words;
  requireNotStdin(path);
  const output = value('output');
  const format = formatOf(value('format'), output, fqns);
  const request: ExtractRequest = {
    command: 'extract',
    path,
    fqns,
    output: format === 'text' ? undefined : output,
    format,
    slice: value('slice'),
    layout: layoutOf(given),
    rank: wholeNumber(given, 'rank', { most: 2 ** 20, what: 'a number of a rank' }),
    cast: onlyValue(given, 'dtype'),
    rawBits: flag('raw-bits'),
    force: flag('force'),
    workers: workersOf(given),
    quiet: flag('quiet'),
    progress: progressOf(given),
    json: flag('json'),
  };
  if ((request.layout === undefined) !== (request.rank === undefined)) {
    throw new UsageError(request.rank === undefined ? '--rank is missing' : '--rank is for --mesh', {
      hint: "Give all three: --mesh 2x4 --placements 'Shard(0),Replicate()' --rank 3.",
    });
  }
  if (format === 'text') requireTextable(request, output);
  else if (output === undefined) {
    throw new UsageError('--output is missing', {
      hint: 'Name a file: -o weight.npy; or see it: --format text.',
    });
  } else if (output === STDOUT) requireStreamable(request);
  return request;
}

function formatOf(
  given: string | undefined,
  output: string | undefined,
  fqns: readonly string[],
): ExtractRequest['format'] {
  if (given !== undefined) return choiceOf('format', given, FORMATS);
  if (output?.endsWith('.npz')) return 'npz';
  if (output?.endsWith('.npy')) return 'npy';
  return fqns.length > 1 ? 'npz' : 'npy';
}

function requireTextable({ cast, rawBits, json }: ExtractRequest, output: string | undefined): void {
  const clash = json ? 'json' : cast !== undefined ? 'dtype' : rawBits ? 'raw-bits' : undefined;
  if (clash !== undefined) throw new UsageError(`--${clash} does not go with --format text`);
  if (output !== undefined && output !== STDOUT) {
    throw new UsageError('Text goes to stdout', { hint: `Redirect it: > ${output}` });
  }
}

function requireStreamable({ json, force }: ExtractRequest): void {
  const clash = json ? 'json' : force ? 'force' : undefined;
  if (clash === undefined) return;
  throw new UsageError(`--${clash} does not go with stdout as output`, {
    hint: 'stdout carries the file itself; what is said goes to stderr.',
  });
}
