import { render } from 'ink';
import type { ProgressState } from './progress-state.js';
import { ProgressView } from './progress-view.js';

export interface ProgressScreen {
  draw(state: ProgressState): void;
  /** Takes the line off the screen and gives the cursor back. */
  close(): void;
}

const CURSOR_UP = '\u001b[1A';

/** Draws progress on a terminal: stderr, so that stdout stays free for the result. */
export function openProgressScreen(
  terminal: NodeJS.WriteStream,
  { unicode, colors }: { unicode: boolean; colors: boolean },
): ProgressScreen {
  const view = (state: ProgressState) => (
    // A fresh pseudo-terminal may say 0 columns.
    <ProgressView state={state} columns={terminal.columns || 80} unicode={unicode} colors={colors} />
  );
  let ink: ReturnType<typeof render> | undefined;
  return {
    draw(state) {
      if (ink !== undefined) return ink.rerender(view(state));
      // Signals and what is printed are the command line's affair, not ink's.
      ink = render(view(state), {
        stdout: terminal,
        stderr: terminal,
        exitOnCtrlC: false,
        patchConsole: false,
      });
    },
    close() {
      if (ink === undefined) return;
      ink.rerender(null);
      ink.unmount();
      ink = undefined;
      // ink ends even an empty frame with a line break.
      terminal.write(CURSOR_UP);
    },
  };
}
