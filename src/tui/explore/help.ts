import { displayWidth } from '../text-width.js';
import { type Document, documentOf } from './document.js';
import { KEY_GROUPS } from './keys.js';
import { BLANK, type Line, line, span } from './line.js';

const KEY_WIDTH = 9;

/** All keys: in two columns of groups where there is room. */
export function helpDocument(width: number): Document {
  const groups = KEY_GROUPS.map(({ title, rows }) => [
    line(title, 'accent'),
    ...rows.map(
      ({ shown, help }): Line => [
        span(` ${shown}${' '.repeat(Math.max(1, KEY_WIDTH - displayWidth(shown)))}`, 'strong'),
        span(help),
      ],
    ),
    BLANK,
  ]);
  void width;
  return documentOf(groups.flat());
}
