import type { Progress } from '../ops/progress.js';
import type { ProgressScreen } from '../tui/progress-screen.js';
import { initialProgress, type ProgressAction, progressReducer } from '../tui/progress-state.js';
import { phaseText, progressLine } from '../tui/progress-text.js';
import type { Terminal } from './terminal.js';

/** Tells on stderr how far an operation is. Nothing is printed by one that is over soon. */
export interface ProgressReporter {
  onProgress(progress: Progress): void;
  /** The user asked to stop. */
  onInterrupt(): void;
  /** Ends all drawing; to be called before anything else is printed. */
  close(): void;
}

/** Milliseconds. */
export interface ProgressTiming {
  /** Loading ink takes a quarter of a second: only for what takes longer than that. */
  screenAfter: number;
  screenInterval: number;
  lineInterval: number;
}

const TIMING: ProgressTiming = { screenAfter: 400, screenInterval: 100, lineInterval: 5000 };

export function openProgress(
  kind: 'none' | 'lines' | 'screen',
  stderr: NodeJS.WriteStream,
  terminal: Terminal,
  timing: ProgressTiming = TIMING,
): ProgressReporter {
  if (kind === 'none') return { onProgress: () => {}, onInterrupt: () => {}, close: () => {} };
  const now = (): number => performance.now();
  let state = initialProgress(now());
  let isClosed = false;
  const dispatch = (action: ProgressAction): void => {
    state = progressReducer(state, action);
  };
  const timers: NodeJS.Timeout[] = [];
  const every = (interval: number, action: () => void): void => {
    // The work keeps the process alive, not the wish to tell about it.
    timers.push(setInterval(action, interval).unref());
  };

  let screen: ProgressScreen | undefined;
  const draw = (): void => {
    dispatch({ type: 'tick', at: now() });
    screen?.draw(state);
  };
  const startScreen = async (): Promise<void> => {
    // React's development build is slower and talks.
    process.env.NODE_ENV ??= 'production';
    const { openProgressScreen } = await import('../tui/progress-screen.js');
    if (isClosed) return;
    screen = openProgressScreen(stderr, terminal);
    draw();
    every(timing.screenInterval, draw);
  };
  const startLines = (): void => {
    every(timing.lineInterval, () => {
      dispatch({ type: 'tick', at: now() });
      stderr.write(`dcp: ${progressLine(state)}\n`);
    });
  };
  if (kind === 'lines') startLines();
  else {
    // A line in place is a comfort: where it cannot be drawn, plain lines do.
    timers.push(setTimeout(() => void startScreen().catch(startLines), timing.screenAfter).unref());
  }

  return {
    onProgress: progress => dispatch({ type: 'progress', progress, at: now() }),
    onInterrupt: () => {
      dispatch({ type: 'interrupt', at: now() });
      if (screen !== undefined) screen.draw(state);
      else if (terminal.isTty) stderr.write(`dcp: ${phaseText(state)}\n`);
    },
    close: () => {
      isClosed = true;
      for (const timer of timers) clearInterval(timer);
      screen?.close();
    },
  };
}
