import { crc32 } from '../../src/copy/crc32.js';
import { CrcLedger, type CrcReport } from '../../src/copy/ledger.js';
import { CopyPlanBuilder } from '../../src/copy/plan.js';
import type { RangeCrc } from '../../src/copy/tile.js';
import { Random } from '../random.js';
import { equal, is, suite, throws } from '../suite.js';

const BYTES = new Random(21).bytes(100);

/** A ledger of one storage of 100 bytes, which states a CRC or none, and one record of as many. */
function ledgerOf(stated: number | undefined): CrcLedger {
  const builder = new CopyPlanBuilder();
  const source = builder.addSource('/data');
  const storage = builder.addStorage({ source, byteOffset: 40, byteLength: 100, crc32: stated, label: 'w' });
  builder.beginRecord(builder.addOutput({ name: 'o', byteLength: 100 }), 0, 100);
  builder.addPiece(storage, 0, 0, 100);
  return new CrcLedger(builder.build());
}

const ranges = (...cuts: [start: number, end: number][]): RangeCrc[] =>
  cuts.map(([start, end]) => ({
    index: 0,
    start,
    byteLength: end - start,
    crc32: crc32(BYTES.subarray(start, end)),
  }));

suite('putting CRCs together', ({ each, test }) => {
  const read: [name: string, cuts: [number, number][], keyof CrcReport][] = [
    ['whole', [[0, 100]], 'checked'],
    [
      'in pieces, in any order',
      [
        [60, 100],
        [0, 10],
        [10, 60],
      ],
      'checked',
    ],
    [
      'twice: a tied weight',
      [
        [0, 100],
        [0, 100],
      ],
      'checked',
    ],
    [
      'twice, cut in different places',
      [
        [0, 30],
        [0, 50],
        [30, 100],
        [50, 100],
      ],
      'checked',
    ],
    [
      'whole, and in parts by views',
      [
        [0, 100],
        [20, 40],
        [90, 100],
        [0, 5],
      ],
      'checked',
    ],
    [
      'whole by two views together',
      [
        [0, 50],
        [50, 100],
        [25, 75],
      ],
      'checked',
    ],
    ['but for its end', [[0, 99]], 'partlyRead'],
    ['but for its start', [[1, 100]], 'partlyRead'],
    [
      'but for a gap',
      [
        [0, 40],
        [41, 100],
      ],
      'partlyRead',
    ],
    [
      'in parts that overlap and never meet',
      [
        [0, 60],
        [40, 100],
      ],
      'partlyRead',
    ],
    ['not at all', [], 'partlyRead'],
  ];
  each(
    read,
    ([name]) => `a storage that is read ${name}`,
    ([, cuts, outcome]) => {
      const ledger = ledgerOf(crc32(BYTES));
      for (const range of ranges(...cuts)) ledger.add([range], []);
      equal(ledger.checkStorages(), { checked: 0, partlyRead: 0, withoutCrc: 0, [outcome]: 1 });

      const damaged = ledgerOf(crc32(BYTES) ^ 1);
      damaged.add(ranges(...cuts), []);
      if (outcome === 'partlyRead') is(damaged.checkStorages().partlyRead, 1);
      else {
        const error = throws(() => damaged.checkStorages(), { code: 'corrupt', message: /damaged.*CRC-32/ });
        equal(error.context, { path: '/data', fqn: 'w', byteOffset: 40 });
      }
    },
  );

  test('a storage that states no CRC', () => {
    const ledger = ledgerOf(undefined);
    ledger.add(ranges([0, 100]), []);
    equal(ledger.checkStorages(), { checked: 0, partlyRead: 0, withoutCrc: 1 });
  });

  test('the CRC of a record is that of its ranges', () => {
    const ledger = ledgerOf(undefined);
    ledger.add([], ranges([70, 100], [0, 20]));
    ledger.add([], ranges([20, 70]));
    equal([...ledger.recordCrcs()], [crc32(BYTES)]);
  });
});
