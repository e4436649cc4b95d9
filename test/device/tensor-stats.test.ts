import type { NumberStats } from '../../src/device/device.js';
import { momentsFrom } from '../../src/device/moments.js';
import type { RecordTensor } from '../../src/device/records.js';
import {
  type PartialNumbers,
  type PartialStats,
  StatsLedger,
  sparseHistogram,
  sumOfStats,
} from '../../src/device/tensor-stats.js';
import { equal, is, suite } from '../suite.js';

const numbers = (values: readonly number[]): PartialNumbers => ({
  count: values.length,
  nanCount: 0,
  positiveInfCount: 0,
  negativeInfCount: 0,
  zeroCount: values.filter(value => value === 0).length,
  subnormalCount: 0,
  min: values.length === 0 ? null : Math.min(...values),
  max: values.length === 0 ? null : Math.max(...values),
  moments: momentsFrom(values.length, values[0] ?? 0, 0),
});

const part = (record: number, startByte: number, values: readonly number[]): PartialStats => ({
  record,
  startByte,
  byteLength: values.length * 4,
  components: [numbers(values)],
});

const FLOATS: RecordTensor = { fqn: 'a', dtype: 'float32', shape: [6] };

suite('statistics from parts', ({ test }) => {
  const parts = [part(0, 0, [8, 8]), part(0, 8, [-2, -2]), part(0, 16, [0, 0])];

  test('parts in any order come to the same, to the bit', () => {
    const inOrder = new StatsLedger([FLOATS], [24], false);
    const backwards = new StatsLedger([FLOATS], [24], false);
    for (const each of parts) inOrder.add(each);
    for (const each of [...parts].reverse()) backwards.add(each);
    equal(inOrder.finish(), backwards.finish());
    equal(inOrder.finish()[0], {
      elementCount: 6,
      count: 6,
      nanCount: 0,
      positiveInfCount: 0,
      negativeInfCount: 0,
      zeroCount: 2,
      subnormalCount: 0,
      min: -2,
      max: 8,
      mean: 2,
      std: Math.sqrt(112 / 6),
      norm: Math.sqrt(136),
    });
  });

  test('a record that is not whole is a mistake', () => {
    const ledger = new StatsLedger([FLOATS], [24], false);
    ledger.add(parts[0]!);
    let message = '';
    try {
      ledger.finish();
    } catch (error) {
      message = String(error);
    }
    is(message, 'Error: 1 records are not whole');
  });

  test('a record without bytes needs no part, and has a histogram where one is asked for', () => {
    const ledger = new StatsLedger([{ fqn: 'e', dtype: 'float16', shape: [0, 3] }], [0], true);
    const [found] = ledger.finish();
    is(found!.elementCount, 0);
    is(found!.mean, null);
    is(found!.histogram!.bits.length, 0);
  });

  test('64-bit minimum and maximum stay whole numbers', () => {
    const ledger = new StatsLedger([{ fqn: 'i', dtype: 'int64', shape: [2] }], [16], false);
    const big = 2n ** 62n;
    for (const [startByte, value] of [
      [8, big],
      [0, big + 1n],
    ] as const) {
      const components = [{ ...numbers([1]), min: value, max: value }];
      ledger.add({ record: 0, startByte, byteLength: 8, components });
    }
    const [found] = ledger.finish();
    equal([found!.min, found!.max], [big, big + 1n]);
  });

  test('statistics of several tensors together', () => {
    const stats = (count: number, mean: number, std: number): NumberStats => ({
      ...numbers([]),
      count,
      min: mean,
      max: mean,
      mean,
      std,
      norm: 0,
    });
    const all = sumOfStats([stats(2, 1, 0), stats(2, 3, 0)]);
    equal([all.count, all.min, all.max, all.mean, all.std, all.norm], [4, 1, 3, 2, 1, Math.sqrt(20)]);
    const huge = sumOfStats([stats(1, 1e300, 0), stats(1, -1e300, 0)]);
    equal([huge.mean, huge.std], [0, 1e300]);
    equal(sumOfStats([]).mean, null);
  });

  test('a histogram lists what there is', () => {
    equal(sparseHistogram(Uint32Array.of(0, 3, 0, 1)), {
      bits: Uint16Array.of(1, 3),
      counts: Float64Array.of(3, 1),
    });
  });
});
