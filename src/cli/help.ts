import { wrapWords } from '../tui/text-width.js';
import { type Command, type Example, usageOf } from './command.js';
import { COMMAND_GROUPS, COMMANDS, commandNamed } from './commands.js';

/** Lines are at most this long whatever the terminal: what is read once is read in a log too. */
const WIDTH = 80;

const INTERRUPTED = '  130  interrupted by Ctrl-C (143 by SIGTERM, 129 by SIGHUP)';

const INTRO = [
  'Look at, convert and check PyTorch checkpoints: without Python, without running',
  'any pickle, in memory that does not grow with the tensors. A checkpoint is one',
  'of these, told apart by content:',
  '  dcp          a directory of torch.distributed.checkpoint: .metadata, *.distcp',
  '  torch        a file of torch.save: *.pth, *.pt, *.bin, *.ckpt',
  '  safetensors  a file, or a directory as Hugging Face has it',
];

const EXAMPLES: readonly Example[] = [
  ['What is in it, and is all of it there?', 'dcp inspect step-1000/'],
  ['One file for torch.load("model.pth")', 'dcp convert dcp_to_torch step-1000/ model.pth'],
  [
    'A directory for Hugging Face tools: the weights only, in bfloat16',
    'dcp convert dcp_to_safetensors step-1000/ hf/ --part model --dtype bf16',
  ],
  [
    'A directory for torch.distributed.checkpoint.load(..., checkpoint_id="ckpt")',
    'dcp convert torch_to_dcp model.pth ckpt/',
  ],
  ['Is a byte of it damaged?', 'dcp verify step-1000/ --crc'],
  ['Is a download safe to load in Python?', 'dcp scan model.pth'],
];

/** The text of `--help`: of a command, or the general one. */
export function helpText(name?: string): string {
  const command = commandNamed(name);
  return [
    ...(command === undefined ? generalHead() : commandHead(command)),
    '',
    ...optionLines(command),
    '',
    'Examples:',
    ...(command?.examples ?? EXAMPLES).flatMap(([purpose, line]) => [`  # ${purpose}`, `  ${line}`]),
    '',
    'The result goes to stdout, all else to stderr. Nothing is ever asked.',
    ...exitCodes(command),
    '',
  ].join('\n');
}

function generalHead(): string[] {
  const rows = COMMANDS.map(command => [`  ${usageOf(command)}`, command.summary] as const);
  const lines = columns(rows);
  return [
    ...INTRO,
    '',
    'Usage: dcp <command>',
    ...COMMAND_GROUPS.flatMap(([title, commands]) => [
      '',
      `${title}:`,
      ...commands.flatMap(command => lines[COMMANDS.indexOf(command)]!),
    ]),
    '',
    'dcp <command> --help tells more, with examples.',
  ];
}

function commandHead(command: Command): string[] {
  return [
    ...command.intro,
    '',
    `Usage: ${usageOf(command)}`,
    ...(command.positionalHelp.length === 0 ? [] : ['', ...columns(indented(command.positionalHelp)).flat()]),
  ];
}

function indented(rows: Command['positionalHelp']): (readonly [label: string, text: string])[] {
  return rows.map(([label, text]) => [`  ${label}`, text]);
}

/** Options under their headings, all in the same columns. */
function optionLines(command: Command | undefined): string[] {
  const options = command?.options ?? [];
  const rows: (readonly [label: string, text: string])[] = [
    ...options.map(({ name, short, valueName, describe }) => {
      const long = `--${name}${valueName === undefined ? '' : ` ${valueName}`}`;
      return [`  ${short === undefined ? '' : `-${short}, `}${long}`, describe] as const;
    }),
    ['  -h, --help', 'Print this'],
    ...(command === undefined ? [['  --version', 'Print the version'] as const] : []),
  ];
  return columns(rows).flatMap((lines, i) => {
    const section = options[i]?.section;
    if (i > 0 && (section === options[i - 1]?.section || section === undefined)) return lines;
    return [...(i === 0 ? [] : ['']), `${section ?? 'Options'}:`, ...lines];
  });
}

function exitCodes(command: Command | undefined): string[] {
  const problems = command === undefined ? 'a check found problems' : command.problems;
  return [
    'Exit codes:',
    '  0    done',
    ...(problems === undefined ? [] : [`  1    ${problems}`]),
    '  2    could not be done: wrong usage, missing or damaged input, no space',
    ...(command === undefined || command.options.some(({ name }) => name === 'force')
      ? [`${INTERRUPTED}; the destination`, '       is what it was before']
      : [INTERRUPTED]),
  ];
}

/** Labels on the left, what they mean on the right, wrapped: the lines of each row. */
function columns(rows: readonly (readonly [label: string, text: string])[]): string[][] {
  const indent = Math.max(...rows.map(([label]) => label.length)) + 2;
  return rows.map(([label, text]) =>
    wrapWords(text, WIDTH - indent).map((line, i) => (i === 0 ? label : '').padEnd(indent) + line),
  );
}
