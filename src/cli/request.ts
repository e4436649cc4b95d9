import { UsageError } from '../errors.js';
import {
  COMMAND_NAMES,
  type CommandName,
  GLOBAL_OPTION_NAMES,
  MODES,
  type Mode,
  OPTIONS,
  optionsOf,
  POSITIONALS,
} from './options.js';
import { suggest } from './suggest.js';

/** What the command line asks for, checked. */
export type Request = ConvertRequest | InspectRequest;

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
  crc: boolean;
  sync: boolean;
  workers: number | undefined;
  quiet: boolean;
  json: boolean;
}

export interface InspectRequest {
  command: 'inspect';
  path: string;
  keys: readonly string[] | undefined;
  chunks: boolean;
  json: boolean;
}

/** Arguments taken apart, before any meaning: values by option name, and what is no option, in order. */
export interface RawArguments {
  words: readonly string[];
  options: ReadonlyMap<string, unknown>;
}

const MAX_WORKERS = 256;

/** @throws UsageError for an option that no command has, with a suggestion. */
export function requireKnownOptions(argv: readonly string[]): void {
  const known = [...OPTIONS.map(option => option.name), ...GLOBAL_OPTION_NAMES];
  for (const token of optionTokens(argv)) {
    if (token === '-h') continue;
    if (token === STDOUT) continue;
    const name = token.replace(/^--?/, '').replace(/=.*$/s, '');
    if (token.startsWith('--') && known.includes(name)) {
      requireNoFlagValue(name, token);
      continue;
    }
    const nearest = suggest(name, known);
    throw new UsageError(`Unknown option ${token.replace(/=.*$/s, '')}`, {
      hint:
        nearest === undefined
          ? 'dcp --help lists the commands; an argument that begins with a dash goes after --.'
          : `Did you mean --${nearest}?`,
    });
  }
}

function requireNoFlagValue(name: string, token: string): void {
  const value = token.includes('=') ? token.slice(token.indexOf('=') + 1) : 'true';
  if (OPTIONS.some(row => row.name === name && row.kind !== 'flag') || value === 'true' || value === 'false')
    return;
  throw new UsageError(`--${name} takes no value`, { found: value === '' ? 'an empty one' : value });
}

/** Whether JSON was asked for, however wrong the rest is. */
export function wantsJson(argv: readonly string[]): boolean {
  return optionTokens(argv).some(token => token === '--json' || token === '--json=true');
}

/** The command that a command line names, if it does. */
export function commandWord(argv: readonly string[]): CommandName | undefined {
  const word = beforeDoubleDash(argv).find(token => !token.startsWith('-'));
  return COMMAND_NAMES.find(name => name === word);
}

/** Arguments that are options: all that begin with a dash, up to `--`, but `-1` in `--workers -1`. */
export function optionTokens(argv: readonly string[]): string[] {
  const isValue = (token: string, before: string | undefined): boolean =>
    /^-\d/.test(token) && OPTIONS.some(({ name, kind }) => kind !== 'flag' && before === `--${name}`);
  return beforeDoubleDash(argv).filter(
    (token, i, tokens) => token.startsWith('-') && !isValue(token, tokens[i - 1]),
  );
}

