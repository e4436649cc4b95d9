import { wrapWords } from '../tui/text-width.js';
import { type Command, type Example, usageOf } from './command.js';
import { COMMANDS, commandNamed } from './commands.js';

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

const INTRO = [
  'Convert and inspect PyTorch Distributed Checkpoints (DCP), without Python and',
  'without running any pickle.',
];

const EXAMPLES: readonly Example[] = [
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

/** The text of `--help`: of a command, or the general one. */
export function helpText(name?: string): string {
  const command = commandNamed(name);
  return [
    ...(command === undefined ? generalHead() : commandHead(command)),
    '',
    'Options:',
    ...optionLines(command),
    '',
    'Examples:',
    ...(command?.examples ?? EXAMPLES).flatMap(([purpose, line]) => [`  # ${purpose}`, `  ${line}`]),
    '',
    'The result goes to stdout, all else to stderr. Nothing is ever asked.',
    ...EXIT_CODES,
    '',
  ].join('\n');
}

function generalHead(): string[] {
  return [
    ...INTRO,
    '',
    'Usage: dcp <command>',
    '',
    'Commands:',
    ...columns(COMMANDS.map(command => [`  ${usageOf(command)}`, command.summary])),
    '',
    'dcp <command> --help tells more, with examples.',
  ];
}

function commandHead(command: Command): string[] {
  return [
    ...command.intro,
    '',
    `Usage: ${usageOf(command)}`,
    '',
    ...command.positionalHelp.map(line => `  ${line}`),
  ];
}

function optionLines(command: Command | undefined): string[] {
  const rows: [string, string][] = (command?.options ?? []).map(({ name, short, valueName, describe }) => [
    `  ${short === undefined ? '' : `-${short}, `}--${name}${valueName === undefined ? '' : ` ${valueName}`}`,
    describe,
  ]);
  rows.push(['  -h, --help', 'Print this']);
  if (command === undefined) rows.push(['  --version', 'Print the version']);
  return columns(rows);
}

/** Labels on the left, what they mean on the right, wrapped. */
function columns(rows: readonly (readonly [label: string, text: string])[]): string[] {
  const indent = Math.max(...rows.map(([label]) => label.length)) + 2;
  return rows.flatMap(([label, text]) =>
    wrapWords(text, WIDTH - indent).map((line, i) => (i === 0 ? label : '').padEnd(indent) + line),
  );
}
