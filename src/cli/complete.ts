import type { Command, OptionRow, Positional } from './command.js';
import { COMMAND_NAMES, commandNamed } from './commands.js';

/** What can stand where the cursor is. */
export interface Completion {
  /** Words that begin as the one under the cursor does, in the order of the help. */
  words: readonly string[];
  /** Whether paths can stand there too. */
  files: boolean;
  /** Names of the entries of this checkpoint can stand there. */
  fqnsOf?: string;
}

const NOTHING: Completion = { words: [], files: false };

/**
 * Tells from the commands' own tables what can stand in a command line.
 * @param given all words behind the program's name up to the one under the cursor, which is last and may be empty.
 */
export function completionOf(given: readonly string[]): Completion {
  const line = withoutEqualsSigns(given);
  const typed = line.at(-1) ?? '';
  const before = line.slice(0, -1);
  const isPlain = before.includes('--');
  const command = commandNamed(before.find(word => !word.startsWith('-')));
  if (command === undefined) {
    return beginning(typed, typed.startsWith('-') ? ['--help', '--version'] : COMMAND_NAMES);
  }
  const words = positionalWords(command, before);
  const option = isPlain ? undefined : optionNamed(command, before.at(-1));
  if (option !== undefined && option.kind !== 'flag') return optionValue(option, typed, words[0]);
  if (typed.startsWith('-') && !isPlain) return beginning(typed, unusedOptions(command, before));
  return positionalAt(command.positionals, words, typed);
}

/** Bash takes `--keys=a` apart into three words. */
function withoutEqualsSigns(words: readonly string[]): readonly string[] {
  const kept = words.filter((word, i) => word !== '=' || i === 0);
  return words.at(-1) === '=' ? [...kept, ''] : kept;
}

function optionNamed({ options }: Command, word: string | undefined): OptionRow | undefined {
  return options.find(
    ({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`),
  );
}

function unusedOptions(command: Command, before: readonly string[]): string[] {
  const open = command.options.filter(row => row.kind === 'values' || !before.includes(`--${row.name}`));
  return [...open.map(({ name }) => `--${name}`), '--help'];
}

/** The words that are neither the command, nor options, nor their values. */
function positionalWords(command: Command, before: readonly string[]): string[] {
  const end = before.indexOf('--') === -1 ? before.length : before.indexOf('--');
  const isValue = (i: number): boolean => {
    const option = optionNamed(command, before[i - 1]);
    return option !== undefined && option.kind !== 'flag';
  };
  const words = before.filter((word, i) => (i < end ? !word.startsWith('-') && !isValue(i) : i > end));
  return words.slice(1);
}

function positionalAt(
  positionals: readonly Positional[],
  words: readonly string[],
  typed: string,
): Completion {
  // A mode that was left out shifts all that follow.
  const [first, ...others] = positionals;
  const hasChoice = first?.kind === 'optional' && first.choices !== undefined;
  const isLeftOut = hasChoice && words.length > 0 && !first.choices.includes(words[0]!);
  const rows = isLeftOut ? others : positionals;
  const last = rows.at(-1);
  const row = rows[words.length] ?? (last?.kind === 'many' ? last : undefined);
  if (row === undefined) return NOTHING;
  if (row.completes === 'fqn') return { ...NOTHING, fqnsOf: words[0]! };
  return {
    ...beginning(typed, row.choices ?? []),
    files: row.choices === undefined || row.kind === 'optional',
  };
}

function optionValue(option: OptionRow, typed: string, path: string | undefined): Completion {
  const { words } = beginning(typed, option.choices ?? []);
  const fqnsOf = option.completes === 'fqn' ? path : undefined;
  return { words, files: option.completes === 'path', ...(fqnsOf === undefined ? {} : { fqnsOf }) };
}

function beginning(typed: string, words: readonly string[]): Completion {
  return { words: words.filter(word => word.startsWith(typed)), files: false };
}

/** More names than this are cut behind their next part, to be completed step by step. */
const MAX_NAMES = 100;

/**
 * Of the names of entries those that begin as was typed; of many, how they go on up to the next dot.
 * Names that a line cannot hold are left out.
 */
export function namesBeginning(typed: string, names: readonly string[]): string[] {
  const found = names.filter(name => name.startsWith(typed) && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name));
  if (found.length <= MAX_NAMES) return found;
  const parts = found.map(name => {
    const dot = name.indexOf('.', typed.length);
    return dot === -1 ? name : name.slice(0, dot + 1);
  });
  return [...new Set(parts)];
}
