import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeMetadata } from '../../src/dcp/metadata.js';
import {
  type Checkpoint,
  type ConvertResult,
  dcpToTorchSave,
  openCheckpoint,
  torchSaveToDcp,
} from '../../src/index.js';
import { type FixtureCase, fixtureCases, fixturePath, type GoldenTensor, golden } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';
import type { Described } from './golden-of.js';
import { goldenOfCheckpoint } from './golden-of-checkpoint.js';
import { normalForm } from './normal-form.js';
import { REFUSED, REFUSED_UNLESS_ALLOWED } from './refused.js';
import { flattenGolden, has, unflattenGolden } from './state-dict.js';
import { goldenOfArchive, recordNames, text, unzipArchive } from './torch-archive.js';

const CONVERTED = fixtureCases.filter(({ name }) => !(name in REFUSED) || REFUSED_UNLESS_ALLOWED.has(name));
const DIRECTORIES = CONVERTED.filter(({ kind }) => kind === 'dcp');
const FILES = CONVERTED.filter(({ kind }) => kind === 'torch');

/** The container from before 1.6 has no checksums. */
const WITHOUT_CRC = /^crc_off$|legacy/;

const label = ({ name, torch }: FixtureCase): string => `${name} of torch ${torch}`;
/** `calls_os_system` is carried through like every other object. */
const OPTIONS = { allowUnsafeGlobals: true };

/** What a directory's golden says that torch.save must write of it. */
function expectedOf({ name, torch, newer_than_metadata }: FixtureCase): {
  expected: Described;
  isTorn: boolean;
} {
  const { tensors, dcp } = golden(name, torch);
  return { expected: { tensors, tree: dcp!.tree }, isTorn: newer_than_metadata !== undefined };
}

suite('goldens: dcp_to_torch and back', ({ each }) => {
  each(DIRECTORIES, label, async entry => {
    const directory = scratch({ inMemory: true });
    const file = join(directory, 'there.pth');
    const there = await dcpToTorchSave(fixturePath(entry.name, entry.torch), file, OPTIONS);
    const { expected, isTorn } = expectedOf(entry);
    // Bytes of a torn save are of two steps; the golden tells the first.
    const options = { lostInDcp: true, withoutBytes: isTorn };
    const written = requireTorchFile(file, 'there');
    equal(normalForm(written, options), normalForm(expected, options));
    requirePlainTensors(written.tensors);
    // Safetensors states no checksums.
    is(there.crc!.withoutCrc > 0, entry.name.startsWith('safetensors_image'));
    if (there.crc!.withoutCrc === 0) requireEveryCrcChecked(there);

    const back = await torchSaveToDcp(file, join(directory, 'back'), OPTIONS);
    requireEveryCrcChecked(back);
    // The directory holds what the file holds: torn or not.
    await requireDirectory(join(directory, 'back'), written);
  });
});

suite('goldens: torch_to_dcp and back', ({ each }) => {
  each(FILES, label, async entry => {
    const directory = scratch({ inMemory: true });
    const there = await torchSaveToDcp(
      fixturePath(entry.name, entry.torch),
      join(directory, 'there'),
      OPTIONS,
    );
    is(there.crc!.withoutCrc > 0, WITHOUT_CRC.test(entry.name));
    await requireDirectory(join(directory, 'there'), golden(entry.name, entry.torch));

    const file = join(directory, 'back.pth');
    requireEveryCrcChecked(await dcpToTorchSave(join(directory, 'there'), file, OPTIONS));
    const written = requireTorchFile(file, 'back');
    equal(
      normalForm(written, { lostInDcp: true }),
      normalForm(flattened(golden(entry.name, entry.torch)), { lostInDcp: true }),
    );
    requirePlainTensors(written.tensors);
  });
});

/** What DCP makes of a state dict. */
function flattened({ tensors, tree }: Described): Described {
  return { tensors, tree: unflattenGolden(flattenGolden(tree)) };
}

function requireEveryCrcChecked({ crc, crcChecked }: ConvertResult): void {
  is(crcChecked, true);
  is(crc!.withoutCrc + crc!.partlyRead, 0);
}

/** Reads a torch.save file with fflate, and requires its container to be that of torch 2.7 and newer. */
function requireTorchFile(path: string, root: string): Described {
  const archive = unzipArchive(readFileSync(path));
  requireContainer(archive, root);
  return goldenOfArchive(archive);
}

function requireContainer({ root, records }: ReturnType<typeof unzipArchive>, expectedRoot: string): void {
  is(root, expectedRoot);
  const storageCount = [...records.keys()].filter(name => name.startsWith('data/')).length;
  equal([...records.keys()], recordNames(storageCount));
  equal(
    ['.format_version', '.storage_alignment', 'byteorder', 'version'].map(name => text(records.get(name))),
    ['1', '64', 'little', '3\n'],
  );
  match(text(records.get('.data/serialization_id')), /^\d{40}$/);
}

