import { displayWidth } from '../text-width.js';
import { type Document, documentOf } from './document.js';
import { KEY_GROUPS } from './keys.js';
import { BLANK, fit, type Line, line, span } from './line.js';

const KEY_WIDTH = 9;
/** Of the left one of two columns. */
const COLUMN_WIDTH = 56;
const TWO_COLUMNS = 112;
/** The first groups stand on the left. */
const LEFT_GROUPS = 2;

const WORDS: Readonly<Record<string, string>> = { '↑': 'Up', '↓': 'Down', '→': 'Right', '←': 'Left' };

/** All keys: in two columns where there is room. */
export function helpDocument(width: number, unicode: boolean): Document {
  const groups = KEY_GROUPS.map(({ title, rows }): Line[] => [
    line(title, 'accent'),
    ...rows.map(({ shown, help }): Line => {
      const keys = unicode ? shown : shown.replace(/[↑↓→←]/g, arrow => WORDS[arrow]!);
      return [
        span(`  ${keys}${' '.repeat(Math.max(1, KEY_WIDTH - displayWidth(keys)))}`, 'strong'),
        span(help),
      ];
    }),
    BLANK,
  ]);
  if (width < TWO_COLUMNS) return documentOf(groups.flat());
  const left = groups.slice(0, LEFT_GROUPS).flat();
  const right = groups.slice(LEFT_GROUPS).flat();
  return documentOf(
    Array.from({ length: Math.max(left.length, right.length) }, (_, i) => [
      ...fit(left[i] ?? BLANK, COLUMN_WIDTH),
      ...(right[i] ?? BLANK),
    ]),
  );
}
