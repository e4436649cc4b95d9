import { Box, Text } from 'ink';
import { fractionOf, type ProgressState } from './progress-state.js';
import { barText, bytesText, percentText, phaseText } from './progress-text.js';
import { displayWidth, shortenEnd } from './text-width.js';

export interface ProgressViewProps {
  state: ProgressState;
  /** Columns of the terminal. */
  columns: number;
  unicode: boolean;
  colors: boolean;
}

const MAX_BAR_WIDTH = 40;
const MIN_BAR_WIDTH = 8;
/** Of `1023 MiB of 1023 MiB, 1023 MiB/s, 59 min 59 s left`: the bar must not move when the numbers get shorter. */
const DETAILS_WIDTH = 50;

/** One line that never wraps: phase, bar, share, bytes, rate and the time left. */
export function ProgressView({ state, columns, unicode, colors }: ProgressViewProps) {
  // The last column stays free: some terminals wrap when it is written to.
  const width = Math.max(1, columns - 1);
  const fraction = fractionOf(state);
  if (fraction === undefined || state.interrupted) return <Text>{shortenEnd(phaseText(state), width)}</Text>;
  const phase = `${phaseText(state)}  `;
  const share = `  ${percentText(fraction).padStart(5)}`;
  const details = `  ${bytesText(state)}`;
  const room = width - displayWidth(phase) - displayWidth(share) - 2 - DETAILS_WIDTH;
  if (room < MIN_BAR_WIDTH) {
    return <Text>{shortenEnd(`${percentText(fraction)}  ${bytesText(state)}`, width)}</Text>;
  }
  const { filled, rest } = barText(fraction, Math.min(room, MAX_BAR_WIDTH), unicode);
  return (
    <Box>
      <Text>{phase}</Text>
      <Text {...(colors ? { color: 'cyan' } : {})}>{filled}</Text>
      <Text dimColor={colors}>{rest}</Text>
      <Text>{`${share}${details}`}</Text>
    </Box>
  );
}
