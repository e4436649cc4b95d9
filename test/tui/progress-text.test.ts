import { initialProgress, type ProgressState } from '../../src/tui/progress-state.js';
import { barText, percentText, progressLine } from '../../src/tui/progress-text.js';
import { equal, is, suite } from '../suite.js';

const GIB = 1024 ** 3;
const copying: ProgressState = {
  ...initialProgress(0),
  phase: 'copy',
  byteCount: GIB,
  byteTotal: 4 * GIB,
  at: 2000,
  samples: [{ at: 0, byteCount: 0 }],
};

suite('progress text', ({ each }) => {
  each(
    [
      [initialProgress(0), 'reading the index: 0 s so far'],
      [{ ...initialProgress(0), phase: 'plan', at: 12_000 }, 'planning: 12 s so far'],
      [copying, 'copying: 25 %, 1.00 GiB of 4.00 GiB, 512 MiB/s, 6 s left'],
      [{ ...copying, samples: [] }, 'copying: 25 %, 1.00 GiB of 4.00 GiB'],
      [{ ...copying, phase: 'finish', at: 5000 }, 'flushing to the disk: 5 s so far'],
      [{ ...copying, interrupted: true }, 'interrupted, cleaning up: 2 s so far'],
    ] as [ProgressState, string][],
    ([, line]) => line,
    ([state, line]) => is(progressLine(state), line),
  );

  each(
    [
      [0, '0 %'],
      [0.999, '99 %'],
      [1, '100 %'],
    ] as const,
    ([fraction, text]) => `${fraction} is ${text}`,
    ([fraction, text]) => is(percentText(fraction), text),
  );

  each(
    [
      [0, true, '', '░░░░'],
      [0.5, true, '██', '░░'],
      [0.99, true, '███', '░'],
      [1, true, '████', ''],
      [0.5, false, '##', '--'],
    ] as const,
    ([fraction, unicode]) => `bar at ${fraction}, ${unicode ? 'Unicode' : 'ASCII'}`,
    ([fraction, unicode, filled, rest]) => equal(barText(fraction, 4, unicode), { filled, rest }),
  );
});
