import { render } from 'ink-testing-library';
import { initialProgress, type ProgressState } from '../../src/tui/progress-state.js';
import { ProgressView } from '../../src/tui/progress-view.js';
import { displayWidth } from '../../src/tui/text-width.js';
import { is, ok, suite } from '../suite.js';

const GIB = 1024 ** 3;
const copying: ProgressState = {
  ...initialProgress(0),
  phase: 'copy',
  byteCount: GIB,
  byteTotal: 4 * GIB,
  at: 2000,
  samples: [{ at: 0, byteCount: 0 }],
};

function frameOf(state: ProgressState, columns: number, unicode = true): string {
  const { lastFrame, unmount } = render(
    <ProgressView state={state} columns={columns} unicode={unicode} colors={false} />,
  );
  const frame = lastFrame() ?? '';
  unmount();
  return frame;
}

suite('progress view', ({ each, test }) => {
  each(
    [
      {
        columns: 90,
        frame: `copying  ${'█'.repeat(5)}${'░'.repeat(16)}   25 %  1.00 GiB of 4.00 GiB, 512 MiB/s, 6 s left`,
      },
      {
        columns: 77,
        frame: 'copying  ██░░░░░░   25 %  1.00 GiB of 4.00 GiB, 512 MiB/s, 6 s left',
      },
      { columns: 76, frame: '25 %  1.00 GiB of 4.00 GiB, 512 MiB/s, 6 s left' },
      { columns: 30, frame: '25 %  1.00 GiB of 4.00 GiB...' },
    ],
    row => `a copy in ${row.columns} columns`,
    row => is(frameOf(copying, row.columns), row.frame),
  );

  each(
    [
      [initialProgress(0), 'reading the index'],
      [{ ...copying, phase: 'plan' }, 'planning'],
      [{ ...copying, phase: 'finish' }, 'flushing to the disk'],
      [{ ...copying, interrupted: true }, 'interrupted, cleaning up'],
    ] as [ProgressState, string][],
    ([, frame]) => frame,
    ([state, frame]) => is(frameOf(state, 80), frame),
  );

  test('ASCII where the locale has no more', () => {
    ok(frameOf(copying, 80, false).includes('##---------'));
  });

  test('no width makes it wrap', () => {
    for (let columns = 1; columns <= 100; columns++) {
      const frame = frameOf(copying, columns);
      ok(!frame.includes('\n') && displayWidth(frame) <= Math.max(1, columns - 1), `${columns}: ${frame}`);
    }
  });
});
