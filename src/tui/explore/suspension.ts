/** The process, as far as stopping and going on are concerned. */
export type Stoppable = Pick<NodeJS.Process, 'on' | 'off' | 'kill'>;

export interface SuspensionHandlers {
  /** Gives the terminal back as it was. */
  leave(): void;
  /** Takes it again, and draws all. */
  enter(): void;
}

/** Longer than a process takes to stop that has sent itself the signal to. */
const STOPS_WITHIN_MS = 100;

/**
 * Stopping and going on (Ctrl-Z and `fg`) of a program that has the terminal to itself. In raw mode Ctrl-Z is a key, so
 * the program sends the signal that the terminal would have sent, to its whole group: what started it stops too. A group
 * that no shell watches over cannot be stopped so (POSIX, orphaned process groups): then it goes on at once.
 */
export class Suspension {
  private isLeft = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly process: Stoppable,
    private readonly handlers: SuspensionHandlers,
  ) {
    process.on('SIGTSTP', this.suspend);
    // Also after SIGSTOP, which nobody is told of: the shell has changed the terminal meanwhile.
    process.on('SIGCONT', this.resume);
  }

  readonly suspend = (): void => {
    if (this.isLeft) return;
    this.isLeft = true;
    this.handlers.leave();
    // Without a listener the signal does what it usually does.
    this.process.off('SIGTSTP', this.suspend);
    this.process.kill(0, 'SIGTSTP');
    this.timer = setTimeout(this.resume, STOPS_WITHIN_MS);
  };

  private readonly resume = (): void => {
    clearTimeout(this.timer);
    if (this.isLeft) this.process.on('SIGTSTP', this.suspend);
    this.isLeft = false;
    this.handlers.enter();
  };

  dispose(): void {
    clearTimeout(this.timer);
    this.process.off('SIGTSTP', this.suspend);
    this.process.off('SIGCONT', this.resume);
  }
}
