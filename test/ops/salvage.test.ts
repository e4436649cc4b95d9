import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDcp } from '../../src/dcp/reader.js';
import { convert, dcpToTorchSave, inspectCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { alteredFixture } from '../dcp/altered.js';
import { copyFixture, fixtureCase, fixturePath, golden } from '../fixtures.js';
import { goldenOfArchive, unzipArchive } from '../goldens/torch-archive.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, rejects, suite } from '../suite.js';

const target = (): string => join(scratch({ inMemory: true }), 'out.pth');
const SALVAGE = { salvage: true };

/** Path and bytes of every tensor that a written file holds, by Python's own view of the archive. */
const tensorsIn = (path: string): Map<string, string | undefined> =>
  new Map(
    goldenOfArchive(unzipArchive(readFileSync(path))).tensors.map(row => [row.path.join('.'), row.sha256]),
  );

/** What the golden of a fixture says of them. */
const expectedOf = (name: string, torch?: string): Map<string, string | undefined> =>
  new Map(golden(name, torch).tensors.map(row => [row.path.join('.'), row.sha256]));

/** Files of ranks, and the FQNs that lie in them, by the golden. */
function fqnsIn(name: string, file: string): string[] {
  return golden(name).dcp!.items.flatMap(item =>
    item.kind === 'object'
      ? item.relative_path === file
        ? [item.fqn]
        : []
      : item.chunks.some(({ relative_path, sizes }) => relative_path === file && !sizes.includes(0))
        ? [item.fqn]
        : [],
  );
}

suite('salvage', ({ each, test }) => {
  const damages: [name: string, damage: (file: string) => void, reason: RegExp][] = [
    ['is missing', file => rmSync(file), /^Its data file is missing$/],
    [
      'is empty',
      file => truncateSync(file, 0),
      /^Its data file is cut off \(expected \d+ bytes at least, found 0 bytes\)$/,
    ],
  ];
  each(
    damages,
    ([name]) => `a rank’s file ${name}: all that is not in it is written, the rest is listed`,
    async ([, damage, reason]) => {
      const path = copyFixture('uneven_shards', scratch({ inMemory: true }));
      damage(join(path, '__1_0.distcp'));
      const output = target();
      const { lost, status, tensors } = await dcpToTorchSave(path, output, SALVAGE);
      const expectedLost = fqnsIn('uneven_shards', '__1_0.distcp');
      ok(expectedLost.length > 0);
      equal(
        lost.map(({ fqn }) => fqn),
        golden('uneven_shards')
          .dcp!.items.map(({ fqn }) => fqn)
          .filter(fqn => expectedLost.includes(fqn)),
      );
      for (const { reason: found, relativePath } of lost) {
        match(found, reason);
        is(relativePath, '__1_0.distcp');
      }
      is(status, 'converted');
      const [found, expected] = [tensorsIn(output), expectedOf('uneven_shards')];
      is(found.size, tensors);
      ok(found.size > 0);
      for (const [fqn, sha256] of found) is(sha256, expected.get(fqn), fqn);
      equal([...expected.keys()].filter(fqn => !found.has(fqn)).sort(), [...expectedLost].sort());
    },
  );

  test('a file that is cut off in the middle loses only what lies behind', async () => {
    const path = copyFixture('uneven_shards', scratch({ inMemory: true }));
    const file = join(path, '__0_0.distcp');
    truncateSync(file, Math.floor(readFileSync(file).length / 2));
    const { lost, tensors } = await dcpToTorchSave(path, target(), SALVAGE);
    ok(lost.length > 0 && lost.length < fqnsIn('uneven_shards', '__0_0.distcp').length);
    is(lost.length + tensors, golden('uneven_shards').dcp!.items.length);
  });

  test('a flipped bit loses the one tensor, told by its checksum', async () => {
    const path = copyFixture('uneven_shards', scratch({ inMemory: true }));
    const checkpoint = await openDcp(path);
    const entry = checkpoint.entries.find(({ fqn }) => fqn === 'plain')!;
    ok(entry.kind === 'tensor');
    await checkpoint.resolve([entry]);
    const { file, byteOffset } = checkpoint.storages.at(checkpoint.chunks.storage[entry.firstChunk]!);
    const damaged = checkpoint.files[file]!.path;
    const bytes = readFileSync(damaged);
    bytes[byteOffset]! ^= 1;
    writeFileSync(damaged, bytes);
    await rejects(() => dcpToTorchSave(path, target()), { code: 'corrupt', message: /CRC-32/ });
    const output = target();
    const { lost, crcChecked } = await dcpToTorchSave(path, output, SALVAGE);
    equal(
      lost.map(({ fqn, kind, relativePath }) => [fqn, kind, relativePath]),
      [['plain', 'tensor', checkpoint.files[file]!.name]],
    );
    match(lost[0]!.reason, /CRC-32.*expected [0-9a-f]{8}, found [0-9a-f]{8}/);
    ok(crcChecked && !tensorsIn(output).has('plain'));
  });

  test('a hole in the index loses the tensor that has it', async () => {
    const path = alteredFixture('uneven_shards', index => index.chunks('five_rows').items.splice(1, 1));
    const { lost } = await dcpToTorchSave(path, target(), SALVAGE);
    equal(
      lost.map(({ fqn }) => fqn),
      ['five_rows'],
    );
    match(lost[0]!.reason, /stored nowhere.*first gap is \[2:4, 0:3\]/);
  });

  test('what another rank saved too is taken from there', async () => {
    const path = copyFixture('rank_metadata', scratch({ inMemory: true }), '2.14.1');
    rmSync(join(path, '__0_0.distcp'));
    const output = target();
    const { lost } = await dcpToTorchSave(path, output, SALVAGE);
    const found = tensorsIn(output);
    const expected = expectedOf('rank_metadata', '2.14.1');
    for (const replicated of ['model.rep.weight', 'optim.state.rows.weight.step', 'model.mid.weight']) {
      is(found.get(replicated), expected.get(replicated), replicated);
    }
    ok(lost.some(({ fqn }) => fqn === 'model.rows.weight'));
  });

  test('nothing is lost of a whole checkpoint, and the file is the same', async () => {
    const directory = scratch({ inMemory: true });
    mkdirSync(join(directory, 'a'));
    mkdirSync(join(directory, 'b'));
    const [plain, salvaged] = [join(directory, 'a', 'out.pth'), join(directory, 'b', 'out.pth')];
    await dcpToTorchSave(fixturePath('fsdp2_adam'), plain);
    const { lost } = await dcpToTorchSave(fixturePath('fsdp2_adam'), salvaged, SALVAGE);
    equal(lost, []);
    ok(readFileSync(plain).equals(readFileSync(salvaged)));
  });

  test('where nothing is whole nothing is written', async () => {
    const path = copyFixture('small_transformer_dcp', scratch({ inMemory: true }));
    for (const { path: file } of fixtureCase('small_transformer_dcp').files) {
      if (file !== '.metadata') truncateSync(join(path, file), 10);
    }
    await rejects(() => dcpToTorchSave(path, target(), SALVAGE), {
      code: 'corrupt',
      message: /Nothing of the checkpoint is whole.*cut off/,
    });
  });

  test('other sources, and no checksums, are refused', async () => {
    await rejects(() => torchSaveToDcp(fixturePath('small_transformer'), target(), SALVAGE), {
      code: 'usage',
      message: /salvage/,
    });
    await rejects(
      () =>
        convert(fixturePath('fsdp2_adam'), target(), { ...SALVAGE, from: 'dcp', to: 'torch', crc: false }),
      { code: 'usage', message: /needs checksums/ },
    );
  });

  test('an opened checkpoint is what it was: inspect still tells what is missing', async () => {
    const path = copyFixture('uneven_shards', scratch({ inMemory: true }));
    rmSync(join(path, '__1_0.distcp'));
    is((await inspectCheckpoint(path)).completeness, 'files_missing');
  });
});
