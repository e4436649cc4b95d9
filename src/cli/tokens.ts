import { UsageError } from '../errors.js';
import { suggest } from '../ops/suggest.js';
import { ALL_OPTIONS, COMMAND_NAMES, commandNamed, GLOBAL_OPTION_NAMES } from './commands.js';

/**
 * What can be told from the arguments before they are taken apart, however wrong they are: it decides how to help
 * and how to fail.
 */

/** Whether JSON was asked for, however wrong the rest is. */
export function wantsJson(argv: readonly string[]): boolean {
  return optionTokens(argv).some(token => token === '--json' || token === '--json=true');
}

/** The command that a command line names, if it does. */
export function commandWord(argv: readonly string[]): string | undefined {
  const word = beforeDoubleDash(argv).find(token => !token.startsWith('-'));
  return commandNamed(word)?.name;
}

/** The arguments with `--output` for `-o`. */
export function withLongNames(argv: readonly string[]): readonly string[] {
  const end = beforeDoubleDash(argv).length;
  return argv.map((token, i) => {
    const row =
      i < end ? ALL_OPTIONS.find(({ short }) => short !== undefined && token === `-${short}`) : undefined;
    return row === undefined ? token : `--${row.name}`;
  });
}

/** Arguments that are options: all that begin with a dash, up to `--`, but `-1` in `--workers -1`. */
export function optionTokens(argv: readonly string[]): string[] {
  const isValue = (token: string, before: string | undefined): boolean =>
    /^-\d/.test(token) && ALL_OPTIONS.some(({ name, kind }) => kind !== 'flag' && before === `--${name}`);
  return beforeDoubleDash(argv).filter(
    (token, i, tokens) => token.startsWith('-') && token !== '-' && !isValue(token, tokens[i - 1]),
  );
}

/** @throws UsageError for an option that no command has, with a suggestion; for a flag with a value. */
export function requireKnownOptions(argv: readonly string[]): void {
  const known = [...ALL_OPTIONS.map(option => option.name), ...GLOBAL_OPTION_NAMES];
  for (const token of optionTokens(argv)) {
    if (token === '-h') continue;
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
  if (ALL_OPTIONS.some(row => row.name === name && row.kind !== 'flag') || /^(true|false)$/.test(value))
    return;
  throw new UsageError(`--${name} takes no value`, { found: value === '' ? 'an empty one' : value });
}

/** The error for a word that is no command, with a suggestion. */
export function unknownCommand(word: string | undefined): UsageError {
  const expected = `${COMMAND_NAMES.slice(0, -1).join(', ')} or ${COMMAND_NAMES.at(-1)}`;
  if (word === undefined) {
    return new UsageError('A command is missing', { expected, hint: 'See dcp --help.' });
  }
  const nearest = suggest(word, COMMAND_NAMES);
  return new UsageError(`Unknown command ${word}`, {
    expected,
    hint:
      nearest === undefined
        ? `If it is a path, dcp inspect ${word} tells what is there; dcp --help lists the commands.`
        : `Did you mean dcp ${nearest}?`,
  });
}

function beforeDoubleDash(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}
