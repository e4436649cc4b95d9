/** A name that shows less than this tells nothing. */
const MIN_KEPT = 4;

/**
 * As much of a text as there is room for, cut in its middle: siblings differ at either end. '' where that is next to
 * nothing.
 * @param widthOf of a text, in the unit of `room`
 */
export function fittedText(text: string, room: number, widthOf: (text: string) => number): string {
  if (widthOf(text) <= room) return text;
  const characters = [...text];
  let [fits, tooMany] = [0, characters.length];
  while (tooMany - fits > 1) {
    const kept = (fits + tooMany) >> 1;
    if (widthOf(cut(characters, kept)) <= room) fits = kept;
    else tooMany = kept;
  }
  return fits < MIN_KEPT ? '' : cut(characters, fits);
}

function cut(characters: readonly string[], kept: number): string {
  const head = Math.ceil(kept / 2);
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (kept - head)).join('')}`;
}
