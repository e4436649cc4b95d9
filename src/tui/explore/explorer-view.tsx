import { Box, Text, useInput } from 'ink';
import { keysOf } from './keys.js';
import { type ColorDepth, paint } from './palette.js';
import { screenLines } from './screen-lines.js';
import type { ExplorerState } from './state.js';

export interface ExplorerViewProps {
  state: ExplorerState;
  depth: ColorDepth;
  unicode: boolean;
  /** Is given the keys that were pressed, in order. */
  onKeys(keys: readonly string[]): void;
}

/** The same object each time: what was drawn last is found again by it. */
const LOOKS = [true, false].flatMap(colors => [true, false].map(unicode => ({ colors, unicode })));

/** The whole screen. Only what is on it is made, however long the tree is. */
export function ExplorerView({ state, depth, unicode, onKeys }: ExplorerViewProps) {
  useInput((input, key) => onKeys(keysOf(input, key)));
  const look = LOOKS.find(known => known.colors === (depth !== 'none') && known.unicode === unicode)!;
  return (
    <Box flexDirection="column">
      {screenLines(state, look).map((spans, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen.
        <Text key={row} wrap="truncate">
          {paint(spans, depth)}
        </Text>
      ))}
    </Box>
  );
}
