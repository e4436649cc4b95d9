import { InterruptedError } from '../errors.js';
import type { Progress } from '../ops/progress.js';
import { listenForEnding } from './interruption.js';
import { openProgress, type ProgressKind } from './progress.js';
import type { ProgressChoice } from './shared-options.js';
import type { Screens, Terminal } from './terminal.js';

/** What an operation that takes long is given. */
export interface LongRunHooks {
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
}

export interface LongRunOptions {
  /** What was asked for; undefined: what suits stderr and the other options. */
  progress?: ProgressChoice | undefined;
  /** No progress that was not asked for. */
  quiet?: boolean;
  /** No drawing that was not asked for: progress in lines. */
  json: boolean;
  /** What to know after an interruption. */
  hint?: string;
}

/**
 * Runs an operation with its progress on stderr, and ends it at a signal. Returns its result, or the exit code where
 * a second signal did not wait for it.
 * @throws as the operation does; {@link EndedBySignal} where a signal interrupted it.
 */
export async function runLong<Result extends object>(
  { progress: choice, quiet = false, json, hint }: LongRunOptions,
  { stderr }: Screens,
  work: (hooks: LongRunHooks) => Promise<Result>,
): Promise<Result | number> {
  const progress = openProgress(progressKind(choice, quiet, json, stderr), process.stderr, stderr);
  const ending = listenForEnding(process, () => progress.onInterrupt());
  try {
    return await Promise.race([
      work({ signal: ending.signal, onProgress: progress.onProgress }),
      ending.atOnce,
    ]);
  } catch (error) {
    throw error instanceof InterruptedError && ending.exitCode !== undefined
      ? new EndedBySignal(ending.exitCode, error, hint)
      : error;
  } finally {
    progress.close();
    ending.dispose();
  }
}

/** An interruption with the exit code that says by what. */
export class EndedBySignal extends InterruptedError {
  constructor(
    readonly exitCode: number,
    cause: InterruptedError,
    hint?: string,
  ) {
    // What the operation says of its state is more exact.
    const own = cause.hint ?? hint;
    super('Interrupted', { ...(own === undefined ? {} : { hint: own }), cause });
  }
}

export function progressKind(
  choice: ProgressChoice | undefined,
  quiet: boolean,
  json: boolean,
  stderr: Terminal,
): ProgressKind {
  switch (choice) {
    case 'json':
      return 'events';
    case 'lines':
    case 'none':
      return choice;
    case 'auto':
      return stderr.animates ? 'screen' : 'lines';
    case undefined:
      if (quiet) return 'none';
      return stderr.animates && !json ? 'screen' : 'lines';
  }
}
