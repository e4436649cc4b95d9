import { UsageError } from '../../errors.js';
import type { DeviceChoice, MapOptions, TiePolicy } from '../../index.js';
import { type ConvertTarget, requireFitting } from '../../ops/convert-options.js';
import { isSafetensorsFileName } from '../../ops/destination-format.js';
import { suggest } from '../../ops/suggest.js';
import { parseByteSize } from '../byte-size.js';
import { type Command, type GivenArguments, inSection } from '../command.js';
import { millisecondsOf } from '../duration.js';
import { MAP_OPTIONS, mapOf } from '../map-options.js';
import { RESHARD_OPTIONS, type ReshardRequest, reshardOf } from '../reshard-options.js';
import {
  choiceIn,
  DEVICE_OF_COMPARISON_OPTION,
  deviceOf,
  JSON_OPTION,
  PROGRESS_OPTION,
  type ProgressChoice,
  progressOf,
  QUIET_OPTION,
  READS_IN_FLIGHT_OPTION,
  readsInFlightOf,
  requireNotStdin,
  STDOUT,
  workersOf,
  workersOption,
} from '../shared-options.js';
import { NAME_OPTIONS, SELECTION_OPTIONS, type StepRequest, stepsOf } from '../step-options.js';

const FORMATS = ['dcp', 'torch', 'safetensors'] as const;
type Format = (typeof FORMATS)[number];

/** `dcp_to_torch`, `torch_to_dcp`, …: from every format to every one. */
const MODES: readonly string[] = FORMATS.flatMap(from => FORMATS.map(to => `${from}_to_${to}`));

const TIES: readonly TiePolicy[] = ['drop', 'copy', 'refuse'];

/** `dcp convert`, asked for. */
export interface ConvertRequest extends StepRequest, ReshardRequest {
  command: 'convert';
  /** Both or none are given: without a mode, source and destination tell. */
  from: Format | undefined;
  to: Format | undefined;
  source: string;
  destination: string;
  force: boolean;
  resume: boolean;
  skipExisting: boolean;
  dryRun: boolean;
  strict: boolean;
  allowUnsafeGlobals: boolean;
  restoreIntKeys: boolean;
  salvage: boolean;
  waitMs: number | undefined;
  map: MapOptions | undefined;
  maxShardByteLength: number | undefined;
  ties: TiePolicy | undefined;
  copyAssets: string | undefined;
  check: boolean;
  device: DeviceChoice;
  crc: boolean;
  sync: boolean;
  workers: number | undefined;
  readsInFlight: number | undefined;
  quiet: boolean;
  progress: ProgressChoice | undefined;
  json: boolean;
}

