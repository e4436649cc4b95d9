import { UsageError } from '../../errors.js';
import type { Command, GivenArguments } from '../command.js';
import { millisecondsOf } from '../duration.js';
import {
  JSON_OPTION,
  READS_IN_FLIGHT_OPTION,
  readsInFlightOf,
  requireNotStdin,
  STDOUT,
  WORKERS_OPTION,
  workersOf,
} from '../shared-options.js';
import { suggest } from '../suggest.js';

const MODES = ['dcp_to_torch', 'torch_to_dcp'] as const;
type Mode = (typeof MODES)[number];

/** `dcp convert`, asked for. */
export interface ConvertRequest {
  command: 'convert';
  mode: Mode;
  source: string;
  destination: string;
  force: boolean;
  skipExisting: boolean;
  dryRun: boolean;
  strict: boolean;
  allowUnsafeGlobals: boolean;
  restoreIntKeys: boolean;
  salvage: boolean;
  waitMs: number | undefined;
  crc: boolean;
  sync: boolean;
  workers: number | undefined;
  readsInFlight: number | undefined;
  quiet: boolean;
  json: boolean;
}

export const convertCommand: Command = {
  name: 'convert',
  summary: 'Convert between DCP and torch.save',
  positionals: [{ name: 'mode' }, { name: 'src' }, { name: 'dst' }],
  options: [
    { name: 'force', kind: 'flag', describe: 'Replace a destination that exists' },
    {
      name: 'skip-existing',
      kind: 'flag',
      describe:
        'Succeed without writing if what exists proves to be this source converted; fail if it is not',
    },
    { name: 'dry-run', kind: 'flag', describe: 'Print what would be written; write nothing' },
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
      name: 'restore-int-keys',
      kind: 'flag',
      describe: 'dcp_to_torch: give optimizer states the int keys back that DCP turned into text',
    },
    {
      name: 'salvage',
      kind: 'flag',
      describe:
        'dcp_to_torch: write what is provably whole though files are missing or damaged; list the rest, end with 1',
    },
    {
      name: 'wait',
      kind: 'value',
      valueName: 'TIME',
      describe: 'Wait until a save into <src> is complete, so long at most: 90s, 10m, 1h30m',
    },
    { name: 'no-crc', kind: 'flag', describe: 'Neither check nor write CRC-32 checksums' },
    {
      name: 'no-sync',
      kind: 'flag',
      describe:
        'Do not wait until the output is on the device; a crash of the machine may then leave it damaged',
    },
    WORKERS_OPTION,
    READS_IN_FLIGHT_OPTION,
    {
      name: 'quiet',
      kind: 'flag',
      describe: 'Print nothing on success, warnings included (--strict makes those errors)',
    },
    JSON_OPTION,
  ],
  intro: [
    'Convert a checkpoint. Tensors are copied, not loaded: memory stays flat,',
    'whatever their size. The destination appears whole or not at all.',
  ],
  positionalHelp: [
    '<mode>  dcp_to_torch  <src> is a DCP directory, <dst> the torch.save file',
    '        torch_to_dcp  <src> is a torch.save file, <dst> the DCP directory',
  ],
  examples: [
    ['One file out of the shards of all ranks', 'dcp convert dcp_to_torch step-1000/ model.pth'],
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
  const [mode = '', source = '', destination = ''] = given.words;
  const { flag } = given;
  const request: ConvertRequest = {
    command: 'convert',
    mode: modeOf(mode),
    source,
    destination,
    force: flag('force'),
    skipExisting: flag('skip-existing'),
    dryRun: flag('dry-run'),
    strict: flag('strict'),
    allowUnsafeGlobals: flag('allow-unsafe-globals'),
    restoreIntKeys: flag('restore-int-keys'),
    salvage: flag('salvage'),
    waitMs: millisecondsOf(given, 'wait'),
    crc: !flag('no-crc'),
    sync: !flag('no-sync'),
    workers: workersOf(given),
    readsInFlight: readsInFlightOf(given),
    quiet: flag('quiet'),
    json: flag('json'),
  };
  if (request.restoreIntKeys && request.mode !== 'dcp_to_torch') {
    throw new UsageError('--restore-int-keys is for dcp_to_torch', {
      hint: 'DCP has no int keys: restore them when you convert back.',
    });
  }
  if (request.salvage && (request.mode !== 'dcp_to_torch' || !request.crc)) {
    throw new UsageError('--salvage is for dcp_to_torch, and needs checksums', {
      hint: 'A torch.save file has one index: without it nothing can be told apart.',
    });
  }
  if (request.force && request.skipExisting) {
    throw new UsageError('--force and --skip-existing contradict each other', {
      hint: '--force replaces what exists, --skip-existing accepts it.',
    });
  }
  requireNotStdin(source);
  if (destination === STDOUT) requireStreamable(request);
  return request;
}

function modeOf(word: string): Mode {
  const mode = MODES.find(name => name === word);
  if (mode !== undefined) return mode;
  const nearest = suggest(word, MODES);
  throw new UsageError(`Unknown mode ${word}`, {
    expected: MODES.join(' or '),
    ...(nearest === undefined ? {} : { hint: `Did you mean ${nearest}?` }),
  });
}

/** What goes with stdout as destination: one file, and nothing else on stdout. */
function requireStreamable(request: ConvertRequest): void {
  if (request.mode !== 'dcp_to_torch') {
    throw new UsageError('A DCP checkpoint is a directory and cannot be written to stdout', {
      hint: 'Name a directory. A file called - is ./-.',
    });
  }
  const clash = request.json
    ? 'json'
    : request.force
      ? 'force'
      : request.skipExisting
        ? 'skip-existing'
        : undefined;
  if (clash !== undefined) {
    throw new UsageError(`--${clash} does not go with stdout as destination`, {
      hint: 'stdout carries the file itself; what is said goes to stderr.',
    });
  }
}
