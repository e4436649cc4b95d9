/** Pages of docs with generated parts, and examples of JSON documents. */
import { COMMANDS } from '../../src/cli/commands.js';
import { codesOf, firstCells, readDocument } from '../documents.js';
import { equal, is, ok, suite } from '../suite.js';
import { GENERATED_PAGES, regenerated } from './pages.js';
import { examplesOf, realDocument } from './real-documents.js';
import { problemsOf, schemaAt } from './schemas.js';

suite('generated pages', ({ each, test }) => {
  each(
    GENERATED_PAGES,
    page => `${page} is as npm run docs writes it`,
    page => is(readDocument(page), regenerated(readDocument(page))),
  );

  test('what nothing generates is an error, not left as it is', () => {
    let message = '';
    try {
      regenerated('<!-- pictures: all -->\n<!-- end -->\n');
    } catch (error) {
      message = (error as Error).message;
    }
    is(message, 'nothing generates pictures');
  });

  test('a stale table is another text', () => {
    const page = readDocument('docs/json.md');
    const stale = page.replace('| `losses[].count` | integer |', '| `losses[].count` | number |');
    ok(stale !== page);
    is(regenerated(stale), page);
  });
});

const json = readDocument('docs/json.md');

suite('json.md', ({ each, test }) => {
  each(
    examplesOf(json),
    ({ line }) => line,
    async ({ line, document }) =>
      equal(withoutTime(document), withoutTime((await realDocument(line)).document)),
  );

  test('every command that has --json has an example that follows its schema', () => {
    const blocks = [...json.matchAll(/^```json.*\n([\s\S]*?)^```$/gm)].map(
      ([, text]) => JSON.parse(text!) as Record<string, unknown>,
    );
    for (const block of blocks) equal(problemsOf(String(block.command), block), []);
    const commands = COMMANDS.filter(({ options }) => options.some(({ name }) => name === 'json'));
    equal([...new Set(blocks.map(({ command }) => command))].sort(), commands.map(({ name }) => name).sort());
  });

  each<readonly [head: string, pointer: string]>(
    [
      ['`losses[].kind`', 'convert.schema.json#/$defs/report/properties/losses/items/properties/kind'],
      ['`warnings[].kind`', 'definitions.schema.json#/$defs/warnings/items/properties/kind'],
      ['`error.code`', 'failure.schema.json#/properties/error/properties/code'],
    ],
    ([head]) => `the table of ${head} has a row for each`,
    ([head, pointer]) => equal(firstCells(json, head).flatMap(codesOf), schemaAt(pointer, '').schema.enum),
  );
});

function withoutTime(document: Record<string, unknown>): Record<string, unknown> {
  return 'elapsed_seconds' in document ? { ...document, elapsed_seconds: 0 } : document;
}