export const convertCommand: Command = {
  name: 'convert',
  summary: 'Between DCP, torch.save and safetensors',
  positionals: [{ name: 'mode', kind: 'optional', choices: MODES }, { name: 'src' }, { name: 'dst' }],
  options: [
    ...inSection('The destination', [
      { name: 'force', kind: 'flag', describe: 'Replace a destination that exists' },
      {
        name: 'resume',
        kind: 'flag',
        describe:
          'Finish a conversion that ended in the middle: what it has done is proved and kept. If this one is interrupted, what is done stays for the next --resume',
      },
      {
        name: 'skip-existing',
        kind: 'flag',
        describe:
          'Succeed without writing if what exists proves to be this source converted; fail if it is not',
      },
      { name: 'dry-run', kind: 'flag', describe: 'Print what would be written; write nothing' },
    ]),
    ...inSection('What is converted', [
      ...SELECTION_OPTIONS,
      {
        name: 'salvage',
        kind: 'flag',
        describe:
          'From DCP: write what is provably whole though files are missing or damaged; list the rest, end with 1',
      },
      {
        name: 'wait',
        kind: 'value',
        valueName: 'TIME',
        describe: 'Wait until a save into <src> is complete, so long at most: 90s, 10m, 1h30m',
      },
    ]),
    ...inSection('Names and types', [
      ...NAME_OPTIONS,
      {
        name: 'restore-int-keys',
        kind: 'flag',
        describe: 'To torch.save: give optimizer states the int keys back that DCP turned into text',
      },
    ]),
    ...inSection('Maps of keys', [...MAP_OPTIONS]),
    ...inSection('To a DCP directory', [...RESHARD_OPTIONS]),
    ...inSection('To safetensors', [
      {
        name: 'max-shard-size',
        kind: 'value',
        valueName: 'SIZE',
        describe:
          'To a directory of safetensors: tensors in a file at most, such as 5GB (the default) or 2GiB',
      },
      {
        name: 'copy-assets',
        kind: 'value',
        valueName: 'DIR',
        completes: 'path',
        describe: 'To a directory of safetensors: copy the config and tokenizer files of DIR into it',
      },
      {
        name: 'ties',
        kind: 'value',
        valueName: 'HOW',
        choices: TIES,
        describe:
          'To safetensors, of tensors with one memory: drop all but the first (the default), copy each, or refuse',
      },
    ]),
    ...inSection('Safety', [
      {
        name: 'strict',
        kind: 'flag',
        describe:
          "Refuse what is only a warning otherwise: a torn overwrite, classes beyond torch's weights_only list",
      },
      {
        name: 'allow-unsafe-globals',
        kind: 'flag',
        describe: 'Carry names such as os.system through; they are never run here, but Python would run them',
      },
      {
        name: 'check',
        kind: 'flag',
        describe:
          'Read the output back before it is put in place, and compare it with the source; ends with 1 if it differs',
      },
      DEVICE_OF_COMPARISON_OPTION,
      { name: 'no-crc', kind: 'flag', describe: 'Neither check nor write CRC-32 checksums' },
      {
        name: 'no-sync',
        kind: 'flag',
        describe:
          'Do not wait until the output is on the device; a crash of the machine may then leave it damaged',
      },
    ]),
    ...inSection('Speed', [workersOption('copy'), READS_IN_FLIGHT_OPTION]),
    ...inSection('What is printed', [
      {
        ...QUIET_OPTION,
        describe: 'Print nothing on success, warnings included (--strict makes those errors)',
      },
      PROGRESS_OPTION,
      JSON_OPTION,
    ]),
  ],
  intro: [
    'Convert a checkpoint. Tensors are copied, not loaded: memory stays flat,',
    'whatever their size. The destination appears whole or not at all.',
  ],
  positionalHelp: [
    [
      '<mode>',
      'FROM_to_TO: dcp_to_torch, torch_to_dcp, dcp_to_safetensors, safetensors_to_dcp, ... of dcp (a directory), torch (a torch.save file) and safetensors (a file *.safetensors, or a directory). It may be left out where what <src> holds and the name of <dst> tell it',
    ],
    ['<src>', 'a checkpoint of that format, or a directory with exactly one in it'],
    ['<dst>', 'what is to be made; - is stdout, where that is one file'],
  ],
  problems: '--check found a difference, or --salvage left something out',
  examples: [
    ['One file out of the shards of all ranks', 'dcp convert dcp_to_torch step-1000/ model.pth'],
    [
      'A directory for Hugging Face tools, with the weights only',
      'dcp convert dcp_to_safetensors step-1000/ hf/ --part model --copy-assets base/',
    ],
    [
      'In bfloat16, under the names that the model itself has',
      'dcp convert dcp_to_safetensors ckpt/ hf/ --strip-prefix model --dtype bf16',
    ],
    [
      'The files that four ranks would have saved, from those of eight',
      'dcp convert dcp_to_dcp step-1000/ four/ --ranks 4',
    ],
    [
      'A training that starts from a safetensors file',
      'dcp convert safetensors_to_dcp model.safetensors ckpt/',
    ],
    [
      'What would be written, and what would be lost on the way',
      'dcp convert torch_to_dcp model.pth ckpt/ --dry-run',
    ],
    [
      'A training state that a plain torch.optim optimizer resumes from',
      'dcp convert dcp_to_torch step-1000/ train.pth --restore-int-keys',
    ],
    [
      'In a script that may run again: proves an existing output, or makes it',
      'dcp convert dcp_to_torch step-1000/ model.pth --skip-existing --quiet',
    ],
    [
      'The save that is running now, as soon as it is complete',
      'dcp convert dcp_to_torch step-1000/ model.pth --wait 10m',
    ],
    [
      'A large one that may be stopped, and goes on where it was',
      'dcp convert dcp_to_torch step-1000/ model.pth --resume',
    ],
    [
      'What is left of a checkpoint after a disk failed',
      'dcp convert dcp_to_torch step-1000/ rest.pth --salvage --json',
    ],
    [
      'Only if every checksum of the source could be checked',
      'dcp convert dcp_to_torch step-1000/ model.pth --json | jq -e .crc_checked',
    ],
  ],
  prepare(given) {
    const request = convertRequest(given);
    return {
      request,
      run: async (output, screens) => (await import('../convert.js')).runConvert(request, output, screens),
    };
  },
};

