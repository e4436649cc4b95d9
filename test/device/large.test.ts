/** Tensors of many tiles, whose statistics have closed forms. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from '../../src/copy/crc32.js';
import { CopyPlanBuilder } from '../../src/copy/plan.js';
import { openCpuDevice } from '../../src/device/cpu.js';
import type { TensorRecords } from '../../src/device/records.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

const COUNT = 5_000_000;

function recordsOf(
  bytes: Uint8Array,
  dtype: string,
  shape: number[],
  statedCrc = crc32(bytes),
): TensorRecords {
  const path = join(scratch(), 'raw');
  writeFileSync(path, bytes);
  const plan = new CopyPlanBuilder();
  const { byteLength } = bytes;
  const source = plan.addSource(path);
  const storage = plan.addStorage({ source, byteOffset: 0, byteLength, crc32: statedCrc, label: 'w' });
  plan.beginRecord(plan.addOutput({ name: 'w', byteLength }), 0, byteLength);
  plan.addPiece(storage, 0, 0, byteLength);
  return { plan: plan.build(), tensors: [{ fqn: 'w', dtype, shape }] };
}

const counting = new Uint8Array(Int32Array.from({ length: COUNT }, (_, i) => i).buffer);

suite('tensors of many tiles', ({ test }) => {
  test('0, 1, 2, … has the moments of the arithmetic series', async () => {
    const records = recordsOf(counting, 'int32', [COUNT]);
    const { results, crc } = await openCpuDevice({ workers: 0 }).stats(records);
    const { min, max, zeroCount, mean, std, norm } = results[0]!;
    equal([min, max, zeroCount, mean], [0, COUNT - 1, 1, (COUNT - 1) / 2]);
    const near = (found: number | null, expected: number): void =>
      ok(Math.abs(found! / expected - 1) < 1e-13, `${found} is not ${expected}`);
    near(std, Math.sqrt((COUNT ** 2 - 1) / 12));
    near(norm, Math.sqrt((COUNT - 1) * (COUNT / 6) * (2 * COUNT - 1)));
    equal(crc, { checked: 1, partlyRead: 0, withoutCrc: 0 });
  });

  test('the number of threads does not show in the result', async () => {
    const records = recordsOf(counting, 'float32', [COUNT]);
    const [one, two, three] = await Promise.all(
      [0, 2, 3].map(workers => openCpuDevice({ workers }).stats(records)),
    );
    equal(two, one);
    equal(three, one);
  });

  test('every pattern of bfloat16, two hundred times: the histogram is even', async () => {
    const patterns = new Uint16Array(200 << 16).map((_, i) => i & 0xffff);
    const records = recordsOf(new Uint8Array(patterns.buffer), 'bfloat16', [200, 1 << 16]);
    const { results } = await openCpuDevice({ workers: 2 }).stats(records, { histogram: true });
    const { histogram, nanCount, positiveInfCount, negativeInfCount, zeroCount, subnormalCount, mean } =
      results[0]!;
    is(histogram!.bits.length, 1 << 16);
    ok(histogram!.counts.every(count => count === 200));
    equal(
      [nanCount, positiveInfCount, negativeInfCount, zeroCount, subnormalCount],
      [200 * 254, 200, 200, 400, 200 * 254],
    );
    ok(Math.abs(mean!) < 1e20);
  });

  test('a byte that was flipped is found, unless checksums are not asked for', async () => {
    const stated = crc32(counting);
    const damaged = counting.slice();
    damaged[9_000_000]! ^= 1;
    const records = recordsOf(damaged, 'int32', [COUNT], stated);
    const device = openCpuDevice({ workers: 2 });
    await rejects(() => device.stats(records), { code: 'corrupt', message: /CRC-32.*at w/ });
    const { results, crc } = await device.stats(records, { crc: false });
    is(results[0]!.count, COUNT);
    is(crc, undefined);
  });

  test('an abort in the middle ends the run', async () => {
    const records = recordsOf(counting, 'int32', [COUNT]);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    const { signal } = controller;
    await rejects(() => openCpuDevice({ workers: 1 }).stats(records, { signal, onProgress }), {
      code: 'interrupted',
    });
  });
});
