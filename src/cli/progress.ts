import type { Progress } from '../ops/progress.js';
import { progressEvent } from '../tui/progress-event.js';
import type { ProgressScreen } from '../tui/progress-screen.js';
import {
  initialProgress,
  type ProgressAction,
  type ProgressState,
  progressReducer,
} from '../tui/progress-state.js';
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
  eventInterval: number;
}

const TIMING: ProgressTiming = {
  screenAfter: 400,
  screenInterval: 100,
  lineInterval: 5000,
  eventInterval: 500,
};

/** `events` are lines of JSON. */
export type ProgressKind = 'none' | 'lines' | 'screen' | 'events';

export function openProgress(
  kind: ProgressKind,
  stderr: NodeJS.WriteStream,
  terminal: Terminal,
  timing: ProgressTiming = TIMING,
): ProgressReporter {
  if (kind === 'none') return { onProgress: () => {}, onInterrupt: () => {}, close: () => {} };
  if (kind === 'events') return openEvents(stderr, timing);
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

/**
 * An event at the beginning of each phase, at its end where it counts bytes, and at most one an interval between: an
 * operation that is over soon tells of itself too.
 */
function openEvents(stderr: NodeJS.WriteStream, timing: ProgressTiming): ProgressReporter {
  const now = (): number => performance.now();
  let state = initialProgress(now());
  let told: ProgressState | undefined;
  const tell = (): void => {
    told = state;
    stderr.write(`${JSON.stringify(progressEvent(state))}\n`);
  };
  const tellRest = (): void => {
    if (told?.phase !== state.phase || told.byteCount !== state.byteCount) tell();
  };
  const dispatch = (action: ProgressAction): void => {
    state = progressReducer(state, action);
  };
  tell();
  const timer = setInterval(() => {
    dispatch({ type: 'tick', at: now() });
    tell();
  }, timing.eventInterval).unref();
  return {
    onProgress: progress => {
      const isNext = progress.phase !== state.phase;
      if (isNext) tellRest();
      dispatch({ type: 'progress', progress, at: now() });
      if (isNext) tell();
    },
    onInterrupt: () => {
      dispatch({ type: 'interrupt', at: now() });
      tell();
    },
    close: () => {
      clearInterval(timer);
      tellRest();
    },
  };
}
