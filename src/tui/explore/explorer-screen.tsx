import { render } from 'ink';
import type { Explorer } from '../../ops/explore/explorer.js';
import { ExplorerView } from './explorer-view.js';
import { FrameStream } from './frame-stream.js';
import { actionOf } from './keys.js';
import { LoadRunner } from './load-runner.js';
import type { ColorDepth } from './palette.js';
import { type ExplorerEvent, explorerReducer } from './reducer.js';
import { initialState } from './state.js';
import { Suspension } from './suspension.js';
import { buildTree } from './tree-model.js';

export interface ExplorerScreenOptions {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  depth: ColorDepth;
  unicode: boolean;
  /** Ends it, as the key `q` does. */
  signal: AbortSignal;
}

/**
 * What ended a screen: the user, the signal, or that the terminal is there no more. Not an error, which the command
 * line would not know: screens have a bundle of their own, with classes of their own.
 */
export type ScreenEnd = 'quit' | 'interrupted' | 'gone';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?2026l\u001b[0m\u001b[?25h\u001b[?1049l';
const SUSPEND = 'ctrl-z';
/** What a stream of a terminal says that is there no more. */
const GONE = ['end', 'error', 'close'] as const;

/**
 * Shows a checkpoint until the user quits. The terminal is given back as it was, whatever happens.
 * @throws what the view throws.
 */
export async function runExplorerScreen(
  explorer: Explorer,
  { stdin, stdout, depth, unicode, signal }: ExplorerScreenOptions,
): Promise<ScreenEnd> {
  const { checkpoint } = explorer;
  const name = /([^/]+)\/*$/.exec(checkpoint.path)?.[1] ?? checkpoint.path;
  const frames = new FrameStream(stdout);
  let state = initialState(checkpoint, buildTree(checkpoint.entries, name, checkpoint.holderOf), {
    columns: frames.columns,
    lines: frames.rows,
  });
  let finish: (end: ScreenEnd) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const ended = new Promise<ScreenEnd>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });

  const loads = new LoadRunner(explorer, event => dispatch(event));
  let isDrawQueued = false;
  const dispatch = (event: ExplorerEvent): void => {
    state = explorerReducer(state, event);
    loads.follow(state);
    if (state.isDone) {
      finish('quit');
      return;
    }
    // Keys that came together are drawn together.
    if (isDrawQueued) return;
    isDrawQueued = true;
    setImmediate(draw);
  };
  const onKeys = (keys: readonly string[]): void => {
    // Text that was pasted is searched for once, not letter by letter.
    let text = '';
    const typed = (): void => {
      if (text !== '') dispatch({ type: 'text', text });
      text = '';
    };
    for (const key of keys) {
      const action = actionOf(key, state.prompt !== undefined);
      if (action?.type === 'text') {
        text += action.text;
        continue;
      }
      typed();
      if (key === SUSPEND) suspension.suspend();
      if (action !== undefined) dispatch(action);
    }
    typed();
  };
  const view = () => <ExplorerView state={state} depth={depth} unicode={unicode} onKeys={onKeys} />;
  let ink: ReturnType<typeof render> | undefined;
  const draw = (): void => {
    isDrawQueued = false;
    ink?.rerender(view());
  };

  const restore = (): void => {
    frames.close();
    stdout.write(LEAVE);
  };
  const onResize = (): void => {
    frames.forget();
    dispatch({ type: 'resize', columns: frames.columns, lines: frames.rows });
  };
  const suspension = new Suspension(process, {
    leave: () => {
      setRawMode(stdin, false);
      stdout.write(LEAVE);
    },
    enter: () => {
      // Off and on: after a stop that nobody told of it is on only as far as libuv knows.
      setRawMode(stdin, false);
      setRawMode(stdin, true);
      stdout.write(ENTER);
      onResize();
      // Only what is in the foreground is told of a new size: let Node ask for it.
      process.kill(process.pid, 'SIGWINCH');
    },
  });
  // A terminal that is gone can neither be read nor written.
  const onGone = (): void => finish('gone');
  const onAbort = (): void => finish('interrupted');

  stdout.write(ENTER);
  // An error that nobody catches is told on a terminal that can be read.
  process.prependListener('uncaughtException', restore);
  process.on('exit', restore);
  stdout.on('resize', onResize);
  stdout.on('error', onGone);
  for (const event of GONE) stdin.on(event, onGone);
  signal.addEventListener('abort', onAbort);
  try {
    ink = render(view(), {
      stdout: frames as unknown as NodeJS.WriteStream,
      stdin,
      debug: true,
      exitOnCtrlC: false,
      patchConsole: false,
    });
    ink.waitUntilExit().catch(fail);
    loads.follow(state);
    return await ended;
  } finally {
    frames.close();
    loads.close();
    signal.removeEventListener('abort', onAbort);
    stdout.off('resize', onResize);
    suspension.dispose();
    ink?.unmount();
    restore();
    for (const event of GONE) stdin.off(event, onGone);
    stdout.off('error', onGone);
    process.off('exit', restore);
    process.off('uncaughtException', restore);
  }
}

/** A terminal that is gone has no modes. */
function setRawMode(stdin: NodeJS.ReadStream, isRaw: boolean): void {
  try {
    stdin.setRawMode(isRaw);
  } catch {
    // Its streams say so as well.
  }
}
