/** How many columns of a terminal text takes, and text cut to columns. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII.
const ASCII = /^[\u0000-\u007f]*$/;
const NO_WIDTH = /\p{Mn}|\p{Me}|\u200c|\u200d/u;
/** Scripts and symbols that terminals print two columns wide (Unicode TR 11, classes W and F). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u;

/** Columns of `text`, which must be printable. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - displayWidth(text))) + text;
}

const ELLIPSIS = '...';

/**
 * Cut in the middle to at most `width` columns: names differ at their ends. `width` below 5 leaves the first
 * columns only.
 */
export function shortenMiddle(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width < ELLIPSIS.length + 2) return takeStart(text, width);
  const kept = width - ELLIPSIS.length;
  const end = Math.ceil(kept / 2);
  return takeStart(text, kept - end) + ELLIPSIS + takeEnd(text, end);
}

/** Cut at the end to at most `width` columns. */
export function shortenEnd(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  return width < ELLIPSIS.length + 1
    ? takeStart(text, width)
    : takeStart(text, width - ELLIPSIS.length) + ELLIPSIS;
}

/** Lines of at most `width` columns, broken at spaces; a longer word has a line of its own. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

function takeStart(text: string, width: number): string {
  return take([...text], width).join('');
}

function takeEnd(text: string, width: number): string {
  return take([...text].reverse(), width)
    .reverse()
    .join('');
}

function take(characters: readonly string[], width: number): string[] {
  let taken = 0;
  const end = characters.findIndex(character => (taken += characterWidth(character)) > width);
  return end === -1 ? [...characters] : characters.slice(0, end);
}
