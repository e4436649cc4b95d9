import { indexEntries } from '../../src/dcp/entries.js';
import { readIndexFiles } from '../../src/dcp/index-files.js';
import { type Checkpoint, openCheckpoint } from '../../src/index.js';
import { type FixtureCase, fixtureCases, fixturePath, type GoldenItem, golden } from '../fixtures.js';
import { equal, is, suite } from '../suite.js';
import { normalForm } from './normal-form.js';
import { flattenGolden, has, unflattenGolden } from './state-dict.js';

const DIRECTORIES = fixtureCases.filter(({ kind }) => kind === 'dcp');
/** All but the dict that holds itself: that is refused. */
const FILES = fixtureCases.filter(({ kind, name }) => kind === 'torch' && name !== 'cyclic');

const label = ({ name, torch }: FixtureCase): string => `${name} of torch ${torch}`;

suite('goldens: the index of a directory', ({ each }) => {
  each(DIRECTORIES, label, async ({ name, torch }) => {
    const { items, version } = golden(name, torch).dcp!;
    const { metadata } = await readIndexFiles(fixturePath(name, torch));
    equal(
      itemsOf(metadata),
      items.map(item => ({ ...item, path: item.path ?? [item.fqn] })),
    );
    is(metadata.version ?? null, version);
  });
});

/** The entries of an index in the form of a golden's items. */
function itemsOf(metadata: Parameters<typeof indexEntries>[0]): GoldenItem[] {
  const { entries, chunks, fileNames, objectItems } = indexEntries(metadata);
  return entries.map((entry): GoldenItem => {
    const { fqn } = entry;
    const path = [...entry.path];
    if (entry.kind === 'object') {
      const { file, byteOffset, byteLength } = objectItems.get(entry)!;
      return {
        fqn,
        path,
        kind: 'object',
        relative_path: fileNames[file]!,
        offset: byteOffset,
        length: byteLength,
      };
    }
    return {
      fqn,
      path,
      kind: 'tensor',
      dtype: entry.dtype.name,
      size: [...entry.shape],
      requires_grad: entry.requiresGrad,
      chunks: Array.from({ length: entry.chunkCount }, (_, i) => {
        const chunk = entry.firstChunk + i;
        const { offsets, sizes } = chunks.boxOf(chunk);
        return {
          offsets: [...offsets],
          sizes: [...sizes],
          relative_path: fileNames[chunks.itemFile[chunk]!]!,
          offset: chunks.itemByteOffset[chunk]!,
          length: chunks.itemByteLength[chunk]!,
        };
      }),
    };
  });
}

suite('goldens: the entries of a file', ({ each }) => {
  each(FILES, label, async ({ name, torch }) => {
    const { tree, tensors } = golden(name, torch);
    const expected = flattenGolden(tree).map(({ path, value }) => {
      const row = has(value, 'tensor') ? tensors[value.tensor]! : undefined;
      // Sparse, nested, quantized and meta tensors and subclasses are objects to us.
      if (row?.sha256 === undefined) return { path, kind: 'object' };
      return { path, kind: 'tensor', dtype: row.dtype, shape: row.shape };
    });
    const checkpoint = await openCheckpoint(fixturePath(name, torch));
    try {
      equal(shapesOf(checkpoint), expected);
    } finally {
      checkpoint.close();
    }
  });
});

function shapesOf({ entries }: Checkpoint): object[] {
  return entries.map(entry => {
    const path = [...entry.path];
    if (entry.kind === 'object') return { path, kind: 'object' };
    return { path, kind: 'tensor', dtype: entry.dtype.name, shape: [...entry.shape] };
  });
}

/** Cases that were not saved from equal objects. */
const OTHER_CONTENT: Readonly<Record<string, string>> = {
  python_objects: 'a functools.partial has made its __dict__ in one of the two processes',
  quantized_leaf: 'the two cases hold other tensors',
};

suite('goldens: flattening in these tests is torch’s', ({ each }) => {
  const pairs = FILES.filter(
    ({ name, torch }) =>
      !(name in OTHER_CONTENT) &&
      DIRECTORIES.some(other => other.name === `${name}_dcp` && other.torch === torch),
  );
  each(
    pairs,
    ({ name }) => `${name} and ${name}_dcp`,
    ({ name }) => {
      const { tree, tensors } = golden(name);
      const directory = golden(`${name}_dcp`);
      const flat = flattenGolden(tree);
      // For one process the planner keeps the order of the state dict.
      equal(
        flat.map(({ path }) => path),
        directory.dcp!.items.map(({ path }) => path),
      );
      const options = { lostInDcp: true };
      equal(
        normalForm({ tensors, tree: unflattenGolden(flat) }, options),
        normalForm({ ...directory, tree: directory.dcp!.tree }, options),
      );
    },
  );
});
