import type { Output } from './output.js';
import type { Screens } from './terminal.js';

/**
 * A command of the program, as data: parser, help and suggestions are driven by it. What it runs is loaded when it
 * runs, so that help and small inspections start fast.
 */
export interface Command {
  readonly name: string;
  /** A few words for the list of commands. */
  readonly summary: string;
  readonly positionals: readonly Positional[];
  /** In the order of the help. A name has the same kind in every command. */
  readonly options: readonly OptionRow[];
  /** What it does, in lines of at most 80 characters. */
  readonly intro: readonly string[];
  /** What the positionals mean. */
  readonly positionalHelp: readonly (readonly [positional: string, text: string])[];
  readonly examples: readonly Example[];
  /** What exit code 1 means, where the command has it. */
  readonly problems?: string;
  /**
   * Checks what was given, and says what to do.
   * @throws UsageError that says what is wrong or contradictory.
   */
  prepare(given: GivenArguments): Invocation;
}

export interface Positional {
  readonly name: string;
  /** `one` unless told otherwise; `many` is one or more, `any` none or more, and both come last. */
  readonly kind?: 'one' | 'optional' | 'many' | 'any';
  /** The words that it can be. */
  readonly choices?: readonly string[];
  /** What a shell completes: a path unless told otherwise. */
  readonly completes?: 'fqn';
}

export interface OptionRow {
  readonly name: string;
  readonly kind: 'flag' | 'value' | 'values';
  /** One letter that stands for the name, as in `-o`. */
  readonly short?: string;
  /** How the help calls the value. */
  readonly valueName?: string;
  /** The words that the value can be, or some of them. */
  readonly choices?: readonly string[];
  /** What a shell completes besides. */
  readonly completes?: 'path' | 'fqn';
  /** The heading that it stands under in the help, with its neighbours of the same one. */
  readonly section?: string;
  readonly describe: string;
}

export type Example = readonly [purpose: string, command: string];

/** A checked command line. */
export interface Invocation {
  /** What was asked for, as plain data. */
  readonly request: object;
  /** Does it, and returns the exit code. @throws as the operation does. */
  run(output: Output, screens: Screens): Promise<number>;
}

/** What was given to a command: as many words as it has positionals, and only options that it has. */
export interface GivenArguments {
  readonly words: readonly string[];
  /** Of a flag given more than once the last counts. */
  flag(name: string): boolean;
  value(name: string): string | undefined;
  /** All values of an option that may be repeated; undefined where it is not given. */
  values(name: string): readonly string[] | undefined;
}

/** Options that stand under one heading in the help. */
export function inSection(section: string, rows: readonly OptionRow[]): OptionRow[] {
  return rows.map(row => ({ ...row, section }));
}

/** `dcp convert <mode> <src> <dst>`. */
export function usageOf({ name, positionals }: Command): string {
  const words = positionals.map(({ name: word, kind }) =>
    kind === 'optional'
      ? `[${word}]`
      : kind === 'many'
        ? `<${word}>...`
        : kind === 'any'
          ? `[${word}...]`
          : `<${word}>`,
  );
  return ['dcp', name, ...words].join(' ');
}
