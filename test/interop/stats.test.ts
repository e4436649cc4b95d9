import { checkpointStats, type StatsEntry } from '../../src/index.js';
import { statsFixtures } from '../device/stats-golden.js';
import { type FixtureCase, fixtureCases, fixturePath } from '../fixtures.js';
import { equal, fail, ok, suite } from '../suite.js';
import { Judge } from './judge.js';

/** Real torch counts the tensors of every fixture; so do we. */

interface TorchNumbers {
  nan_count: number;
  inf_count: number;
  zero_count: number;
  min: string | null;
  max: string | null;
  mean: number | null;
  mean_abs: number | null;
  std: number | null;
  norm: string | null;
}

const judge = new Judge();

/** What the contract allows: of the mean to the mean of |x|, of the others to themselves. */
const BOUND = 1e-6;
/** Torch finds a deviation where all numbers are one: its mean is off by rounding. */
const TORCH_ROUNDS = 1e-15;

/** What torch cannot be asked about, and why. */
const NOT_ASKED: Readonly<Record<string, string>> = {
  colliding_keys: 'its flattening refuses two paths of one name',
  cyclic: 'its flattening does not end',
  rank_metadata: 'one process reads the index of one rank, and leaves the rest uninitialised',
  hf_sharded: 'its Hugging Face reader joins some tensors wrongly; see the goldens',
  hugging_face_kinds: 'the same',
  big_endian_untyped: 'it takes what these storages hold for bytes, and swaps none',
};

async function compareWithTorch(path: string): Promise<number> {
  const answer = await judge.ask('stats', path);
  if (!answer.ok) fail(answer.error ?? 'no answer');
  const { entries } = await checkpointStats(path);
  const ours = new Map(entries.map(entry => [entry.fqn, entry]));
  const tensors = Object.entries(answer.tensors as Record<string, TorchNumbers>);
  for (const [fqn, theirs] of tensors) {
    const found = ours.get(fqn);
    ok(found !== undefined, `${fqn} was not counted`);
    compareNumbers(found, theirs);
  }
  return tensors.length;
}

function compareNumbers(ours: StatsEntry, theirs: TorchNumbers): void {
  const { fqn, nanCount, positiveInfCount, negativeInfCount, zeroCount, min, max } = ours;
  equal(
    [fqn, nanCount, positiveInfCount + negativeInfCount, zeroCount, worthOf(min), worthOf(max)],
    [fqn, theirs.nan_count, theirs.inf_count, theirs.zero_count, worthOf(theirs.min), worthOf(theirs.max)],
  );
  near(`${fqn}: mean`, ours.mean, theirs.mean, BOUND * theirs.mean_abs!);
  near(`${fqn}: std`, ours.std, theirs.std, BOUND * theirs.std! + TORCH_ROUNDS * theirs.mean_abs!);
  near(`${fqn}: norm`, ours.norm, worthOf(theirs.norm), BOUND * Number(theirs.norm));
}

/** Python's text of a number as ours; integers as what they are worth. */
function worthOf(value: number | bigint | string | null): number | string | null {
  if (value === null) return null;
  if (typeof value === 'string' && /^-?\d{16,}$/.test(value)) return value;
  if (typeof value === 'bigint' && String(value).replace('-', '').length >= 16) return String(value);
  if (value === 'inf') return Number.POSITIVE_INFINITY;
  return Number(value) + 0;
}

function near(what: string, found: number | null, expected: number | string | null, bound: number): void {
  if (found === null || expected === null) {
    equal(found, expected, what);
    return;
  }
  const wanted = Number(expected);
  ok(found === wanted || Math.abs(found - wanted) <= bound, `${what}: expected ${wanted}, found ${found}`);
}

const counted = (entry: FixtureCase): boolean =>
  entry.loads_in_torch &&
  entry.unsafe !== true &&
  !entry.name.startsWith('top_level_') &&
  !(entry.name in NOT_ASKED);

suite('interop: stats', ({ each, test }) => {
  each(
    fixtureCases.filter(counted),
    ({ name, torch }) => `${name} of torch ${torch}`,
    async ({ name, torch }) => void (await compareWithTorch(fixturePath(name, torch))),
  );

  test('every element type, and contents that are easily counted wrong', async () => {
    ok((await compareWithTorch(`${statsFixtures}a.pth`)) > 150);
  });
});
