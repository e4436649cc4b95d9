import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkpointStats, type StatsEntry } from '../../src/ops/stats.js';
import { type StatsOrder, sortStats } from '../../src/ops/stats-order.js';
import { problemCount } from '../../src/ops/stats-problems.js';
import { statsFixtures, statsGolden } from '../device/stats-golden.js';
import { copyFixture, fixturePath, golden } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

const A = `${statsFixtures}a.pth`;

suite('stats of a checkpoint', ({ each, test }) => {
  test('every tensor of the state dict, in its order', async () => {
    const { entries, tensors, parameters, byteLength } = await checkpointStats(fixturePath('fsdp2_adam'));
    const rows = golden('fsdp2_adam').dcp!.items.filter(item => item.kind === 'tensor');
    equal(
      entries.map(({ fqn, dtype, size }) => ({ fqn, dtype, size })),
      rows.map(({ fqn, dtype, size }) => ({ fqn, dtype, size })),
    );
    equal([tensors, parameters, byteLength], [16, 1228, 4912]);
  });

  test('a sharded checkpoint and the file it was converted to count alike', async () => {
    const [sharded, whole] = await Promise.all(
      ['tied_dcp', 'tied'].map(name => checkpointStats(fixturePath(name), { workers: 0 })),
    );
    const byName = (entries: readonly StatsEntry[]) => sortStats(entries, 'name');
    equal(byName(sharded!.entries), byName(whole!.entries));
  });

  test('what is in objects comes after what is not, quantized numbers as they are stored', async () => {
    const { entries } = await checkpointStats(fixturePath('tensors_in_objects'));
    const names = entries.map(({ fqn }) => fqn);
    is(names[0], 'sentinel');
    for (const name of ['pair![0]', 'sparse![0].args[1][0]', 'quantized![1].args[0]']) {
      ok(names.includes(name), `${name} is none of ${names.join(', ')}`);
    }
    is(entries.find(({ fqn }) => fqn === 'quantized![1].args[0]')!.dtype, 'qint8');
  });

  test('only those that keys match', async () => {
    const { entries, tensors } = await checkpointStats(A, { keys: ['float16.n*', '*.scalar'] });
    const names = statsGolden.tensors.map(({ name }) => name);
    equal(
      entries.map(({ fqn }) => fqn),
      names.filter(name => name.startsWith('float16.n') || name.endsWith('.scalar')),
    );
    is(tensors, entries.length);
  });

  test('totals by type, and of all', async () => {
    const { total, dtypes } = await checkpointStats(A, { keys: ['int16.ends', 'int8.ends', 'bool.true'] });
    equal(
      dtypes.map(({ dtype, tensors, count, min, max, mean }) => ({ dtype, tensors, count, min, max, mean })),
      [
        { dtype: 'int16', tensors: 1, count: 5, min: -32768, max: 32767, mean: 32767 / 5 },
        { dtype: 'bool', tensors: 1, count: 5, min: 1, max: 1, mean: 1 },
        { dtype: 'int8', tensors: 1, count: 5, min: -128, max: 127, mean: 127 / 5 },
      ],
    );
    equal([total.count, total.min, total.max], [15, -32768, 32767]);
    ok(Math.abs(total.mean! - (32767 + 5 + 127) / 15) < 1e-9);
  });

  test('problems: what, how much, where first', async () => {
    const { problems } = await checkpointStats(A, {
      keys: ['float16.inf*', 'float16.nan_only', '*32.zeros'],
    });
    equal(problems, [
      { kind: 'nan', tensors: 1, count: 7, first: 'float16.nan_only' },
      { kind: 'inf', tensors: 2, count: 224, first: 'float16.inf_laden' },
      { kind: 'all_zero', tensors: 1, count: 66, first: 'float32.zeros' },
    ]);
    equal((await checkpointStats(A, { keys: ['float32.one'] })).problems, []);
  });

  test('a single zero and an empty tensor are no problem', async () => {
    const { entries } = await checkpointStats(A, { keys: ['float32.zeros', 'float32.empty'] });
    const [zeros, empty] = entries;
    is(problemCount(zeros!, 'all_zero'), 66);
    is(problemCount({ ...zeros!, count: 1, zeroCount: 1 }, 'all_zero'), 0);
    is(problemCount(empty!, 'all_zero'), 0);
  });

  test('histograms where they are asked for', async () => {
    const options = { keys: ['float8_e5m2.one', 'int8.ends'] };
    const without = await checkpointStats(A, options);
    ok(without.entries.every(({ histogram }) => histogram === undefined));
    const [float, int] = (await checkpointStats(A, { ...options, histogram: true })).entries;
    equal(float!.histogram, { bits: Uint16Array.of(0x3e), counts: Float64Array.of(1) });
    is(int!.histogram, undefined);
  });

  test('phases, and bytes up to the last', async () => {
    const seen: string[] = [];
    let last = 0;
    const { byteLength } = await checkpointStats(A, {
      onProgress: progress => {
        if (seen.at(-1) !== progress.phase) seen.push(progress.phase);
        if ('byteCount' in progress) last = progress.byteCount;
      },
    });
    equal(seen, ['open', 'plan', 'count']);
    is(last, byteLength);
  });

  test('a damaged byte is an error that names the tensor', async () => {
    const path = join(scratch(), 'a.pth');
    const bytes = readFileSync(A);
    // In the numbers of the largest tensor of the file.
    const { sha256: _, name } = statsGolden.tensors.find(tensor => tensor.name === 'float32.many')!;
    const numbers = await firstNumbers(name);
    const at = bytes.indexOf(numbers);
    ok(at > 0);
    bytes[at + 5]! ^= 4;
    writeFileSync(path, bytes);
    await rejects(() => checkpointStats(path), { code: 'corrupt', message: /CRC-32.*at float32\.many/ });
    is((await checkpointStats(path, { crc: false })).crc, undefined);
  });

  test('bytes that are not there are an error, not numbers', async () => {
    const path = copyFixture('uneven_shards', scratch());
    writeFileSync(join(path, '__1_0.distcp'), '');
    await rejects(() => checkpointStats(path), { code: 'corrupt' });
  });

  test('an abort before the first byte', async () => {
    await rejects(() => checkpointStats(A, { signal: AbortSignal.abort() }), { code: 'interrupted' });
  });

  test('nothing at the path', async () => {
    await rejects(() => checkpointStats('/nowhere'), { code: 'file', message: /nothing at this path/ });
  });

  const ORDERS: readonly [order: StatsOrder, first: string, last: string][] = [
    ['name', 'float16.any_bits', 'float16.zeros'],
    ['size', 'float16.any_bits', 'float16.empty'],
    ['nan', 'float16.nan_laden', 'float16.inf_only'],
    ['inf', 'float16.inf_laden', 'float16.nan_laden'],
    ['max', 'float16.any_bits', 'float16.inf_only'],
    ['min', 'float16.any_bits', 'float16.inf_only'],
    ['norm', 'float16.any_bits', 'float16.inf_only'],
  ];
  each(
    ORDERS,
    ([order]) => `sorted by ${order}`,
    async ([order, first, last]) => {
      const { entries } = await checkpointStats(A, { keys: ['float16.*'] });
      const sorted = sortStats(entries, order);
      equal([sorted[0]!.fqn, sorted.at(-1)!.fqn], [first, last]);
      is(sorted.length, entries.length);
    },
  );
});

/** The first bytes of a tensor, as they lie in the file. */
async function firstNumbers(fqn: string): Promise<Buffer> {
  const { extractToStream } = await import('../../src/ops/extract.js');
  const pieces: Uint8Array[] = [];
  await extractToStream(A, [fqn], async bytes => void pieces.push(bytes.slice()), { format: 'raw' });
  return Buffer.concat(pieces).subarray(0, 64);
}
