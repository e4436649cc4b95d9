/** A sample of what `npm run fuzz` tries. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convert, type ObjectEntry } from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { mutate } from './mutate.js';
import { baselineOf, compare, Fuzzer } from './oracle.js';
import { runFuzz } from './run-fuzz.js';
import { FUZZ_FORMATS, type FuzzFormat, seedsOf } from './seeds.js';

const MUTANTS = 250;
/** Together they take no longer than 40 seconds. */
const WITHIN_MS = 5000;

/** Mutants that were findings, and are none any more. */
const REGRESSIONS: [format: FuzzFormat, seed: number, number: number, what: string][] = [
  ['pickle', 1, 9, 'a class stands 64 times in a set'],
  ['pickle', 1, 3224, 'a number is added to a frozenset 3000 times'],
  ['pickle', 1, 3833, 'a number is added to a set twice'],
];

const seed = Date.now() % 1_000_003;

suite(`fuzz (seed ${seed})`, ({ each, test }) => {
  each(
    FUZZ_FORMATS,
    format => format,
    async format => {
      const report = await runFuzz({ format, seed, mutants: MUTANTS, withinMs: WITHIN_MS });
      equal(report.findings, []);
      ok(report.mutants >= 10, `${report.mutants} mutants`);
    },
  );

  each(
    REGRESSIONS,
    ([format, seed, number, what]) => `${format} ${seed} ${number}: ${what}`,
    async ([format, seed, number]) => {
      const { kind } = await new Fuzzer(format, scratch({ inMemory: true })).judge(seed, number);
      equal(kind, 'right');
    },
  );

  each(
    FUZZ_FORMATS,
    format => `${format}: a seed and a number make one mutant`,
    format => {
      const original = seedsOf(format)[0]!;
      const bytes = original.bytes ?? Buffer.from('a file of some bytes, to be changed');
      for (let number = 1; number < 50; number++) {
        const [a, b] = [mutate(format, bytes, new Random(number)), mutate(format, bytes, new Random(number))];
        equal([a.what, a.bytes.toString('latin1')], [b.what, b.bytes.toString('latin1')]);
      }
    },
  );

  each(
    ['scalars', 'scalars_dcp', 'python_objects_dcp'],
    name => `the oracle sees an object of another value, and one that is missing: ${name}`,
    async name => {
      const source = fixturePath(name);
      const output = join(scratch({ inMemory: true }), 'out.pth');
      const from = name.endsWith('_dcp') ? 'dcp' : 'torch';
      await convert(source, output, { from, to: 'torch', sync: false });
      const baseline = await baselineOf(source);
      ok(baseline.objects.size > 5, `${baseline.objects.size} objects`);
      is(await compare(source, output, baseline, true), undefined);
      const [[path, known], [, other]] = [...baseline.objects] as [
        [string, { entry: ObjectEntry; readFrom: string }],
        [string, { entry: ObjectEntry; readFrom: string }],
      ];
      const wrong = new Map([...baseline.objects, [path, { ...known, entry: other.entry }] as const]);
      match((await compare(source, output, { ...baseline, objects: wrong }, true)) ?? '', /^object \["/);
      const elsewhere = fixturePath('small_transformer');
      match(
        (await compare(source, elsewhere, { ...baseline, tensors: new Map() }, true)) ?? '',
        /^object .* is missing/,
      );
      baseline.checkpoint?.close();
    },
  );

  test('the oracle sees a tensor of another value, one that is missing, and a checksum that is not right', async () => {
    const source = fixturePath('small_transformer');
    const output = join(scratch({ inMemory: true }), 'out.pth');
    await convert(source, output, { from: 'torch', to: 'torch', sync: false });
    const baseline = await baselineOf(source);
    is(baseline.tensors.size, 20);
    is(await compare(source, output, baseline, true), undefined);
    const [[path, known]] = [...baseline.tensors] as [
      [string, { place: string; sha256: string; storedCrcs: number[] }],
    ];
    const wrong = {
      ...baseline,
      tensors: new Map([...baseline.tensors, [path, { ...known, sha256: 'other' }] as const]),
    };
    match((await compare(source, output, wrong, true)) ?? '', /has another value/);
    match((await compare(source, fixturePath('tied'), baseline, true)) ?? '', /is missing/);
    const damaged = join(scratch({ inMemory: true }), 'damaged.pth');
    const file = readFileSync(source);
    file[file.length >> 1]! ^= 1;
    writeFileSync(damaged, file);
    match((await compare(damaged, output, baseline, true)) ?? '', /has not the CRC-32 that it states/);
  });
});
