/** Colours of the human view; identities where there are none. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  warn(text: string): string;
  error(text: string): string;
  /** What is as it should be. */
  good(text: string): string;
  /** What stands for several. */
  folded(text: string): string;
}

export function styleFor(colors: boolean): Style {
  const sgr =
    (on: number, off: number) =>
    (text: string): string =>
      colors && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return {
    bold: sgr(1, 22),
    dim: sgr(2, 22),
    warn: sgr(33, 39),
    error: sgr(31, 39),
    good: sgr(32, 39),
    folded: sgr(36, 39),
  };
}
