/** One option of the command line. The table drives the parser, the help and the suggestions. */
export interface OptionRow {
  readonly name: string;
  readonly commands: readonly CommandName[];
  readonly kind: 'flag' | 'value' | 'values';
  /** How the help calls the value. */
  readonly valueName?: string;
  readonly describe: string;
}

export type CommandName = 'convert' | 'inspect';

export const COMMAND_NAMES: readonly CommandName[] = ['convert', 'inspect'];

export const POSITIONALS: Record<CommandName, readonly string[]> = {
  convert: ['mode', 'src', 'dst'],
  inspect: ['path'],
};

export const MODES = ['dcp_to_torch', 'torch_to_dcp'] as const;
export type Mode = (typeof MODES)[number];

const convert = ['convert'] as const;
const inspect = ['inspect'] as const;

export const OPTIONS: readonly OptionRow[] = [
  { name: 'force', commands: convert, kind: 'flag', describe: 'Replace a destination that exists' },
  {
    name: 'skip-existing',
    commands: convert,
    kind: 'flag',
    describe: 'Succeed without writing if what exists proves to be this source converted; fail if it is not',
  },
  {
    name: 'dry-run',
    commands: convert,
    kind: 'flag',
    describe: 'Print what would be written; write nothing',
  },
  {
    name: 'strict',
    commands: convert,
    kind: 'flag',
    describe:
      "Refuse what is only a warning otherwise: a torn overwrite, classes beyond torch's weights_only list",
  },
  {
    name: 'allow-unsafe-globals',
    commands: convert,
    kind: 'flag',
    describe: 'Carry names such as os.system through; they are never run here, but Python would run them',
  },
  {
    name: 'restore-int-keys',
    commands: convert,
    kind: 'flag',
    describe: 'dcp_to_torch: give optimizer states the int keys back that DCP turned into text',
  },
  { name: 'no-crc', commands: convert, kind: 'flag', describe: 'Neither check nor write CRC-32 checksums' },
  {
    name: 'no-sync',
    commands: convert,
    kind: 'flag',
    describe:
      'Do not wait until the output is on the device; a crash of the machine may then leave it damaged',
  },
  {
    name: 'workers',
    commands: convert,
    kind: 'value',
    valueName: 'N',
    describe: 'Threads that copy; 0 copies on the main thread. Default: what suits size and machine',
  },
  {
    name: 'quiet',
    commands: convert,
    kind: 'flag',
    describe: 'Print nothing on success, warnings included (--strict makes those errors)',
  },
  {
    name: 'keys',
    commands: inspect,
    kind: 'values',
    valueName: 'GLOB',
    describe: 'List only entries whose name matches: * is any text, ? one character. May be repeated',
  },
  {
    name: 'chunks',
    commands: inspect,
    kind: 'flag',
    describe: 'List every chunk: its box, file, offset and length',
  },
  {
    name: 'json',
    commands: ['convert', 'inspect'],
    kind: 'flag',
    describe: 'Print one JSON document on stdout, on failure too',
  },
];

export const GLOBAL_OPTION_NAMES: readonly string[] = ['help', 'version'];

export function optionsOf(command: CommandName): OptionRow[] {
  return OPTIONS.filter(option => option.commands.includes(command));
}
