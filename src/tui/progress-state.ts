import type { BytePhase, Progress } from '../ops/progress.js';

/**
 * What a view of an operation's progress knows. Pure: times come in with the actions, in milliseconds of any
 * one clock.
 */
export interface ProgressState {
  phase: Progress['phase'];
  byteCount: number;
  byteTotal: number;
  startedAt: number;
  /** The latest time known. */
  at: number;
  /** How far it was lately in this phase, oldest first: at most {@link RATE_WINDOW} long, for the rate. */
  samples: readonly ProgressSample[];
  interrupted: boolean;
}

export interface ProgressSample {
  at: number;
  byteCount: number;
}

export type ProgressAction =
  | { type: 'progress'; progress: Progress; at: number }
  | { type: 'tick'; at: number }
  | { type: 'interrupt'; at: number };

const SAMPLE_INTERVAL = 250;
const RATE_WINDOW = 5000;
/** A rate of less time than this says nothing. */
const RATE_AFTER = 500;

export function initialProgress(at: number): ProgressState {
  return { phase: 'open', byteCount: 0, byteTotal: 0, startedAt: at, at, samples: [], interrupted: false };
}

export function progressReducer(state: ProgressState, action: ProgressAction): ProgressState {
  const at = Math.max(state.at, action.at);
  switch (action.type) {
    case 'tick':
      return { ...state, at };
    case 'interrupt':
      return { ...state, at, interrupted: true };
    case 'progress': {
      const { progress } = action;
      if (!('byteCount' in progress)) return { ...state, phase: progress.phase, at };
      const { byteCount, byteTotal } = progress;
      // The same phase may begin again with something else.
      const goesOn = progress.phase === state.phase && byteCount >= state.byteCount;
      const samples = sample(goesOn ? state.samples : [], byteCount, at);
      return { ...state, phase: progress.phase, byteCount, byteTotal, at, samples };
    }
  }
}

/** The first progress of a phase is taken as its start, so that the time before it does not count. */
function sample(
  samples: readonly ProgressSample[],
  byteCount: number,
  at: number,
): readonly ProgressSample[] {
  const last = samples.at(-1);
  if (last !== undefined && at - last.at < SAMPLE_INTERVAL) return samples;
  const recent = samples.filter(old => at - old.at <= RATE_WINDOW);
  return [...recent, { at, byteCount }];
}

const BYTE_PHASES: readonly string[] = ['copy', 'count', 'compare', 'verify'] satisfies BytePhase[];

/** Whether the phase is one in which bytes are counted. */
export function countsBytes({ phase }: ProgressState): boolean {
  return BYTE_PHASES.includes(phase);
}

/** Share of the bytes that are done, in [0, 1]; undefined in a phase without bytes, or where there are none. */
export function fractionOf(state: ProgressState): number | undefined {
  if (!countsBytes(state) || state.byteTotal === 0) return undefined;
  return Math.min(1, state.byteCount / state.byteTotal);
}

/** Bytes a second lately; what stalls gets slower with every tick. */
export function rateOf(state: ProgressState): number | undefined {
  const first = state.samples[0];
  if (!countsBytes(state) || first === undefined || state.at - first.at < RATE_AFTER) return undefined;
  return ((state.byteCount - first.byteCount) * 1000) / (state.at - first.at);
}

/** Seconds that the rest of the phase takes at the rate of late. */
export function remainingSecondsOf(state: ProgressState): number | undefined {
  const rate = rateOf(state);
  if (rate === undefined || rate <= 0) return undefined;
  return (state.byteTotal - state.byteCount) / rate;
}
