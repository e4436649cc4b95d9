import { InterruptedError, UsageError } from '../errors.js';
import type { Explorer } from '../ops/explore/explorer.js';
import type { ColorDepth } from '../tui/explore/palette.js';
import { printable } from '../tui/printable.js';
import type { ExploreRequest } from './commands/explore.js';
import { EXIT_DONE } from './exit-codes.js';
import { listenForEnding } from './interruption.js';
import { EndedBySignal } from './long-run.js';
import type { Screens, Terminal } from './terminal.js';

/** Runs `dcp explore` and returns the exit code. @throws as opening does; UsageError where there is no terminal. */
export async function runExplore(request: ExploreRequest, { stdout }: Screens): Promise<number> {
  requireTerminal(request.path, stdout);
  const explorer = await open(request);
  // Not before: a signal ends the reading of an index at once, as nothing has to be put right.
  const ending = listenForEnding(process, () => {});
  try {
    // React's development build is slower and talks.
    process.env.NODE_ENV ??= 'production';
    const { runExplorerScreen } = await import('../tui/explore/explorer-screen.js');
    const end = await runExplorerScreen(explorer, {
      stdin: process.stdin,
      stdout: process.stdout,
      depth: colorDepthOf(stdout),
      unicode: stdout.unicode,
      signal: ending.signal,
    });
    if (end === 'quit') return EXIT_DONE;
    const error = new InterruptedError(end === 'gone' ? 'The terminal is gone' : 'Interrupted');
    throw ending.exitCode === undefined ? error : new EndedBySignal(ending.exitCode, error);
  } finally {
    ending.dispose();
    explorer.close();
  }
}

/** An index of a hundred thousand tensors takes seconds, in which nothing can be drawn: a line says so before. */
async function open({ path, keys }: ExploreRequest): Promise<Explorer> {
  const { stdout } = process;
  stdout.write(`reading the index of ${printable(path)} `);
  try {
    const { openExplorer } = await import('../ops/explore/explorer.js');
    return await openExplorer(path, keys === undefined ? {} : { keys });
  } finally {
    stdout.write('\r\u001b[2K');
  }
}

function requireTerminal(path: string, stdout: Terminal): void {
  const isTerminal = process.stdin.isTTY && stdout.isTty;
  if (isTerminal && stdout.isSmart) return;
  const { TERM = '' } = process.env;
  const message = isTerminal
    ? 'dcp explore needs a terminal whose cursor can be moved'
    : 'dcp explore needs a terminal, to draw on and to read keys from';
  throw new UsageError(message, {
    ...(isTerminal ? { found: TERM === '' ? 'no TERM in the environment' : `TERM=${TERM}` } : {}),
    hint: `dcp inspect ${path} prints what is in a checkpoint, dcp stats its numbers, dcp extract --format text values.`,
  });
}

function colorDepthOf({ colors, has256Colors }: Terminal): ColorDepth {
  if (!colors) return 'none';
  return has256Colors ? '256' : '16';
}
