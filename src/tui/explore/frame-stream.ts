import { EventEmitter } from 'node:events';

const ESC = '\u001b[';
/** The terminal shows nothing of what lies between these until it is whole (where it knows them). */
const BEGIN_UPDATE = `${ESC}?2026h`;
const END_UPDATE = `${ESC}?2026l`;

/**
 * What makes the screen show `next` where it shows `previous`: lines that differ, each at its place. No line is ended by
 * a line break, so nothing scrolls, and a screen may be filled to its last row.
 */
export function frameUpdate(previous: readonly string[] | undefined, next: readonly string[]): string {
  const parts: string[] = [];
  if (previous === undefined) parts.push(`${ESC}0m${ESC}2J`);
  for (const [row, line] of next.entries()) {
    if (previous?.[row] === line) continue;
    parts.push(`${ESC}${row + 1};1H${line}${ESC}0m${ESC}K`);
  }
  for (let row = next.length; row < (previous?.length ?? 0); row++) parts.push(`${ESC}${row + 1};1H${ESC}K`);
  return parts.length === 0 ? '' : BEGIN_UPDATE + parts.join('') + END_UPDATE;
}

/**
 * The stream that ink writes whole frames to (its `debug` mode). Ink's own way of drawing goes up from the last line by
 * counting lines: that is wrong after the terminal was resized, and clears the whole screen where it is filled.
 */
export class FrameStream extends EventEmitter {
  private shown: readonly string[] | undefined;
  private isClosed = false;

  constructor(private readonly terminal: NodeJS.WriteStream) {
    super();
  }

  /** Ink asks for them. A fresh pseudo-terminal may say 0. */
  get columns(): number {
    return this.terminal.columns || 80;
  }

  get rows(): number {
    return this.terminal.rows || 24;
  }

  /** Draws a frame. Anything but a frame, which ink writes when it ends, is not for the screen. */
  write = (frame: string, done?: () => void): boolean => {
    if (!this.isClosed && frame !== '') {
      const lines = frame.split('\n');
      const update = frameUpdate(this.shown, lines);
      this.shown = lines;
      if (update !== '') this.terminal.write(update);
    }
    done?.();
    return true;
  };

  /** What the terminal shows is not known any more: the next frame is drawn whole. */
  forget(): void {
    this.shown = undefined;
  }

  close(): void {
    this.isClosed = true;
  }
}
