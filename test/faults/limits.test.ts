/** Files beyond the limits of SECURITY.md that no other test goes beyond. They are sparse: they take no room. */
import { closeSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { convert, openCheckpoint } from '../../src/index.js';
import { readJournal } from '../../src/io/journal-file.js';
import { resolvePath } from '../../src/io/paths.js';
import { codesOf, readDocument, sectionOf, tableRows } from '../documents.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, ok, rejects, suite, throws } from '../suite.js';

function sparse(path: string, byteLength: number, head: Uint8Array = new Uint8Array(0)): string {
  closeSync(openSync(path, 'w'));
  truncateSync(path, byteLength);
  const fd = openSync(path, 'r+');
  writeSync(fd, head);
  closeSync(fd);
  return path;
}

const PICKLE = Buffer.from([0x80, 2]);
const MIB = 2 ** 20;

const rows: [what: string, open: (root: string) => Promise<unknown>, message: RegExp][] = [
  [
    'an index of DCP',
    root => {
      sparse(join(root, '.metadata'), 2 ** 31, PICKLE);
      return openCheckpoint(root);
    },
    /index is too large/,
  ],
  [
    'a header of safetensors',
    root => {
      const head = Buffer.alloc(8);
      head.writeBigUInt64LE(100_000_001n);
      return openCheckpoint(
        sparse(join(root, 'model.safetensors'), 101_000_000, Buffer.concat([head, Buffer.from('{')])),
      );
    },
    /header.*100000000 bytes at most|100000001/,
  ],
  [
    'an index of safetensors',
    root => openCheckpoint(sparse(join(root, 'model.safetensors.index.json'), 257 * MIB, Buffer.from('{'))),
    /268435456 bytes at most/,
  ],
  [
    'an asset',
    root => {
      mkdirSync(join(root, 'assets'));
      sparse(join(root, 'assets', 'tokenizer.json'), 257 * MIB);
      const options = { to: 'safetensors', copyAssets: join(root, 'assets') } as const;
      return convert(fixturePath('small_transformer'), join(root, 'out'), options);
    },
    /too large to be a config/,
  ],
  [
    'a map of keys',
    root => {
      const map = { file: sparse(join(root, 'map.json'), 17 * MIB, Buffer.from('{')) };
      return convert(fixturePath('small_transformer'), join(root, 'out'), { to: 'dcp', map });
    },
    /16777216 bytes at most/,
  ],
];

suite('limits: files that are too large', ({ each, test }) => {
  each(
    rows,
    ([what]) => what,
    async ([, open, message]) => {
      const error = await rejects(() => open(scratch({ inMemory: true })), { code: 'limit', message });
      ok(error.expected !== undefined && error.found !== undefined, error.message);
    },
  );

  test('a journal: nothing of it is read', () => {
    const path = sparse(join(scratch({ inMemory: true }), 'journal'), 2 ** 30 + 1);
    equal(readJournal(path), { lines: [], byteLength: 0 });
  });

  test('links behind links', () => {
    const root = scratch({ inMemory: true });
    writeFileSync(join(root, 'link0'), '');
    for (let i = 1; i <= 50; i++) symlinkSync(`link${i - 1}`, join(root, `link${i}`));
    throws(() => resolvePath(join(root, 'link50')), { code: 'file', message: /too many symbolic links/i });
  });

  test('SECURITY.md names constants where they are, and tests that exist', () => {
    const table = tableRows(sectionOf(readDocument('SECURITY.md'), '## Limits'));
    ok(table.length > 20);
    const missing: string[] = [];
    for (const [, , where = '', tests = ''] of table) {
      let file = '';
      for (const code of codesOf(where)) {
        if (code.startsWith('src/')) file = readDocument(code);
        else if (!file.includes(code)) missing.push(code);
      }
      for (const code of codesOf(tests)) readDocument(code);
    }
    equal(missing, []);
  });
});
