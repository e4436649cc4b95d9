/** Plans from and into memory, and casts of records on the way. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { castElements } from '../../src/copy/cast.js';
import { copyToMemory, runCopy } from '../../src/copy/copy.js';
import { crc32 } from '../../src/copy/crc32.js';
import { type CopyPlan, CopyPlanBuilder, type PlanSource } from '../../src/copy/plan.js';
import { dtypeOf } from '../../src/dtype.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { equal, is, rejects, suite } from '../suite.js';

const ROWS = 300;
const COLUMNS = 700;

/** A float32 tensor whose columns lie in two storages, [ROWS, 400] and [ROWS, 300]; finite numbers. */
function twoColumnShards() {
  const whole = new Float32Array(ROWS * COLUMNS);
  const random = new Random(7);
  for (let i = 0; i < whole.length; i++) whole[i] = random.int(-1000, 1000) / 64;
  const part = (from: number, to: number): Uint8Array => {
    const rows = Array.from({ length: ROWS }, (_, row) =>
      whole.subarray(row * COLUMNS + from, row * COLUMNS + to),
    );
    return new Uint8Array(Float32Array.from(rows.flatMap(row => [...row])).buffer);
  };
  return { bytes: new Uint8Array(whole.buffer), shards: [part(0, 400), part(400, COLUMNS)] as const };
}

/** One record a type, each the whole tensor cast to it, one output a record. */
function planOf(sources: readonly PlanSource[], shards: readonly Uint8Array[], types: string[]): CopyPlan {
  const plan = new CopyPlanBuilder();
  const from = dtypeOf('float32');
  const storages = sources.map((source, i) =>
    plan.addStorage({
      source: plan.addSource(source),
      byteOffset: 0,
      byteLength: shards[i]!.length,
      crc32: crc32(shards[i]!),
      label: `shard ${i}`,
    }),
  );
  for (const name of types) {
    const to = dtypeOf(name);
    const byteLength = ROWS * COLUMNS * to.itemSize;
    plan.beginRecord(plan.addOutput({ name, byteLength }), 0, byteLength, { from, to });
    let column = 0;
    for (const [i, storage] of storages.entries()) {
      const width = shards[i]!.length / ROWS / 4;
      plan.addPiece(storage, 0, column * 4, 4, [
        { count: ROWS, sourceStep: width * 4, recordStep: COLUMNS * 4 },
        { count: width, sourceStep: 4, recordStep: 4 },
      ]);
      column += width;
    }
  }
  return plan.build();
}

const TYPES = ['float32', 'bfloat16', 'float64', 'int8', 'complex128'];
const { bytes, shards } = twoColumnShards();
const expected = TYPES.map(to => {
  const target = new Uint8Array(ROWS * COLUMNS * dtypeOf(to).itemSize);
  castElements({ from: 'float32', to })(bytes, target);
  return target;
});

function inFiles(): string[] {
  const directory = scratch();
  return shards.map((shard, i) => {
    const path = join(directory, `shard${i}`);
    writeFileSync(path, shard);
    return path;
  });
}

const shared = (byteLength: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(byteLength));

function inMemory(): PlanSource[] {
  return shards.map((shard, i) => {
    const memory = shared(shard.length);
    memory.set(shard);
    return { label: `memory ${i}`, bytes: memory };
  });
}

suite('plans into memory', ({ test, each }) => {
  each(
    [
      { name: 'files, this thread', sources: inFiles, workers: 0, make: (n: number) => new Uint8Array(n) },
      { name: 'files, threads, shared memory', sources: inFiles, workers: 2, make: shared },
      {
        name: 'files, threads, other memory',
        sources: inFiles,
        workers: 2,
        make: (n: number) => new Uint8Array(n),
      },
      { name: 'memory, this thread', sources: inMemory, workers: 0, make: (n: number) => new Uint8Array(n) },
      { name: 'memory, threads, shared memory', sources: inMemory, workers: 2, make: shared },
    ],
    ({ name }) => `every type, from ${name}`,
    async ({ sources, workers, make }) => {
      const plan = planOf(sources(), shards, TYPES);
      const buffers = plan.outputs.map(({ byteLength }) => make(byteLength));
      const progress: number[] = [];
      const { crc, workers: used } = await copyToMemory(plan, buffers, {
        workers,
        onProgress: ({ byteCount }) => progress.push(byteCount),
      });
      for (const [i, buffer] of buffers.entries()) {
        is(Buffer.compare(buffer, expected[i]!), 0, TYPES[i]);
      }
      equal([crc, used], [{ checked: 2, partlyRead: 0, withoutCrc: 0 }, workers]);
      is(progress.at(-1), plan.recordByteLength);
    },
  );

  test('buffers may begin anywhere', async () => {
    const plan = planOf(inFiles(), shards, TYPES);
    const buffers = plan.outputs.map(({ byteLength }) => new Uint8Array(byteLength + 1).subarray(1));
    await copyToMemory(plan, buffers);
    for (const [i, buffer] of buffers.entries()) is(Buffer.compare(buffer, expected[i]!), 0, TYPES[i]);
  });

  test('a flipped bit of a source is found', async () => {
    const paths = inFiles();
    const damaged = Uint8Array.from(shards[1]);
    damaged[5]! ^= 1;
    writeFileSync(paths[1]!, damaged);
    const plan = planOf(paths, shards, ['float32']);
    const buffers = [new Uint8Array(plan.recordByteLength)];
    await rejects(() => copyToMemory(plan, buffers), { code: 'corrupt', message: /shard 1/ });
    await copyToMemory(plan, buffers, { crc: false });
  });

  test('an abort ends it', async () => {
    const plan = planOf(inFiles(), shards, TYPES);
    const buffers = plan.outputs.map(({ byteLength }) => new Uint8Array(byteLength));
    await rejects(() => copyToMemory(plan, buffers, { signal: AbortSignal.abort() }), {
      code: 'interrupted',
    });
  });
});

suite('plans from memory into files', ({ each }) => {
  each(
    [0, 2],
    workers => `cast, with the CRC of what is written, ${workers} threads`,
    async workers => {
      const directory = scratch();
      const plan = planOf(inMemory(), shards, TYPES);
      const crcs: number[] = [];
      const targets = plan.outputs.map(({ name, byteLength }) => {
        const path = join(directory, name);
        writeFileSync(path, new Uint8Array(byteLength));
        return path;
      });
      const withCrcs: CopyPlan = {
        ...plan,
        deferred: [
          {
            output: 0,
            byteOffset: 0,
            byteLength: 0,
            encode: crcOfRecord => {
              crcs.push(...TYPES.map((_, record) => crcOfRecord(record)));
              return new Uint8Array(0);
            },
          },
        ],
      };
      await runCopy(withCrcs, targets, { workers });
      for (const [i, target] of targets.entries())
        is(Buffer.compare(readFileSync(target), expected[i]!), 0, TYPES[i]);
      equal(
        crcs,
        expected.map(made => crc32(made)),
      );
    },
  );
});
