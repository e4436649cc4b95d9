/** Files beyond the limits of SECURITY.md that no other test goes beyond. They are sparse: they take no room. */
import { closeSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { convert, listCheckpoints, openCheckpoint, verify } from '../../src/index.js';
import { readJournal } from '../../src/io/journal-file.js';
import { resolvePath } from '../../src/io/paths.js';
import { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { encodeDataDescriptor, encodeDirectory, encodeLocalHeader } from '../../src/zip/encode.js';
import { dataDescriptorByteOffset, layoutArchive } from '../../src/zip/layout.js';
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

const uint64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

/** Magic number, protocol and a description of the machine: `torch/serialization.py`, `_legacy_save`. */
const LEGACY_HEAD = Buffer.concat(
  [0x1950a86a20f9469cfc6cn, 1001, new PyDict()].map(value => encodePickle(value)),
);

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
  [
    'a file of digests',
    root => {
      sparse(join(root, 'integrity.json'), 257 * MIB, Buffer.from('{'));
      writeFileSync(join(root, '.metadata'), PICKLE);
      return verify(root, { sha256: 'check' });
    },
    /digests is too large.*268435456 bytes at most/,
  ],
  [
    'the pickle of a torch.save file',
    root => openCheckpoint(withLongPickle(root, 2 ** 31)),
    /record is too large.*2147483647 bytes at most.*data\.pkl/,
  ],
  [
    'the pickles of a file from before torch 1.6',
    root => {
      // The last of its pickles ends behind a text of so many bytes.
      const head = Buffer.concat([LEGACY_HEAD, Buffer.from([0x80, 4, 0x8e]), uint64(2 ** 31)]);
      return openCheckpoint(sparse(join(root, 'old.pth'), 2 ** 31 + 4096, head));
    },
    /pickles of the file are too large.*2147483647 bytes at most/,
  ],
  [
    'directories in which a checkpoint may be',
    root => {
      for (let i = 0; i < 10_000; i++) mkdirSync(join(root, String(i)));
      return listCheckpoints(root);
    },
    /too many directories.*10000 at most/,
  ],
];

/** A torch.save file whose pickle is zeros, which take no room. */
function withLongPickle(root: string, byteLength: number): string {
  const version = Buffer.from('3\n');
  const records = [
    { name: 'data.pkl', byteLength },
    { name: 'version', byteLength: version.length },
  ];
  const layout = layoutArchive({ root: 'model', alignment: 64, records });
  const crcs = [0, crc32(version)];
  const path = sparse(join(root, 'model.pth'), layout.byteLength);
  const fd = openSync(path, 'r+');
  const put = (bytes: Uint8Array, at: number): void => void writeSync(fd, bytes, 0, bytes.length, at);
  for (const [i, crc] of crcs.entries()) {
    put(encodeLocalHeader(layout, i), layout.localHeaderByteOffsets[i]!);
    put(encodeDataDescriptor(layout, i, crc), dataDescriptorByteOffset(layout, i));
  }
  put(version, layout.dataByteOffsets[1]!);
  put(encodeDirectory(layout, crcs), layout.directoryByteOffset);
  closeSync(fd);
  return path;
}

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
