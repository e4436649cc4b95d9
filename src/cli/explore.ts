import { InterruptedError, UsageError } from '../errors.js';
import type { ColorDepth } from '../tui/explore/palette.js';
import { printable } from '../tui/printable.js';
import type { ExploreRequest } from './commands/explore.js';
import { EXIT_DONE } from './exit-codes.js';
import { listenForEnding } from './interruption.js';
import { EndedBySignal } from './long-run.js';
import type { Screens, Terminal } from './terminal.js';

/** Runs `dcp explore` and returns the exit code. @throws as opening does; UsageError where there is no terminal. */
export async function runExplore({ path }: ExploreRequest, { stdout }: Screens): Promise<number> {
  requireTerminal(path, stdout);
  const ending = listenForEnding(process, () => {});
  try {
    return await Promise.race([explore(path, stdout, ending.signal), ending.atOnce]);
  } catch (error) {
    throw error instanceof InterruptedError && ending.exitCode !== undefined
      ? new EndedBySignal(ending.exitCode, error)
      : error;
  } finally {
    ending.dispose();
  }
}

async function explore(path: string, terminal: Terminal, signal: AbortSignal): Promise<number> {
  const { stdin, stdout } = process;
  // An index of a hundred thousand tensors takes seconds, in which nothing else can be drawn.
  stdout.write(`reading the index of ${printable(path)}`);
  const clear = (): void => void stdout.write('\r\u001b[K');
  // React's development build is slower and talks.
  process.env.NODE_ENV ??= 'production';
  let explorer: Awaited<ReturnType<typeof import('../ops/explore/explorer.js')['openExplorer']>>;
  try {
    const { openExplorer } = await import('../ops/explore/explorer.js');
    explorer = await openExplorer(path);
  } finally {
    clear();
  }
  try {
    const { runExplorerScreen } = await import('../tui/explore/explorer-screen.js');
    await runExplorerScreen(explorer, {
      stdin,
      stdout,
      depth: colorDepthOf(terminal),
      unicode: terminal.unicode,
      signal,
    });
  } finally {
    explorer.close();
  }
  return EXIT_DONE;
}

function requireTerminal(path: string, stdout: Terminal): void {
  if (process.stdin.isTTY && stdout.isTty && stdout.isSmart) return;
  throw new UsageError('dcp explore needs a terminal, to draw on and to read keys from', {
    hint: `dcp inspect ${path} prints what is in a checkpoint, dcp stats its numbers, dcp extract --format text values.`,
  });
}

function colorDepthOf({ colors, has256Colors }: Terminal): ColorDepth {
  if (!colors) return 'none';
  return has256Colors ? '256' : '16';
}
