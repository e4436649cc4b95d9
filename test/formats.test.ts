import { join } from 'node:path';
import { convert as anyConvert, dcpToTorchSave, openCheckpoint, torchSaveToDcp } from '../src/index.js';
import { readDocument, sectionOf, tableRows } from './documents.js';
import { type FixtureCase, fixtureCase, fixtureCases, fixturePath } from './fixtures.js';
import { scratch } from './io/scratch.js';
import { equal, is, ok, suite } from './suite.js';

/** `name` or `name release` in a cell; without a release, of the one that is made here. */
function casesOf(cell: string): FixtureCase[] {
  const named = [...cell.matchAll(/`([^`]+)`(?: (\d[\d.]+))?/g)];
  return named.map(([, name, release]) => fixtureCase(name!, release));
}

async function works(action: () => Promise<unknown>): Promise<string> {
  return action().then(
    () => 'yes',
    () => 'no',
  );
}

const rows = tableRows(sectionOf(readDocument('docs/formats.md'), '## What opens and what converts'));

suite('docs/formats.md: what opens and what converts', ({ each, test }) => {
  each(
    rows,
    ([layout]) => layout!,
    async ([, cells, opens, converts, torchOpens, torchConverts, judge]) => {
      const cases = casesOf(cells!);
      ok(cases.length > 0, cells);
      for (const { name, torch, kind, loads_in_torch, torch_converts } of cases) {
        const path = fixturePath(name, torch);
        const out = join(scratch({ inMemory: true }), kind === 'safetensors' ? 'out.pth' : 'out');
        const convert = { dcp: dcpToTorchSave, torch: torchSaveToDcp, safetensors: anyConvert }[kind];
        is(await works(async () => (await openCheckpoint(path)).close()), opens, name);
        is(await works(() => convert(path, out)), converts, name);
        const [there, back] = [torch_converts.torch_to_dcp, torch_converts.dcp_to_torch];
        const both = kind === 'dcp' ? back : there;
        if (torchOpens === 'yes' || torchOpens === 'no') is(loads_in_torch, torchOpens === 'yes', name);
        if (torchConverts === 'yes') is(both, true, name);
        if (torchConverts === 'no') is(both, false, name);
        // Torch cannot be the judge of what it does not convert; gzip it is given uncompressed.
        if (torchConverts === 'no' && !name.startsWith('gzipped')) ok(['golden', ''].includes(judge!), name);
      }
    },
  );

  test('every release and every kind of torch.save file has its row', () => {
    const inTable = new Set(rows.flatMap(row => casesOf(row[1]!)));
    const releases = (cases: Iterable<FixtureCase>): string[] => [
      ...new Set([...cases].map(({ torch }) => torch)),
    ];
    equal(releases(inTable).sort(), releases(fixtureCases).sort());
    const containers = /legacy|protocol|gzipped|big_endian|script|_in_|device_tensors|numpy_1|rezipped/;
    const missing = fixtureCases.filter(
      entry =>
        entry.kind === 'torch' &&
        entry.torch === '2.13.0' &&
        containers.test(entry.name) &&
        !inTable.has(entry),
    );
    equal(
      missing.map(({ name }) => name),
      ['tensors_in_objects'],
    );
  });
});