function beforeDoubleDash(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

/** @throws UsageError that says what is missing, too much, or contradictory. */
export function resolveRequest(raw: RawArguments): Request {
  const command = commandOf(raw.words[0]);
  requireOptionsOf(command, raw.options);
  const positionals = positionalsOf(command, raw.words.slice(1));
  return command === 'convert' ? convertRequest(positionals, raw) : inspectRequest(positionals, raw);
}

function commandOf(word: string | undefined): CommandName {
  const command = COMMAND_NAMES.find(name => name === word);
  if (command !== undefined) return command;
  if (word === undefined) {
    throw new UsageError('A command is missing', {
      expected: COMMAND_NAMES.join(' or '),
      hint: 'See dcp --help.',
    });
  }
  const nearest = suggest(word, COMMAND_NAMES);
  throw new UsageError(`Unknown command ${word}`, {
    expected: COMMAND_NAMES.join(' or '),
    hint: nearest === undefined ? 'See dcp --help.' : `Did you mean dcp ${nearest}?`,
  });
}

function requireOptionsOf(command: CommandName, options: ReadonlyMap<string, unknown>): void {
  const own = optionsOf(command);
  for (const [name, value] of options) {
    if (own.some(option => option.name === name)) {
      requireOneValue(name, value);
      continue;
    }
    const row = OPTIONS.find(option => option.name === name);
    if (row === undefined) continue;
    throw new UsageError(`dcp ${command} has no option --${name}`, {
      hint: `It belongs to dcp ${row.commands.join(' and ')}.`,
    });
  }
}

function requireOneValue(name: string, value: unknown): void {
  const row = OPTIONS.find(option => option.name === name)!;
  if (row.kind === 'value' && Array.isArray(value)) throw new UsageError(`--${name} is given more than once`);
}

function positionalsOf(command: CommandName, words: readonly string[]): readonly string[] {
  const names = POSITIONALS[command];
  const usage = `Usage: dcp ${command} ${names.map(name => `<${name}>`).join(' ')}`;
  const missing = names[words.length];
  if (missing !== undefined) throw new UsageError(`<${missing}> is missing`, { hint: usage });
  const extra = words[names.length];
  if (extra !== undefined) throw new UsageError(`The argument ${extra} is one too many`, { hint: usage });
  const empty = names.find((_, i) => words[i] === '');
  if (empty !== undefined) throw new UsageError(`<${empty}> is empty`, { hint: usage });
  return words;
}

function convertRequest(positionals: readonly string[], { options }: RawArguments): ConvertRequest {
  const [mode = '', source = '', destination = ''] = positionals;
  const known = MODES.find(name => name === mode);
  if (known === undefined) {
    const nearest = suggest(mode, MODES);
    throw new UsageError(`Unknown mode ${mode}`, {
      expected: MODES.join(' or '),
      ...(nearest === undefined ? {} : { hint: `Did you mean ${nearest}?` }),
    });
  }
  const flag = flagReader(options);
  const request: ConvertRequest = {
    command: 'convert',
    mode: known,
    source,
    destination,
    force: flag('force'),
    skipExisting: flag('skip-existing'),
    dryRun: flag('dry-run'),
    strict: flag('strict'),
    allowUnsafeGlobals: flag('allow-unsafe-globals'),
    restoreIntKeys: flag('restore-int-keys'),
    crc: !flag('no-crc'),
    sync: !flag('no-sync'),
    workers: workersOf(options.get('workers')),
    quiet: flag('quiet'),
    json: flag('json'),
  };
  if (request.restoreIntKeys && known !== 'dcp_to_torch') {
    throw new UsageError('--restore-int-keys is for dcp_to_torch', {
      hint: 'DCP has no int keys: restore them when you convert back.',
    });
  }
  if (request.force && request.skipExisting) {
    throw new UsageError('--force and --skip-existing contradict each other', {
      hint: '--force replaces what exists, --skip-existing accepts it.',
    });
  }
  if (source === STDOUT) throw stdinIsNoSource();
  if (destination === STDOUT) requireStreamable(request);
  return request;
}

/** As a destination: standard output. */
export const STDOUT = '-';

function stdinIsNoSource(): UsageError {
  return new UsageError('Standard input cannot be the source', {
    expected: 'a path',
    hint: 'A checkpoint is read at many places at a time, which a pipe cannot do.',
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

function inspectRequest(positionals: readonly string[], { options }: RawArguments): InspectRequest {
  const flag = flagReader(options);
  const keys = options.get('keys');
  if (positionals[0] === STDOUT) throw stdinIsNoSource();
  return {
    command: 'inspect',
    path: positionals[0]!,
    keys: keys === undefined ? undefined : (Array.isArray(keys) ? keys : [keys]).map(String),
    chunks: flag('chunks'),
    json: flag('json'),
  };
}

/** Of a flag given more than once the last counts. */
function flagReader(options: ReadonlyMap<string, unknown>): (name: string) => boolean {
  return name => {
    const value = options.get(name);
    return (Array.isArray(value) ? value.at(-1) : value) === true;
  };
}

function workersOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const text = String(value);
  const workers = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (workers <= MAX_WORKERS) return workers;
  throw new UsageError('--workers is not a number of threads', {
    expected: `a whole number from 0 to ${MAX_WORKERS}`,
    found: text === '' ? 'nothing' : text,
  });
}
