import { createRequire } from 'node:module';
import { UsageError } from '../errors.js';
import { helpText } from './help.js';
import { COMMAND_NAMES, OPTIONS, type OptionRow, POSITIONALS } from './options.js';
import { commandWord, optionTokens, type Request, requireKnownOptions, resolveRequest } from './request.js';

/** What to do: a text to print, or a checked request. */
export type Parsed = { command: 'print'; text: string } | Request;

/**
 * Takes the command line apart. Never prints and never exits.
 * @throws UsageError
 */
export async function parseArguments(argv: readonly string[]): Promise<Parsed> {
  requireKnownOptions(argv);
  const tokens = optionTokens(argv);
  if (tokens.includes('--help') || tokens.includes('-h'))
    return { command: 'print', text: helpText(commandWord(argv)) };
  if (tokens.includes('--version')) return { command: 'print', text: `${version()}\n` };
  const parsed = await parse(argv);
  return resolveRequest({ words: wordsOf(parsed), options: new Map(Object.entries(parsed)) });
}

/** yargs is the parser only: its help takes no layout of ours, and its errors name no argument. */
async function parse(argv: readonly string[]): Promise<Record<string, unknown>> {
  const { default: yargs } = await import('yargs');
  const parser = yargs()
    .scriptName('dcp')
    .locale('en')
    .exitProcess(false)
    .help(false)
    .version(false)
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': true,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    });
  for (const { name, kind } of OPTIONS) {
    parser.option(name, kind === 'flag' ? { type: 'boolean' } : { type: 'string', nargs: 1 });
  }
  for (const command of COMMAND_NAMES) {
    // Positionals are optional for yargs: request.ts says by name which one is missing.
    const words = POSITIONALS[command].map(name => `[${name}]`).join(' ');
    parser.command(`${command} ${words}`, false, inner => {
      for (const name of POSITIONALS[command]) inner.positional(name, { type: 'string' });
      return inner;
    });
  }
  let outcome: { error: Error | undefined; parsed: Record<string, unknown> } | undefined;
  parser.parse(withExplicitFlags(argv), {}, (error: Error | undefined, parsed: Record<string, unknown>) => {
    outcome = { error, parsed };
  });
  if (outcome?.error) throw new UsageError(sentenceOf(outcome.error), { hint: 'See dcp --help.' });
  return outcome!.parsed;
}

/** `--flag` as `--flag=true`: yargs takes a word `true` or `false` after a flag for its value, and not for a path. */
function withExplicitFlags(argv: readonly string[]): string[] {
  const flags = new Set(optionTokens(argv).filter(token => OPTIONS.some(row => isFlag(row, token))));
  const end = argv.indexOf('--');
  return argv.map((token, i) => {
    if (token === '-') return LONE_DASH;
    return flags.has(token) && (end === -1 || i < end) ? `${token}=true` : token;
  });
}

/** Stands for the word `-` while yargs has it: as the value of a positional it would come back empty. No path has a NUL. */
const LONE_DASH = '\0-';

function isFlag({ name, kind }: OptionRow, token: string): boolean {
  return kind === 'flag' && token === `--${name}`;
}

/** Words that are no options, in order: yargs gives those after `--` to `_`, even if a positional waits for them. */
function wordsOf(parsed: Record<string, unknown>): string[] {
  const [command, ...rest] = (parsed._ as unknown[]).map(String);
  if (command === undefined) return [];
  const names = COMMAND_NAMES.find(name => name === command);
  const positionals = names === undefined ? [] : POSITIONALS[names].map(name => parsed[name]);
  const words = [...positionals.filter(value => value !== undefined).map(String), ...rest];
  return [command, ...words.map(word => (word === LONE_DASH ? '-' : word))];
}

function sentenceOf({ message }: Error): string {
  const missing = /^Not enough arguments following: (.*)$/.exec(message);
  return missing === null ? message : `--${missing[1]} needs a value`;
}

function version(): string {
  return (createRequire(import.meta.url)('torch-dcp/package.json') as { version: string }).version;
}
