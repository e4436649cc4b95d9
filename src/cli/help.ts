import { wrapWords } from '../tui/text-width.js';
import { type CommandName, optionsOf } from './options.js';

/** Lines are at most this long whatever the terminal: what is read once is read in a log too. */
const WIDTH = 80;

const EXIT_CODES = [
  'Exit codes:',
  '  0    done',
  '  1    a check found problems',
  '  2    could not be done: wrong usage, missing or damaged input, no space',
  '  130  interrupted by Ctrl-C (143 by SIGTERM, 129 by SIGHUP); the destination',
  '       is what it was before',
];

const MAIN = [
  'Convert and inspect PyTorch Distributed Checkpoints (DCP), without Python and',
  'without running any pickle.',
  '',
  'Usage: dcp <command>',
  '',
  'Commands:',
  '  dcp convert <mode> <src> <dst>  Convert between DCP and torch.save',
  '  dcp inspect <path>              Show what is in a checkpoint of either kind',
  '',
  'dcp <command> --help tells more, with examples.',
];

const MAIN_EXAMPLES: readonly Example[] = [
  ['What is in it: tensors, types, sizes, ranks, warnings', 'dcp inspect step-1000/'],
  [
    'One file for torch.load("model.pth", weights_only=True, mmap=True)',
    'dcp convert dcp_to_torch step-1000/ model.pth',
  ],
  [
    'A directory for torch.distributed.checkpoint.load(..., checkpoint_id="ckpt")',
    'dcp convert torch_to_dcp model.pth ckpt/',
  ],
];

const COMMANDS: Record<CommandName, { intro: readonly string[]; examples: readonly Example[] }> = {
  convert: {
    intro: [
      'Convert a checkpoint. Tensors are copied, not loaded: memory stays flat,',
      'whatever their size. The destination appears whole or not at all.',
      '',
      'Usage: dcp convert <mode> <src> <dst>',
      '',
      '  <mode>  dcp_to_torch  <src> is a DCP directory, <dst> the torch.save file',
      '          torch_to_dcp  <src> is a torch.save file, <dst> the DCP directory',
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
        'Only if every checksum of the source could be checked',
        'dcp convert dcp_to_torch step-1000/ model.pth --json | jq -e .crc_checked',
      ],
    ],
  },
  inspect: {
    intro: [
      'Show what is in a checkpoint. Only indexes and Python objects are read, never',
      'the bytes of a tensor.',
      '',
      'Usage: dcp inspect <path>',
      '',
      '  <path>  a DCP directory, a .metadata file on its own, or a torch.save file',
    ],
    examples: [
      ['Header, and a table of all entries', 'dcp inspect step-1000/'],
      ['Where the shards of one layer lie', "dcp inspect step-1000/ --keys '*.layers.0.*' --chunks"],
      ['An index copied from a cluster; its data need not be at hand', 'dcp inspect .metadata'],
      ['All names, for a script', "dcp inspect model.pth --json | jq -r '.entries[].fqn'"],
      ['In what two checkpoints differ', 'diff <(dcp inspect a/) <(dcp inspect b/)'],
    ],
  },
};

type Example = readonly [purpose: string, command: string];

/** The text of `--help`: of a command, or the general one. */
export function helpText(command?: CommandName): string {
  const { intro, examples } =
    command === undefined ? { intro: MAIN, examples: MAIN_EXAMPLES } : COMMANDS[command];
  return [
    ...intro,
    '',
    'Options:',
    ...optionLines(command),
    '',
    'Examples:',
    ...examples.flatMap(([purpose, line]) => [`  # ${purpose}`, `  ${line}`]),
    '',
    'The result goes to stdout, all else to stderr. Nothing is ever asked.',
    ...EXIT_CODES,
    '',
  ].join('\n');
}

function optionLines(command: CommandName | undefined): string[] {
  const rows = (command === undefined ? [] : optionsOf(command)).map(({ name, valueName, describe }) => [
    `  --${name}${valueName === undefined ? '' : ` ${valueName}`}`,
    describe,
  ]);
  rows.push(['  -h, --help', 'Print this']);
  if (command === undefined) rows.push(['  --version', 'Print the version']);
  const indent = Math.max(...rows.map(([label]) => label!.length)) + 2;
  return rows.flatMap(([label, describe]) =>
    wrapWords(describe!, WIDTH - indent).map((line, i) => (i === 0 ? label! : '').padEnd(indent) + line),
  );
}
