import { formatCount } from '../units.js';
import { columnText, type Line, line, wrapHard } from './line.js';
import type { Loaded } from './state.js';

/** What stands in place of what is not there: because it is being read, or cannot be. */
export function waitingLines(loaded: Loaded | undefined, width: number): Line[] {
  if (loaded === undefined) {
    return [line('The data is not at hand: this is an index on its own.', 'dim')];
  }
  if (loaded.state === 'reading')
    return [line(loaded.share === 0 ? 'reading' : readingText(loaded.share), 'dim')];
  if (loaded.state !== 'failed') return [];
  const { message, hint } = loaded;
  return [
    ...wrapHard(columnText(message), width).map(text => line(text, 'error')),
    ...(hint === undefined ? [] : wrapHard(columnText(hint), width).map(text => line(text, 'dim'))),
  ];
}

function readingText(share: number): string {
  return `reading: ${formatCount(Math.floor(share * 100))} %`;
}