function convertRequest(given: GivenArguments): ConvertRequest {
  const mode = given.words.length === 3 ? given.words[0]! : undefined;
  const [source = '', destination = ''] = given.words.slice(-2);
  if (mode === undefined && MODES.includes(source)) {
    throw new UsageError('<dst> is missing', { hint: 'Usage: dcp convert [mode] <src> <dst>' });
  }
  const { flag, value } = given;
  const maxShardSize = value('max-shard-size');
  const request: ConvertRequest = {
    command: 'convert',
    ...formatsOf(mode),
    source,
    destination,
    force: flag('force'),
    resume: flag('resume'),
    skipExisting: flag('skip-existing'),
    dryRun: flag('dry-run'),
    strict: flag('strict'),
    allowUnsafeGlobals: flag('allow-unsafe-globals'),
    restoreIntKeys: flag('restore-int-keys'),
    salvage: flag('salvage'),
    waitMs: millisecondsOf(given, 'wait'),
    ...stepsOf(given),
    map: mapOf(given),
    ...reshardOf(given),
    maxShardByteLength:
      maxShardSize === undefined ? undefined : parseByteSize(maxShardSize, 'max-shard-size'),
    ties: choiceIn(given, 'ties', TIES),
    copyAssets: value('copy-assets'),
    check: flag('check'),
    device: deviceOf(given, 'cpu'),
    crc: !flag('no-crc'),
    sync: !flag('no-sync'),
    workers: workersOf(given),
    readsInFlight: readsInFlightOf(given),
    quiet: flag('quiet'),
    progress: progressOf(given),
    json: flag('json'),
  };
  if (given.value('device') !== undefined && !request.check) {
    throw new UsageError('--device is for --check', { hint: 'Copying needs no device.' });
  }
  if (destination === STDOUT) requireStreamable(request);
  requireFitting(request, targetOf(request));
  if (request.force && request.skipExisting) {
    throw new UsageError('--force and --skip-existing contradict each other', {
      hint: '--force replaces what exists, --skip-existing accepts it.',
    });
  }
  requireNotStdin(source);
  return request;
}

function formatsOf(mode: string | undefined): Pick<ConvertRequest, 'from' | 'to'> {
  if (mode === undefined) return { from: undefined, to: undefined };
  if (MODES.includes(mode)) {
    const [from, to] = mode.split('_to_') as [Format, Format];
    return { from, to };
  }
  const nearest = suggest(mode, MODES);
  throw new UsageError(`Unknown mode ${mode}`, {
    expected: `FROM_to_TO of ${FORMATS.join(', ')}`,
    ...(nearest === undefined ? {} : { hint: `Did you mean ${nearest}?` }),
  });
}

/** What the command line tells; the rest, and what does not fit it, the operation itself. */
function targetOf({ from, to, destination }: ConvertRequest): ConvertTarget {
  if (to === undefined) return {};
  if (destination === STDOUT) return { from, to, kind: 'stream' };
  const isFile = to === 'torch' || (to === 'safetensors' && isSafetensorsFileName(destination));
  return { from, to, kind: isFile ? 'file' : 'directory' };
}

/** What goes with stdout as destination: one file, and nothing else on stdout. */
function requireStreamable(request: ConvertRequest): void {
  if (request.to === undefined) {
    throw new UsageError('stdout does not tell what to convert to', {
      expected: 'a mode that ends in _to_torch or _to_safetensors',
    });
  }
  if (request.to === 'dcp') {
    throw new UsageError('A DCP checkpoint is a directory and cannot be written to stdout', {
      hint: 'Name a directory. A file called - is ./-.',
    });
  }
  const clash = request.check
    ? 'check'
    : request.json
      ? 'json'
      : request.force
        ? 'force'
        : request.resume
          ? 'resume'
          : request.skipExisting
            ? 'skip-existing'
            : undefined;
  if (clash !== undefined) {
    throw new UsageError(`--${clash} does not go with stdout as destination`, {
      hint: 'stdout carries the file itself; what is said goes to stderr.',
    });
  }
}
