import { countsBytes, fractionOf, type ProgressState, rateOf, remainingSecondsOf } from './progress-state.js';
import { formatBytes, formatDuration, formatRate } from './units.js';

const PHASES: Record<ProgressState['phase'], string> = {
  wait: 'waiting for the save to be complete',
  open: 'reading the index',
  plan: 'planning',
  copy: 'copying',
  count: 'counting',
  compare: 'comparing',
  verify: 'verifying',
  finish: 'flushing to the disk',
};

/** What is being done now. */
export function phaseText(state: ProgressState): string {
  return state.interrupted ? 'interrupted, cleaning up' : PHASES[state.phase];
}

export function percentText(fraction: number): string {
  // 100 % is for what is done.
  return `${Math.floor(fraction * 100)} %`;
}

/** `1.25 GiB of 4.00 GiB, 1.10 GiB/s, 3 s left`; empty in a phase without bytes. */
export function bytesText(state: ProgressState): string {
  if (!countsBytes(state)) return '';
  const parts = [`${formatBytes(state.byteCount)} of ${formatBytes(state.byteTotal)}`];
  const rate = rateOf(state);
  if (rate !== undefined) parts.push(formatRate(rate));
  const remaining = remainingSecondsOf(state);
  if (remaining !== undefined) parts.push(`${formatDuration(Math.ceil(remaining))} left`);
  return parts.join(', ');
}

/** One line for a log: `copying: 31 %, 1.25 GiB of 4.00 GiB, 1.10 GiB/s, 3 s left`. */
export function progressLine(state: ProgressState): string {
  const fraction = fractionOf(state);
  const phase = phaseText(state);
  if (fraction === undefined || state.interrupted) {
    return `${phase}: ${formatDuration((state.at - state.startedAt) / 1000)} so far`;
  }
  return `${phase}: ${percentText(fraction)}, ${bytesText(state)}`;
}

/** `width` columns, of which `fraction` is filled. */
export function barText(fraction: number, width: number, unicode: boolean): { filled: string; rest: string } {
  const [full, empty] = unicode ? ['\u2588', '\u2591'] : ['#', '-'];
  const count = Math.floor(fraction * width);
  return { filled: full.repeat(count), rest: empty.repeat(width - count) };
}
