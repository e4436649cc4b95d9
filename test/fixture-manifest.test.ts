import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fixtureCases, golden, goldenOfSecondSave } from './fixtures.js';
import { equal, is, ok, suite } from './suite.js';

const root = fileURLToPath(new URL('../../fixtures/', import.meta.url));

suite('the manifest of the fixtures', ({ each, test }) => {
  each(
    fixtureCases,
    ({ path }) => path,
    ({ kind, path, name, torch, files, proves, newer_than_metadata }) => {
      const absolute = join(root, path);
      const directory = kind === 'torch' ? dirname(absolute) : absolute;
      const found = (
        kind === 'torch' ? [path.slice(path.lastIndexOf('/') + 1)] : readdirSync(absolute).sort()
      ).map(file => {
        const bytes = readFileSync(join(directory, file));
        return {
          path: file,
          byte_length: bytes.length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        };
      });
      equal(found, files);
      ok(proves.length > 10);
      ok((newer_than_metadata ?? []).every(file => files.some(({ path: known }) => known === file)));
      const { torch: release, dcp } = golden(name, torch);
      // Builds of distributions call themselves 1.13.0a0 where the release is 1.13.1.
      ok(release.startsWith(torch.replace(/\.\d+$/, '.')));
      is(dcp !== undefined, kind === 'dcp');
    },
  );

  test('every file of a release is a case’s, or its golden', () => {
    const known = new Set(['torch-2.13.0/torn_overwrite.second.golden.json']);
    for (const { kind, path, golden: goldenPath, files } of fixtureCases) {
      known.add(goldenPath);
      for (const file of files) known.add(kind === 'torch' ? path : join(path, file.path));
    }
    const releases = readdirSync(root).filter(name => name.startsWith('torch-'));
    const found = releases.flatMap(release =>
      readdirSync(join(root, release), { recursive: true, encoding: 'utf8' })
        .map(name => join(release, name))
        .filter(name => statSync(join(root, name)).isFile()),
    );
    equal(
      found.filter(name => !known.has(name)),
      [],
    );
    equal(
      [...known].filter(name => !existsSync(join(root, name))),
      [],
    );
  });

  test('names are one to a release, and paths lie in the fixtures', () => {
    const names = fixtureCases.map(({ name, torch }) => `${torch}/${name}`);
    is(new Set(names).size, names.length);
    ok(
      fixtureCases.every(({ path, golden: goldenPath }) =>
        [path, goldenPath].every(one => !relative(root, join(root, one)).startsWith('..')),
      ),
    );
  });

  test('the second save of the torn overwrite has the same tensors, of other bytes', () => {
    const [first, second] = [golden('torn_overwrite'), goldenOfSecondSave()];
    const shapes = ({ tensors }: typeof first) =>
      tensors.map(({ path, dtype, shape }) => ({ path, dtype, shape }));
    equal(shapes(second), shapes(first));
    ok(second.tensors.every(({ sha256 }, i) => sha256 !== first.tensors[i]!.sha256));
  });
});
