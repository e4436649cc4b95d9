/**
 * What is generated in the documents, and where: between a comment that says what (`fields: FILE#POINTER`,
 * `dump: PATH FROM-TO`) and `<!-- end -->`. All else on these pages is written by hand.
 */
import { dumpText } from './dump.js';
import { fieldTable } from './field-table.js';

/** Pages with generated parts. */
export const GENERATED_PAGES: readonly string[] = ['docs/json.md', 'docs/hex-dump.md'];

const GENERATORS: Record<string, (argument: string) => string> = { fields: fieldTable, dump: dumpText };

/** The page with its generated parts made anew. */
export function regenerated(page: string): string {
  return page.replace(
    /^<!-- (\w+): (.*) -->\n[\s\S]*?^<!-- end -->$/gm,
    (_, kind: string, argument: string) => {
      const generate = GENERATORS[kind];
      if (generate === undefined) throw new Error(`nothing generates ${kind}`);
      return `<!-- ${kind}: ${argument} -->\n\n${generate(argument)}\n\n<!-- end -->`;
    },
  );
}