/** Leaves come out of torch's converter contiguous, each on a storage of its own, without gradient. */
function requirePlainTensors(tensors: readonly GoldenTensor[]): void {
  const storages = new Set<number>();
  for (const tensor of tensors.filter(({ inside_object }) => inside_object !== true)) {
    const { path, dtype: _, shape, storage_byte_length, sha256: __, storage, ...rest } = tensor;
    const stride = shape!.map((_size, d) =>
      shape!.slice(d + 1).reduce((product, size) => product * Math.max(size, 1), 1),
    );
    equal(rest, { requires_grad: false, type: 'Tensor', stride, storage_offset: 0 }, path.join('.'));
    ok(storage_byte_length! > 0 === !shape!.includes(0));
    ok(!storages.has(storage!));
    storages.add(storage!);
  }
}

/** Opens a directory of ours, compares it with what it was made from, and reads every item with fflate. */
async function requireDirectory(path: string, source: Described): Promise<void> {
  const checkpoint = await openCheckpoint(path);
  try {
    const found = await goldenOfCheckpoint(checkpoint);
    equal(normalForm(found, { lostInDcp: true }), normalForm(flattened(source), { lostInDcp: true }));
    requireIndex(checkpoint, source);
    requireItems(path, source);
  } finally {
    checkpoint.close();
  }
}

function requireIndex(checkpoint: Checkpoint, source: Described): void {
  const found = checkpoint.entries.map(entry => ({
    path: [...entry.path],
    requires_grad: entry.kind === 'tensor' ? entry.requiresGrad : undefined,
  }));
  const expected = flattenGolden(source.tree).map(({ path, value }) => ({
    path,
    requires_grad: has(value, 'tensor') ? source.tensors[value.tensor]!.requires_grad : undefined,
  }));
  equal(found, expected);
}

/** One file: objects first, then tensors, in order and without gaps, each a whole archive of its own. */
function requireItems(path: string, source: Described): void {
  const leaves = flattenGolden(source.tree);
  const objects = leaves.filter(({ value }) => !has(value, 'tensor'));
  const tensors = leaves.filter(({ value }) => has(value, 'tensor'));
  const bytes = readFileSync(join(path, '__0_0.distcp'));
  const { storageData } = decodeMetadata(readFileSync(join(path, '.metadata')));
  is(storageData.length, leaves.length);
  let end = 0;
  for (const [i, leaf] of [...objects, ...tensors].entries()) {
    const [index, info] = [storageData.keyOf(i), storageData.placeOf(i)];
    equal([index.fqn, info.relativePath, info.offset], [leaf.path.join('.'), '__0_0.distcp', end]);
    end += info.length;
    const item = unzipArchive(bytes.subarray(info.offset, end));
    requireContainer(item, 'archive');
    if (!has(leaf.value, 'tensor')) continue;
    const expected = source.tensors[leaf.value.tensor]!;
    const [row] = goldenOfArchive(item).tensors;
    equal([row!.dtype, row!.shape, row!.sha256], [expected.dtype, expected.shape, expected.sha256]);
    equal(
      index.offset,
      expected.shape!.map(() => 0),
    );
  }
  is(end, bytes.length);
}

suite('goldens: torch’s own bytes', ({ each, test }) => {
  /** Files and directories of equal content, saved by torch from memory in one process each. */
  const pairs = FILES.filter(({ name }) => DIRECTORIES.some(other => other.name === `${name}_dcp`));
  /** A pickle made from memory shares other strings than one made from what was loaded. */
  const OTHER_PICKLE = new Set(['python_objects', 'tensors_in_objects']);

  each(
    pairs.filter(({ name }) => !OTHER_PICKLE.has(name)),
    ({ name }) => `${name}.pth converts to the data file that torch saves`,
    async ({ name }) => {
      const directory = scratch({ inMemory: true });
      await torchSaveToDcp(fixturePath(name), directory, OPTIONS);
      const [ours, torchs] = [directory, fixturePath(`${name}_dcp`)].map(path =>
        readFileSync(join(path, '__0_0.distcp')),
      );
      ok(Buffer.compare(ours!, torchs!) === 0);
    },
  );

  // The others lose something on the way: strides, sharing, types, int keys, empty dicts.
  each(
    [
      'all_dtypes',
      'dotted_keys',
      'nested_lists',
      'numpy_big_endian',
      'random_states',
      'small_transformer',
      'vanished_class',
    ],
    name => `${name}_dcp converts to the file that torch saves`,
    async name => {
      const file = join(scratch({ inMemory: true }), `${name}.pth`);
      await dcpToTorchSave(fixturePath(`${name}_dcp`), file);
      ok(Buffer.compare(readFileSync(file), readFileSync(fixturePath(name))) === 0);
    },
  );

  test('checksums off: every CRC field is 0, as torch writes it', async () => {
    const file = join(scratch({ inMemory: true }), 'crc_off.pth');
    await dcpToTorchSave(fixturePath('small_transformer_dcp'), file, { crc: false });
    ok(Buffer.compare(readFileSync(file), readFileSync(fixturePath('crc_off'))) === 0);
  });

  test('threads write the same bytes', async () => {
    const directory = scratch({ inMemory: true });
    mkdirSync(join(directory, '2'));
    const [one, two] = [join(directory, 'x.pth'), join(directory, '2/x.pth')];
    const result = await dcpToTorchSave(fixturePath('grid_shards'), one, { workers: 0 });
    const threaded = await dcpToTorchSave(fixturePath('grid_shards'), two, { workers: 2 });
    equal([result.workers, threaded.workers], [0, 2]);
    ok(Buffer.compare(readFileSync(one), readFileSync(two)) === 0);
  });
});
