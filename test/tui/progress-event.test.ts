import { progressEvent } from '../../src/tui/progress-event.js';
import { initialProgress, type ProgressState, progressReducer } from '../../src/tui/progress-state.js';
import { equal, is, suite } from '../suite.js';

const copying: ProgressState = {
  ...initialProgress(0),
  phase: 'copy',
  byteCount: 1000,
  byteTotal: 4000,
  at: 2000.5,
  samples: [{ at: 0.5, byteCount: 0 }],
};

suite('progress event', ({ test, each }) => {
  each<readonly [name: string, state: ProgressState, expected: object]>(
    [
      ['opening', initialProgress(7), { phase: 'open', elapsed_seconds: 0 }],
      [
        'copying',
        copying,
        {
          phase: 'copy',
          elapsed_seconds: 2.001,
          byte_count: 1000,
          byte_total: 4000,
          bytes_per_second: 500,
          remaining_seconds: 6,
        },
      ],
      [
        'no rate yet',
        { ...copying, samples: [] },
        { phase: 'copy', elapsed_seconds: 2.001, byte_count: 1000, byte_total: 4000 },
      ],
      [
        'interrupted',
        { ...initialProgress(0), phase: 'plan', interrupted: true },
        { phase: 'plan', elapsed_seconds: 0, interrupted: true },
      ],
    ],
    ([name]) => name,
    ([, state, expected]) => equal(progressEvent(state), { event: 'progress', ...expected }),
  );

  test('a phase that begins again has a rate of its own', () => {
    const again = progressReducer(copying, {
      type: 'progress',
      progress: { phase: 'copy', byteCount: 0, byteTotal: 50 },
      at: 3000,
    });
    is(progressEvent(again).bytes_per_second, undefined);
  });
});
