import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type ConvertOptions,
  type ConvertProgress,
  type ConvertResult,
  dcpToTorchSave,
  torchSaveToDcp,
} from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

interface Direction {
  mode: ConvertResult['mode'];
  source: string;
  run: (target: string, options?: ConvertOptions) => Promise<ConvertResult>;
  /** Paths of the outputs, in the order of the result. */
  outputs: (target: string) => string[];
  tensors: number;
  objects: number;
  /** Of all tensors: 20 of a small transformer; those of Adam and two linear layers. */
  byteLength: number;
  storages: number;
}

const DIRECTIONS: Direction[] = [
  {
    mode: 'dcp_to_torch',
    source: fixturePath('int_keys_dcp'),
    run: (target, options) => dcpToTorchSave(fixturePath('int_keys_dcp'), target, options),
    outputs: target => [target],
    tensors: 16,
    objects: 12,
    // Weights [5, 6] and [2, 5], biases [5] and [2]: 47 parameters, each with two moments; four steps.
    byteLength: 4 * (3 * 47 + 4),
    storages: 16,
  },
  {
    mode: 'torch_to_dcp',
    source: fixturePath('small_transformer'),
    run: (target, options) => torchSaveToDcp(fixturePath('small_transformer'), target, options),
    outputs: target => [join(target, '__0_0.distcp'), join(target, '.metadata')],
    tensors: 20,
    objects: 0,
    // Embeddings [24, 16] and [8, 16], output [24, 16], norm [16]; a layer: four [16, 16], two [32, 16], two [16].
    byteLength: 4 * (24 * 16 * 2 + 8 * 16 + 16 + 2 * (4 * 256 + 2 * 512 + 2 * 16)),
    storages: 20,
  },
];

suite('results of conversions', ({ each }) => {
  each(
    DIRECTIONS,
    ({ mode }) => `${mode}: what was done`,
    async ({ mode, source, run, outputs, ...counts }) => {
      const target = join(scratch({ inMemory: true }), 'out');
      const result = await run(target);
      const { tensors, objects, byteLength } = result;
      equal({ tensors, objects, byteLength, storages: result.crc!.checked }, counts);
      equal(
        [result.mode, result.status, result.source, result.destination, result.workers, result.replicas],
        [mode, 'converted', source, target, 0, 0],
      );
      equal(
        result.outputs.map(output => output.byteLength),
        outputs(target).map(path => statSync(path).size),
      );
      equal([result.crcChecked, result.loadsWithWeightsOnly], [true, true]);
      equal([result.globals, result.warnings, result.leftBehind], [[], [], []]);
    },
  );

  each(
    DIRECTIONS,
    ({ mode }) => `${mode}: a dry run says the same and writes nothing`,
    async ({ run }) => {
      const directory = scratch({ inMemory: true });
      const planned = await run(join(directory, 'out'), { dryRun: true });
      equal(readdirSync(directory), []);
      const { crc: _, workers: __, ...converted } = await run(join(directory, 'out'));
      equal(planned, { ...converted, status: 'planned', crcChecked: false });
    },
  );

  each(
    DIRECTIONS,
    ({ mode }) => `${mode}: without checksums nothing is said to be checked`,
    async ({ run, storages }) => {
      const result = await run(join(scratch({ inMemory: true }), 'out'), { crc: false });
      is(result.crcChecked, false);
      equal(result.crc, { checked: 0, partlyRead: 0, withoutCrc: storages });
    },
  );

  each(
    DIRECTIONS,
    ({ mode }) => `${mode}: progress`,
    async ({ run, byteLength }) => {
      const seen: ConvertProgress[] = [];
      await run(join(scratch({ inMemory: true }), 'out'), { onProgress: progress => seen.push(progress) });
      const phases = seen.map(({ phase }) => phase);
      equal([...new Set(phases)], ['open', 'plan', 'copy', 'finish']);
      const counts = seen.flatMap(progress => (progress.phase === 'copy' ? [progress] : []));
      ok(counts.every(({ byteTotal }) => byteTotal === byteLength));
      equal(
        counts.map(({ byteCount }) => byteCount),
        counts.map(({ byteCount }) => byteCount).sort((a, b) => a - b),
      );
      is(counts.at(-1)!.byteCount, byteLength);
    },
  );

  each(
    DIRECTIONS.flatMap(direction =>
      (['open', 'plan', 'copy', 'finish'] as const).map(phase => ({ ...direction, phase })),
    ),
    ({ mode, phase }) => `${mode}: aborted at ${phase}, nothing is left`,
    async ({ run, phase }) => {
      const directory = scratch({ inMemory: true });
      const controller = new AbortController();
      const options: ConvertOptions = {
        signal: controller.signal,
        onProgress: progress => {
          if (progress.phase === phase) controller.abort();
        },
      };
      await rejects(() => run(join(directory, 'out'), options), { code: 'interrupted' });
      equal(readdirSync(directory), []);
    },
  );

  each(
    DIRECTIONS,
    ({ mode }) => `${mode}: an existing output is refused, accepted if it is this one, replaced if so asked`,
    async ({ run, outputs }) => {
      const target = join(scratch({ inMemory: true }), 'out');
      await run(target);
      const before = outputs(target).map(path => [readFileSync(path).toString('hex'), statSync(path).ino]);
      await rejects(() => run(target), { code: 'usage', message: /exists already/ });
      is((await run(target, { skipExisting: true })).status, 'up_to_date');
      equal(
        outputs(target).map(path => [readFileSync(path).toString('hex'), statSync(path).ino]),
        before,
      );
      is((await run(target, { force: true })).status, 'converted');
      const after = outputs(target).map(path => [readFileSync(path).toString('hex'), statSync(path).ino]);
      equal(
        after.map(([bytes]) => bytes),
        before.map(([bytes]) => bytes),
      );
      ok(after.every(([, inode], i) => inode !== before[i]![1]));
      ok(existsSync(target));
    },
  );
});
