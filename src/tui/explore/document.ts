import { BLANK, type Line } from './line.js';

/** Lines to scroll through. Long ones are made line by line when they are shown. */
export interface Document {
  readonly height: number;
  /** @param index below `height` */
  lineAt(index: number): Line;
}

export function documentOf(lines: readonly Line[]): Document {
  return { height: lines.length, lineAt: index => lines[index] ?? BLANK };
}

/** One document under the other. */
export function joined(first: readonly Line[], rest: Document): Document {
  return {
    height: first.length + rest.height,
    lineAt: index => (index < first.length ? first[index]! : rest.lineAt(index - first.length)),
  };
}
