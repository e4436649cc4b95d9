import { printable } from '../printable.js';
import { displayWidth, padStart, shortenEnd, shortenMiddle } from '../text-width.js';

/** What a part of a line is, from which its look follows. `rank3`: filled with the colour of rank 3. */
export type Tone =
  | 'plain'
  | 'dim'
  | 'strong'
  | 'accent'
  | 'good'
  | 'warn'
  | 'error'
  | 'match'
  | 'cursor'
  | 'cursor-away'
  | 'bar'
  | `rank${number}`;

/** Text of one look. It is printable: nothing in it moves the cursor. */
export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

export type Line = readonly Span[];

export const BLANK: Line = [];

export function span(text: string, tone: Tone = 'plain'): Span {
  return { text, tone };
}

export function line(text: string, tone: Tone = 'plain'): Line {
  return text === '' ? BLANK : [{ text, tone }];
}

export function lineWidth(spans: Line): number {
  return spans.reduce((width, { text }) => width + displayWidth(text), 0);
}

/** The line in exactly `width` columns: cut at its end, or filled up. */
export function fit(spans: Line, width: number, tone: Tone = 'plain'): Line {
  const fitted: Span[] = [];
  let room = width;
  for (const part of spans) {
    const partWidth = displayWidth(part.text);
    const isCut = partWidth > room;
    const text = isCut ? shortenEnd(part.text, room) : part.text;
    if (text !== '') fitted.push({ text, tone: part.tone });
    room -= isCut ? displayWidth(text) : partWidth;
    if (isCut) break;
  }
  if (room > 0) fitted.push({ text: ' '.repeat(room), tone });
  return fitted;
}

/** `left` and `right` at the two ends of `width` columns; where there is no room for both, `left` is cut. */
export function spread(left: Line, right: Line, width: number): Line {
  const rightWidth = lineWidth(right);
  if (rightWidth + 2 > width) return fit(left, width);
  return [...fit(left, width - rightWidth - 1), span(' '), ...right];
}

/** Characters that terminals disagree about how wide they are, alone or with what stands before them. */
const UNSURE =
  /\u200c|\u200d|\u20e3|[\ufe00-\ufe0f]|[\u{1f1e6}-\u{1f1ff}]|[\u{1f3fb}-\u{1f3ff}]|[\u{e0100}-\u{e01ef}]/gu;

/** Untrusted text, safe in a column: what would move the cursor, or be as wide as the terminal likes, is escaped. */
export function columnText(text: string): string {
  return printable(text).replace(UNSURE, character => {
    const codePoint = character.codePointAt(0)!;
    return codePoint > 0xffff
      ? `\\U${codePoint.toString(16).padStart(8, '0')}`
      : `\\u${codePoint.toString(16).padStart(4, '0')}`;
  });
}

/** Untrusted text cut in the middle to `width` columns: names differ at their ends. */
export function nameText(name: string, width: number): string {
  return shortenMiddle(columnText(name), width);
}

/** Text broken into lines of at most `width` columns, wherever that is. */
export function wrapHard(text: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  let used = 0;
  for (const character of text) {
    const characterWidth = displayWidth(character);
    if (used + characterWidth > width && current !== '') {
      lines.push(current);
      current = '';
      used = 0;
    }
    current += character;
    used += characterWidth;
  }
  return [...lines, current];
}

/** Cells of a table in columns, each as wide as its widest. Cells of `right` columns are aligned right. */
export function tableLines(
  rows: readonly (readonly Span[])[],
  right: readonly number[] = [],
  gap = 2,
): Line[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, { text }] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, displayWidth(text));
  }
  return rows.map(row =>
    row.flatMap(({ text, tone }, i) => {
      const isLast = i === row.length - 1;
      const aligned = right.includes(i)
        ? padStart(text, widths[i]!)
        : text + (isLast ? '' : ' '.repeat(widths[i]! - displayWidth(text)));
      return isLast ? [{ text: aligned, tone }] : [{ text: aligned, tone }, span(' '.repeat(gap))];
    }),
  );
}
