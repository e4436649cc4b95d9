/** What a stream of the process can show. */
export interface Terminal {
  isTty: boolean;
  /** Of a terminal; undefined for a pipe or file: what goes there must not depend on a width. */
  columns: number | undefined;
  colors: boolean;
  /** Whether it has xterm's 256 colours, by its name. */
  has256Colors: boolean;
  /** Whether the cursor can be moved. */
  isSmart: boolean;
  /** Whether lines can be drawn anew in place. */
  animates: boolean;
  /** Whether more than ASCII can be shown. */
  unicode: boolean;
}

export interface Screens {
  stdout: Terminal;
  stderr: Terminal;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Below this there is no room for a line that is drawn in place; a fresh pseudo-terminal says 0. */
const MIN_COLUMNS = 20;
const MIN_ROWS = 3;

export function terminalOf(
  stream: { isTTY?: boolean; columns?: number; rows?: number },
  env: Environment,
): Terminal {
  const isTty = stream.isTTY === true;
  const isSmart = isTty && env.TERM !== undefined && env.TERM !== '' && env.TERM !== 'dumb';
  const hasRoom = (stream.columns ?? 0) >= MIN_COLUMNS && (stream.rows ?? 0) >= MIN_ROWS;
  return {
    isTty,
    columns: isTty ? stream.columns || 80 : undefined,
    colors: isSmart && (env.NO_COLOR ?? '') === '',
    has256Colors: isSmart && /256color|kitty|alacritty|ghostty|wezterm|foot/.test(env.TERM!),
    isSmart,
    animates: isSmart && hasRoom && !isOn(env.CI) && !isOn(env.CONTINUOUS_INTEGRATION),
    unicode: /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
  };
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '0' && value !== 'false';
}
