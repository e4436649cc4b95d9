import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import type { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import type { Comparison, Device, Histogram, NumberStats, TensorStats } from '../../src/device/device.js';
import { planTensorRecords, type TensorRecords } from '../../src/device/records.js';
import { openCheckpoint } from '../../src/ops/open.js';
import { fixturePath, golden } from '../fixtures.js';
import { equal, is, ok, rejects, suite } from '../suite.js';
import { type GoldenNumbers, type GoldenStats, statsFixtures, statsGolden } from './stats-golden.js';

/**
 * What a device may be off by, relative: of the mean to the mean of |x|. Counts, min and max are exact everywhere. Far
 * below what is promised, of every device: sums are exact, and only the last step rounds.
 */
const BOUNDS = { mean: 1e-14, std: 1e-12, norm: 1e-13, difference: 1e-14 };

/** DCP directories of several ranks, for tensors that are put together from chunks. */
const SHARDED = ['uneven_shards', 'column_shards', 'grid_shards', 'tp_fsdp', 'hsdp', 'strides_dcp'];

/**
 * What every device must do, as tests: statistics, comparison and rebuilt tensors of real files against torch's own
 * figures. `open` is called once for the suite; the device is closed at its end.
 */
export function deviceContract(name: string, open: () => Promise<Device>): void {
  suite(`device contract: ${name}`, ({ test, each }) => {
    const device = once(open);
    const statistics = once(async () => {
      const { results } = await (await device()).stats(await statsRecords('a.pth'), { histogram: true });
      return new Map(statsGolden.tensors.map(({ name: fqn }, i) => [fqn, results[i]!]));
    });
    const comparisons = once(async () => {
      const { atol, rtol } = statsGolden;
      const [a, b] = [await statsRecords('a.pth'), await statsRecords('b.pth')];
      const { results } = await (await device()).compare(a, b, { atol, rtol });
      return new Map(statsGolden.tensors.map(({ name: fqn }, i) => [fqn, results[i]!]));
    });

    each(
      statsGolden.tensors,
      ({ name: fqn }) => `statistics of ${fqn}`,
      async row => checkStats((await statistics()).get(row.name)!, row),
    );

    each(
      statsGolden.tensors,
      ({ name: fqn }) => `comparison of ${fqn}`,
      async row => checkComparison((await comparisons()).get(row.name)!, row),
    );

    each(
      SHARDED,
      fixture => `tensors of ${fixture} rebuilt from their chunks`,
      async fixture => {
        const { fqns, records } = await recordsOf(fixturePath(fixture));
        const { results } = await (await device()).rebuild(records);
        for (const [i, tensor] of results.entries()) {
          is(sha256(await tensor.readBack()), sha256Of(fixture, fqns[i]!), fqns[i]);
          tensor.release();
        }
      },
    );

    test('a record may be a box of a tensor', async () => {
      const whole = await recordsOf(fixturePath('column_shards'));
      const box = { offsets: [1, 2], sizes: [3, 5] };
      const wanted = whole.wanted.filter(({ entry }) => entry.shape.length === 2 && entry.shape[1]! > 7);
      ok(wanted.length > 0);
      const boxes = planTensorRecords(wanted.map(part => ({ ...part, box })));
      const [expected, found] = [planTensorRecords(wanted), boxes];
      const rebuilt = await Promise.all(
        [expected, found].map(async records => (await (await device()).rebuild(records)).results),
      );
      for (const [i, { entry }] of wanted.entries()) {
        const all = await rebuilt[0]![i]!.readBack();
        const rows: Uint8Array[] = [];
        const { itemSize } = entry.dtype;
        for (let row = 1; row < 4; row++) {
          const start = (row * entry.shape[1]! + 2) * itemSize;
          rows.push(all.subarray(start, start + 5 * itemSize));
        }
        equal(Buffer.from(await rebuilt[1]![i]!.readBack()), Buffer.concat(rows));
        equal(rebuilt[1]![i]!.shape, [3, 5]);
      }
    });

    test('records of other types or shapes are not compared', async () => {
      const [a, b] = await Promise.all(
        ['uneven_shards', 'column_shards'].map(n => recordsOf(fixturePath(n))),
      );
      const opened = await device();
      await rejects(() => opened.compare(a!.records, b!.records), {
        code: 'usage',
        message: /one type and shape/,
      });
    });

    test('no records give no results', async () => {
      const nothing = planTensorRecords([]);
      const opened = await device();
      equal((await opened.stats(nothing)).results, []);
      equal((await opened.compare(nothing, nothing)).results, []);
      equal((await opened.rebuild(nothing)).results, []);
    });

    test('progress ends at the bytes of the records', async () => {
      const records = await statsRecords('a.pth');
      const seen: number[] = [];
      const onProgress = (progress: { byteCount: number; byteTotal: number }): void => {
        is(progress.byteTotal, records.plan.recordByteLength);
        seen.push(progress.byteCount);
      };
      await (await device()).stats(records, { onProgress });
      is(seen.at(-1), records.plan.recordByteLength);
      equal(
        seen,
        [...seen].sort((a, b) => a - b),
      );
    });

    test('a signal that has fired ends it at once', async () => {
      const records = await statsRecords('a.pth');
      const opened = await device();
      const signal = AbortSignal.abort();
      await rejects(() => opened.stats(records, { signal }), { code: 'interrupted' });
      await rejects(() => opened.compare(records, records, { signal }), { code: 'interrupted' });
    });

    test('a source that is gone is a file error', async () => {
      const records = await statsRecords('a.pth');
      const gone = { ...records, plan: { ...records.plan, sources: ['/nowhere/a.pth'] } };
      const opened = await device();
      await rejects(() => opened.stats(gone), { code: 'file', message: /nowhere/ });
    });

    test('where one source of several is gone, all that was opened is closed, and the device goes on', async () => {
      const { records, fqns } = await recordsOf(fixturePath('column_shards'));
      const sources = records.plan.sources.map((source, i) => (i === 1 ? '/nowhere/__1_0.distcp' : source));
      ok(sources.length > 1);
      const gone = { ...records, plan: { ...records.plan, sources } };
      const opened = await device();
      const error = { code: 'file', message: /nowhere/ } as const;
      for (let i = 0; i < 3; i++) {
        await rejects(() => opened.stats(gone), error);
        await rejects(() => opened.compare(records, gone), error);
        await rejects(() => opened.compare(gone, records), error);
        await rejects(() => opened.rebuild(gone), error);
      }
      is(openFileCount(fixturePath('column_shards')), 0);
      const { results } = await opened.rebuild(records);
      is(sha256(await results[0]!.readBack()), sha256Of('column_shards', fqns[0]!));
      for (const tensor of results) tensor.release();
    });

    test('it says what it is, and can be closed twice', async () => {
      const opened = await device();
      is(opened.describe().name, opened.name);
      ok(opened.describe().label.length > 0);
      await opened.close();
      await opened.close();
    });
  });
}

function checkStats(found: TensorStats, expected: GoldenStats): void {
  is(
    found.elementCount,
    expected.shape.reduce((product, size) => product * size, 1),
  );
  checkNumbers(found, expected);
  is(found.real === undefined, expected.real === undefined);
  if (expected.real !== undefined) checkNumbers(found.real!, expected.real);
  if (expected.imaginary !== undefined) checkNumbers(found.imaginary!, expected.imaginary);
  const histograms =
    found.real === undefined ? [found.histogram] : [found.real.histogram, found.imaginary!.histogram];
  equal(histograms.map(histogramDigest), expected.histograms ?? histograms.map(() => undefined));
}

function checkNumbers(found: NumberStats, expected: GoldenNumbers): void {
  equal(
    {
      count: found.count,
      nan_count: found.nanCount,
      positive_inf_count: found.positiveInfCount,
      negative_inf_count: found.negativeInfCount,
      zero_count: found.zeroCount,
      subnormal_count: found.subnormalCount,
      min: text(found.min),
      max: text(found.max),
    },
    {
      count: expected.count,
      nan_count: expected.nan_count,
      positive_inf_count: expected.positive_inf_count,
      negative_inf_count: expected.negative_inf_count,
      zero_count: expected.zero_count,
      subnormal_count: expected.subnormal_count,
      min: text(expected.min),
      max: text(expected.max),
    },
  );
  near('mean', found.mean, expected.mean, BOUNDS.mean * Math.abs(expected.mean_abs ?? 0));
  near('std', found.std, expected.std, BOUNDS.std * Number(expected.std));
  near('norm', found.norm, expected.norm, BOUNDS.norm * Number(expected.norm));
}

/** Whole numbers of any size, and others, as one text: a bigint equals the number of its value. */
function text(value: number | bigint | string | null): string {
  // −0 and 0 are one minimum to torch.
  return String(typeof value === 'number' ? value + 0 : value);
}

function near(what: string, found: number | null, expected: number | string | null, bound: number): void {
  if (expected === null || found === null) {
    is(found, expected, what);
    return;
  }
  const wanted = expected === 'inf' ? Number.POSITIVE_INFINITY : Number(expected);
  ok(found === wanted || Math.abs(found - wanted) <= bound, `${what}: expected ${wanted}, found ${found}`);
}

function checkComparison(found: Comparison, { comparison, shape }: GoldenStats): void {
  const { maxAbs, maxRel, ...counts } = found;
  equal(counts, {
    elementCount: shape.reduce((product, size) => product * size, 1),
    differingCount: comparison.differing_count,
    firstIndex: comparison.first_index,
    nonFiniteCount: comparison.non_finite_count,
    beyondCount: comparison.beyond_count,
  });
  near('maxAbs', maxAbs, comparison.max_abs, BOUNDS.difference * Number(comparison.max_abs));
  near('maxRel', maxRel, comparison.max_rel, BOUNDS.difference * Number(comparison.max_rel));
}

function histogramDigest(histogram: Histogram | undefined): { patterns: number; sha256: string } | undefined {
  if (histogram === undefined) return undefined;
  const { bits, counts } = histogram;
  return { patterns: bits.length, sha256: sha256(JSON.stringify([[...bits], [...counts]])) };
}

function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

function sha256Of(fixture: string, fqn: string): string | undefined {
  return golden(fixture).tensors.find(({ path }) => path.join('.') === fqn)?.sha256;
}

/** The records of fixtures/stats, in the order of the golden. */
async function statsRecords(file: string): Promise<TensorRecords> {
  const { fqns, records } = await recordsOf(`${statsFixtures}${file}`);
  equal(
    fqns,
    statsGolden.tensors.map(tensor => tensor.name),
  );
  return records;
}

/** All tensors of a checkpoint. What is planned stays valid when it is closed. */
export async function recordsOf(path: string) {
  const source = await openCheckpoint(path);
  try {
    const entries = source.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
    await source.resolve(entries);
    const wanted = entries.map(entry => ({ entry, source }));
    return { fqns: entries.map(({ fqn }) => fqn), wanted, records: planTensorRecords(wanted) };
  } finally {
    source.close();
  }
}

/** How many files of a folder this process has open; where the system does not tell, none. */
function openFileCount(folder: string): number {
  const descriptors = '/proc/self/fd';
  if (!existsSync(descriptors)) return 0;
  return readdirSync(descriptors).filter(fd => {
    try {
      return readlinkSync(`${descriptors}/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
