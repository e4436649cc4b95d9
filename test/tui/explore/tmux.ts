/** A program in a real terminal: tmux has the pseudo-terminal, and tells what is on its screen. */
import { spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';

const FOUND = spawnSync('tmux', ['-V'], { encoding: 'utf8' });

/** Why there is no terminal to drive; undefined where there is one. */
export const NO_TMUX: string | undefined =
  FOUND.status === 0 ? undefined : 'tmux is not installed: apt-get install tmux';

let sessions = 0;

export interface TerminalOptions {
  columns: number;
  rows: number;
  cwd: string;
  env?: Readonly<Record<string, string>>;
}

export class TmuxTerminal {
  private readonly socket = `dcp-test-${process.pid}-${sessions++}`;

  /** Runs a line of the shell, which stays until the terminal is closed. */
  constructor(line: string, { columns, rows, cwd, env = {} }: TerminalOptions) {
    const settings = Object.entries({ LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...env });
    const exports = settings.map(([name, value]) => `export ${name}='${value}'; `).join('');
    this.tmux(
      ...['-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', cwd],
      `${exports}unset CI CONTINUOUS_INTEGRATION; ${line}; echo "ended $?"; sleep 600`,
    );
  }

  /** Text that is typed as it is. */
  type(text: string): void {
    this.tmux('send-keys', '-l', text);
  }

  /** Keys by the names that tmux has for them: `Down`, `Enter`, `C-c`, `PageUp`. */
  press(...keys: string[]): void {
    this.tmux('send-keys', ...keys);
  }

  resize(columns: number, rows: number): void {
    this.tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  /** The screen as text, without looks; blanks at the ends of lines are not there. */
  screen(): string {
    return this.tmux('capture-pane', '-p');
  }

  /** Waits until the screen shows something. What it shows in place of it is in the error. */
  async until(wanted: (screen: string) => boolean, what: string): Promise<string> {
    for (let i = 0; i < 1500; i++) {
      const screen = this.screen();
      if (wanted(screen)) return screen;
      await setTimeout(40);
    }
    throw new Error(`the terminal never showed ${what}, but\n${this.screen()}`);
  }

  shows(text: string): Promise<string> {
    return this.until(screen => screen.includes(text), text);
  }

  /** Whether the other screen is on, and the cursor is shown. */
  state(): string {
    const format = 'alternate #{alternate_on}, cursor #{cursor_flag}';
    return this.tmux('display-message', '-p', format).trim();
  }

  /** Id of the process that runs in front. */
  pid(name: string): number {
    const shell = this.tmux('display-message', '-p', '#{pane_pid}').trim();
    const { stdout } = spawnSync('ps', ['--ppid', shell, '-o', 'pid=,comm='], { encoding: 'utf8' });
    const line = stdout.split('\n').find(each => each.includes(name));
    if (line === undefined) throw new Error(`${name} does not run: ${stdout}`);
    return Number.parseInt(line, 10);
  }

  close(): void {
    spawnSync('tmux', ['-L', this.socket, 'kill-server']);
  }

  private tmux(...args: string[]): string {
    const { TMUX: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync('tmux', ['-u', '-L', this.socket, ...args], {
      encoding: 'utf8',
      env: { ...env, LANG: 'C.UTF-8' },
    });
    if (status !== 0) throw new Error(`tmux ${args[0]}: ${stderr}`);
    return stdout;
  }
}
