import type { InspectedEntry } from '../ops/inspect.js';
import type { Style } from './style.js';

/** The values of objects as Python code, one section each. */
export function objectSections(entries: readonly InspectedEntry[], style: Style): string[][] {
  const sections: string[][] = [];
  // Values of one line stand together.
  let together: string[] | undefined;
  for (const { fqn, kind, lines } of entries) {
    if (kind !== 'object') continue;
    const [first = 'not at hand', ...others] = lines ?? [];
    const head = `${style.bold(fqn)} = ${lines === undefined ? style.dim(first) : first}`;
    if (others.length > 0) {
      together = undefined;
      sections.push([head, ...others]);
    } else if (together === undefined) {
      together = [head];
      sections.push(together);
    } else together.push(head);
  }
  return sections;
}
