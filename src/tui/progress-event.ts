import { countsBytes, type ProgressState, rateOf, remainingSecondsOf } from './progress-state.js';

/**
 * Where an operation is, for programs. Names and units are those of `docs/schemas/progress-event.schema.json`; fields
 * that are not known yet are left out.
 */
export interface ProgressEvent {
  event: 'progress';
  phase: ProgressState['phase'];
  /** Since the program began. */
  elapsed_seconds: number;
  /** Only in a phase that counts bytes. */
  byte_count?: number;
  byte_total?: number;
  /** Lately. */
  bytes_per_second?: number;
  /** What the rest of this phase takes at that rate. */
  remaining_seconds?: number;
  /** Only where it is so: the user asked to stop. */
  interrupted?: true;
}

export function progressEvent(state: ProgressState): ProgressEvent {
  const rate = rateOf(state);
  const remaining = remainingSecondsOf(state);
  return {
    event: 'progress',
    phase: state.phase,
    elapsed_seconds: rounded((state.at - state.startedAt) / 1000),
    ...(countsBytes(state) ? { byte_count: state.byteCount, byte_total: state.byteTotal } : {}),
    ...(rate === undefined ? {} : { bytes_per_second: Math.round(rate) }),
    ...(remaining === undefined ? {} : { remaining_seconds: rounded(remaining) }),
    ...(state.interrupted ? { interrupted: true as const } : {}),
  };
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
