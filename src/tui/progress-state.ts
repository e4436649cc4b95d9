import type { ConvertProgress } from '../ops/convert.js';

/**
 * What a view of a conversion's progress knows. Pure: times come in with the actions, in milliseconds of any
 * one clock.
 */
export interface ProgressState {
  phase: ConvertProgress['phase'];
  byteCount: number;
  byteTotal: number;
  startedAt: number;
  /** The latest time known. */
  at: number;
  /** How far the copy was lately, oldest first: at most {@link RATE_WINDOW} long, for the rate. */
  samples: readonly ProgressSample[];
  interrupted: boolean;
}

export interface ProgressSample {
  at: number;
  byteCount: number;
}

export type ProgressAction =
  | { type: 'progress'; progress: ConvertProgress; at: number }
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
      if (progress.phase !== 'copy') return { ...state, phase: progress.phase, at };
      const { byteCount, byteTotal } = progress;
      return { ...state, phase: 'copy', byteCount, byteTotal, at, samples: sample(state, byteCount, at) };
    }
  }
}

/** The first progress of a copy is taken as its start, so that the time before it does not count. */
function sample(state: ProgressState, byteCount: number, at: number): readonly ProgressSample[] {
  const last = state.samples.at(-1);
  if (last !== undefined && at - last.at < SAMPLE_INTERVAL) return state.samples;
  const recent = state.samples.filter(old => at - old.at <= RATE_WINDOW);
  return [...recent, { at, byteCount }];
}

/** Share of the bytes that are copied, in [0, 1]; undefined outside of the copy, or where there is nothing to copy. */
export function fractionOf(state: ProgressState): number | undefined {
  if (state.phase !== 'copy' || state.byteTotal === 0) return undefined;
  return Math.min(1, state.byteCount / state.byteTotal);
}

/** Bytes a second lately; a copy that stalls gets slower with every tick. */
export function rateOf(state: ProgressState): number | undefined {
  const first = state.samples[0];
  if (state.phase !== 'copy' || first === undefined || state.at - first.at < RATE_AFTER) return undefined;
  return ((state.byteCount - first.byteCount) * 1000) / (state.at - first.at);
}

/** Seconds that the rest of the copy takes at the rate of late. */
export function remainingSecondsOf(state: ProgressState): number | undefined {
  const rate = rateOf(state);
  if (rate === undefined || rate <= 0) return undefined;
  return (state.byteTotal - state.byteCount) / rate;
}
