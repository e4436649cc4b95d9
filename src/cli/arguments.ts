import { createRequire } from 'node:module';
import { Parser } from 'yargs/helpers';
import { UsageError } from '../errors.js';
import { type Command, type GivenArguments, type Invocation, usageOf } from './command.js';
import { ALL_OPTIONS, COMMANDS, commandNamed } from './commands.js';
import { helpText } from './help.js';
import { commandWord, optionTokens, requireKnownOptions, unknownCommand, withLongNames } from './tokens.js';

/** `dcp help` and `dcp help convert`, as other programs have it, are `--help`. */
const HELP_WORD = 'help';

/** What to do: a text to print, or a checked request. */
export type Parsed = { text: string } | Invocation;

/**
 * Takes the command line apart. Never prints and never exits.
 * @throws UsageError that says what is unknown, missing, too much, or contradictory.
 */
export function parseArguments(given: readonly string[]): Parsed {
  const argv = withLongNames(given);
  requireKnownOptions(argv);
  const tokens = optionTokens(argv);
  if (tokens.includes('--help') || tokens.includes('-h')) return { text: helpText(commandWord(argv)) };
  const [first, topic] = argv;
  if (first === HELP_WORD && argv.length <= 2) {
    if (topic !== undefined && commandNamed(topic) === undefined) throw unknownCommand(topic);
    return { text: helpText(topic) };
  }
  if (tokens.includes('--version')) return { text: `${version()}\n` };
  const { words, options } = parse(argv);
  const command = commandNamed(words[0]);
  if (command === undefined) throw unknownCommand(words[0]);
  requireOptionsOf(command, options);
  requirePositionals(command, words.slice(1));
  return command.prepare(givenArguments(words.slice(1), options));
}

interface ParsedWords {
  words: readonly string[];
  options: ReadonlyMap<string, unknown>;
}

/** The parser of yargs, without the rest: its help takes no layout of ours, and its errors name no argument. */
function parse(argv: readonly string[]): ParsedWords {
  const names = (kind: 'flag' | 'value'): string[] =>
    ALL_OPTIONS.filter(option => (option.kind === 'flag') === (kind === 'flag')).map(({ name }) => name);
  const { argv: parsed, error } = Parser.detailed(withExplicitFlags(argv), {
    boolean: names('flag'),
    string: names('value'),
    narg: Object.fromEntries(names('value').map(name => [name, 1])),
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': true,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    },
  });
  if (error !== null) throw new UsageError(sentenceOf(error), { hint: 'See dcp --help.' });
  const { _: words, ...options } = parsed;
  return { words: words.map(String), options: new Map(Object.entries(options)) };
}

/** `--flag` as `--flag=true`: the parser takes a word `true` or `false` after a flag for its value, and not for a path. */
function withExplicitFlags(argv: readonly string[]): string[] {
  const flags = new Set(
    optionTokens(argv).filter(token =>
      ALL_OPTIONS.some(({ name, kind }) => kind === 'flag' && token === `--${name}`),
    ),
  );
  const end = argv.indexOf('--');
  return argv.map((token, i) => (flags.has(token) && (end === -1 || i < end) ? `${token}=true` : token));
}

function sentenceOf({ message }: Error): string {
  const missing = /^Not enough arguments following: (.*)$/.exec(message);
  return missing === null ? message : `--${missing[1]} needs a value`;
}

function requireOptionsOf(command: Command, options: ReadonlyMap<string, unknown>): void {
  for (const [name, value] of options) {
    const row = command.options.find(option => option.name === name);
    if (row?.kind === 'value' && Array.isArray(value)) {
      throw new UsageError(`--${name} is given more than once`);
    }
    if (row !== undefined) continue;
    const owners = COMMANDS.filter(other => other.options.some(option => option.name === name));
    throw new UsageError(`dcp ${command.name} has no option --${name}`, {
      hint: `It belongs to dcp ${owners.map(owner => owner.name).join(', ')}.`,
    });
  }
}

function requirePositionals(command: Command, words: readonly string[]): void {
  const { positionals } = command;
  const hint = `Usage: ${usageOf(command)}`;
  const required = positionals.filter(({ kind }) => kind !== 'optional' && kind !== 'any');
  const missing = required[words.length];
  if (missing !== undefined) throw new UsageError(`<${missing.name}> is missing`, { hint });
  const last = positionals.at(-1)?.kind;
  const takesAny = last === 'many' || last === 'any';
  const extra = takesAny ? undefined : words[positionals.length];
  if (extra !== undefined) throw new UsageError(`The argument ${extra} is one too many`, { hint });
  // Words of a command line that is being typed may be empty.
  const empty = words.slice(0, last === 'any' ? positionals.length - 1 : undefined).indexOf('');
  if (empty === -1) return;
  const names = words.length < positionals.length ? required : positionals;
  throw new UsageError(`<${(names[empty] ?? names.at(-1)!).name}> is empty`, { hint });
}

function givenArguments(words: readonly string[], options: ReadonlyMap<string, unknown>): GivenArguments {
  const all = (name: string): readonly unknown[] | undefined => {
    const value = options.get(name);
    return value === undefined || Array.isArray(value) ? value : [value];
  };
  return {
    words,
    flag: name => all(name)?.at(-1) === true,
    value: name => all(name)?.map(String).at(-1),
    values: name => all(name)?.map(String),
  };
}

function version(): string {
  return (createRequire(import.meta.url)('torch-dcp/package.json') as { version: string }).version;
}
