import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DiffOptions,
  diffCheckpoints,
  extractTensors,
  extractText,
  torchSaveToDcp,
} from '../../src/index.js';
import { fixturePath, golden } from '../fixtures.js';
import { equal, ok, suite } from '../suite.js';
import { Judge } from './judge.js';

/** numpy opens what we extract; torch finds the differences that we find. */

const judge = new Judge();
const directory = mkdtempSync(join(tmpdir(), 'dcp-interop-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

suite('numpy opens extracted arrays', ({ each, test }) => {
  each(
    ['all_dtypes', 'big_endian', 'lazy_views', 'strides', 'small_transformer', 'tied', 'alignment_1'].flatMap(
      name => [false, true].map(rawBits => ({ name, rawBits })),
    ),
    ({ name, rawBits }) => `${name}${rawBits ? ', raw bits' : ''}`,
    async ({ name, rawBits }) => {
      const source = fixturePath(name);
      const fqns = golden(name)
        .tensors.filter(row => row.stride !== undefined && row.dtype !== 'float4_e2m1fn_x2')
        .map(row => row.path.join('.'));
      const out = join(directory, `${name}-${rawBits}.npz`);
      await extractTensors(source, fqns, out, { format: 'npz', rawBits });
      const answer = await judge.ask('compare_arrays', out, source, ...(rawBits ? ['--raw-bits'] : []));
      equal([answer.error, answer.arrays, answer.differences], [undefined, fqns.length, []]);
    },
  );

  test('numpy.loadtxt reads text', async () => {
    const out = join(directory, 'text');
    let text = '';
    await extractText(fixturePath('grid_shards'), ['rows_deep'], async piece => void (text += piece));
    writeFileSync(out, text);
    const { elements } = await judge.ask('read_text', out);
    const raw = join(directory, 'raw');
    await extractTensors(fixturePath('grid_shards'), ['rows_deep'], raw, { format: 'raw' });
    const bytes = readFileSync(raw);
    // A float32 is its shortest text, read as a float32.
    equal(
      (elements as number[]).map(Math.fround),
      Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i)),
    );
  });
});

suite('torch finds the same differences', ({ each }) => {
  each(
    [
      [1, {}],
      [2, { atol: 0 }],
      [3, { atol: 0.5 }],
      [4, { rtol: 0.05 }],
      [5, { atol: 0.1, rtol: 0.01 }],
    ] as const satisfies [number, DiffOptions][],
    ([seed, options]) => `seed ${seed}, ${JSON.stringify(options)}`,
    async ([seed, options]: readonly [number, DiffOptions]) => {
      const [a, b] = [join(directory, `a${seed}.pth`), join(directory, `b${seed}.pth`)];
      await judge.ask('make_pair', a, b, String(seed));
      const { atol = 0, rtol = 0 } = options;
      const flags = ['--atol', String(atol), '--rtol', String(rtol)];
      const rows = (await judge.ask('differences_of', a, b, ...flags)).rows as Record<
        string,
        Record<string, unknown>
      >;
      ok(Object.keys(rows).length > 40, 'torch found too few differences');
      const shards = join(directory, `b${seed}`);
      await torchSaveToDcp(b, shards);
      for (const other of [b, shards]) {
        const report = await diffCheckpoints(a, other, options);
        const found = [...report.differences, ...report.close].map(row => {
          ok(row.kind === 'values');
          const { fqn, differing, beyond, nonFinite, firstIndex, maxAbs, maxRel } = row;
          return [
            fqn,
            { differing, beyond, non_finite: nonFinite, first: firstIndex, max_abs: maxAbs, max_rel: maxRel },
          ];
        });
        const isBits = Object.keys(options).length === 0;
        const expected = Object.entries(rows).map(([fqn, row]) => [
          fqn,
          isBits ? { ...row, beyond: row.differing } : row,
        ]);
        equal(Object.fromEntries(found.sort()), Object.fromEntries(expected.sort()));
      }
    },
  );
});
