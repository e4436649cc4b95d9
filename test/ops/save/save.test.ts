import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AsyncSaver,
  asyncSave,
  DeviceMesh,
  dtensor,
  loadStateDict,
  openCheckpoint,
  PyFloat,
  PyTuple,
  parsePlacements,
  save,
  tensor,
} from '../../../src/index.js';
import { fixturePath } from '../../fixtures.js';
import { scratch } from '../../io/scratch.js';
import { equal, is, ok, rejects, suite, throws } from '../../suite.js';

const directory = (): string => join(scratch(), 'checkpoint');

async function weightIn(path: string, length = 3): Promise<Float32Array> {
  const weight = new Float32Array(length);
  await loadStateDict({ model: { weight } }, path);
  return weight;
}

const stateOf = (weight: unknown): object => ({ model: { weight } });

suite('save', ({ test, each }) => {
  test('every form of tensor, and values of all kinds, come back', async () => {
    const path = directory();
    const result = await save(
      {
        model: {
          array: Float32Array.of(1, 2),
          bf16: tensor({ dtype: 'bfloat16', shape: [2, 1], data: Uint16Array.of(0x3f80, 0x4000) }),
          tf: { dtype: 'int32', shape: [2, 2], dataSync: () => Int32Array.of(1, 2, 3, 4) },
          later: { dtype: 'bool', shape: [], data: async () => Uint8Array.of(1) },
          empty: tensor({ dtype: 'float32', shape: [0, 3] }),
        },
        step: 3,
        lr: 0.1,
        betas: new PyTuple([PyFloat.of(0.9), PyFloat.of(1)]),
        inside: new PyTuple([tensor({ dtype: 'float64', shape: [1], data: Float64Array.of(7) })]),
      },
      path,
    );
    equal(
      [result.tensors, result.objects, result.byteLength, result.outputs.map(({ name }) => name)],
      [5, 4, 8 + 4 + 16 + 1 + 8, ['__0_0.distcp', '.metadata']],
    );
    const model = {
      array: new Float32Array(2),
      bf16: tensor({ dtype: 'bfloat16', shape: [2, 1] }),
      tf: tensor({ dtype: 'int32', shape: [2, 2] }),
      later: tensor({ dtype: 'bool', shape: [] }),
      empty: tensor({ dtype: 'float32', shape: [0, 3] }),
    };
    const state = { model, step: 0, lr: 0, betas: null as unknown, inside: null as unknown };
    await loadStateDict(state, path, { values: 'python' });
    equal(
      [model.array, model.bf16.data, model.tf.data, model.later.data],
      [Float32Array.of(1, 2), Uint16Array.of(0x3f80, 0x4000), Int32Array.of(1, 2, 3, 4), Uint8Array.of(1)],
    );
    equal(
      [state.step, state.lr as unknown, state.betas],
      [3, PyFloat.of(0.1), new PyTuple([PyFloat.of(0.9), PyFloat.of(1)])],
    );
    equal(
      (state.inside as PyTuple).items.map(item => (item as unknown as { data: unknown }).data),
      [Float64Array.of(7)],
    );
  });

  test('the index tells requires_grad and 0-d shapes', async () => {
    const path = directory();
    await save({ w: tensor({ dtype: 'float64', shape: [], requiresGrad: true }) }, path);
    const checkpoint = await openCheckpoint(path);
    const [entry] = checkpoint.entries;
    ok(entry?.kind === 'tensor');
    equal([entry.shape, entry.dtype.name, entry.requiresGrad], [[], 'float64', true]);
    checkpoint.close();
  });

  each(
    [0, 2],
    workers => `what is changed after the call is not in it, ${workers} threads`,
    async workers => {
      for (const saving of [save, asyncSave]) {
        const path = directory();
        const weight = Float32Array.of(1, 2, 3);
        const state = { model: { weight }, list: [weight, 'a'] as unknown[], step: 1 };
        const done = saving(state, path, { workers });
        weight.fill(9);
        state.list.push('b');
        state.step = 2;
        await done;
        equal(await weightIn(path), Float32Array.of(1, 2, 3));
        const loaded = { list: [new Float32Array(3), ''] as unknown[], step: 0 };
        await loadStateDict(loaded, path);
        equal(loaded, { list: [Float32Array.of(1, 2, 3), 'a'], step: 1 });
      }
    },
  );

  test('a checkpoint that is there is replaced only by force', async () => {
    const path = directory();
    await save(stateOf(Float32Array.of(1, 1, 1)), path);
    await rejects(() => save(stateOf(Float32Array.of(2, 2, 2)), path), {
      code: 'usage',
      message: /exists already/,
    });
    equal(await weightIn(path), Float32Array.of(1, 1, 1));
    await save(stateOf(Float32Array.of(2, 2, 2)), path, { force: true });
    equal(await weightIn(path), Float32Array.of(2, 2, 2));
  });

  test('equal state dicts give equal files', async () => {
    const [a, b] = [directory(), directory()];
    for (const path of [a, b]) await save(stateOf(Float32Array.of(1, 2, 3)), path);
    for (const name of ['.metadata', '__0_0.distcp']) {
      is(Buffer.compare(readFileSync(join(a, name)), readFileSync(join(b, name))), 0);
    }
  });

  const part = dtensor({
    dtype: 'float32',
    shape: [4],
    mesh: new DeviceMesh([2]),
    placements: parsePlacements('Shard(0)'),
    rank: 0,
  });
  each(
    [
      {
        name: 'an unknown value',
        state: stateOf(new Date()),
        code: 'usage',
        message: /cannot hold this value.*Date.*at model\.weight/,
      },
      { name: 'undefined', state: stateOf(undefined), code: 'usage', message: /undefined.*model\.weight/ },
      {
        name: 'text tensors',
        state: stateOf({ dtype: 'string', shape: [1], dataSync: () => new Uint8Array(1) }),
        code: 'unsupported',
        message: /torch\.string.*model\.weight/,
      },
      {
        name: 'data of another length',
        state: stateOf({ dtype: 'int32', shape: [2], dataSync: () => new Int32Array(1) }),
        code: 'usage',
        message: /expected 8 bytes.*found 4/,
      },
      {
        name: 'late data of another length',
        state: stateOf({ dtype: 'int32', shape: [2], data: async () => new Int32Array(1) }),
        code: 'usage',
        message: /found 4 bytes.*model\.weight/,
      },
      {
        name: 'one rank’s part',
        state: stateOf(part),
        code: 'unsupported',
        message: /part of one rank.*\[4\].*\[2\].*model\.weight/,
      },
      {
        name: 'two values of one key',
        state: { 'a.b': 1, a: { b: 2 } },
        code: 'format',
        message: /same key.*a\.b/,
      },
      { name: 'no mapping', state: [1], code: 'usage', message: /is a mapping/ },
    ] as const,
    ({ name }) => `refused, and nothing is written: ${name}`,
    async ({ state, code, message }) => {
      const path = directory();
      await rejects(() => save(state, path), { code, message });
      ok(!existsSync(path));
    },
  );

  test('a loaded value whose bytes are still in its checkpoint is refused', async () => {
    const state = { quantized: null as unknown };
    await loadStateDict(state, fixturePath('tensors_in_objects_dcp'), { values: 'python' });
    const error = await rejects(() => save(state, directory()), {
      code: 'usage',
      message: /StorageReference.*quantized/,
    });
    is(error.hint, 'Its bytes are in the checkpoint that it was loaded from.');
  });

  test('a replicated tensor of a mesh is whole, and is saved', async () => {
    const path = directory();
    const whole = dtensor({
      dtype: 'float32',
      shape: [3],
      data: Float32Array.of(1, 2, 3),
      mesh: new DeviceMesh([2]),
      placements: parsePlacements('Replicate()'),
      rank: 1,
    });
    await save(stateOf(whole), path);
    equal(await weightIn(path), Float32Array.of(1, 2, 3));
  });

  test('a save that fails leaves no .metadata, and other files alone', async () => {
    const path = directory();
    mkdirSync(path);
    writeFileSync(join(path, 'notes.txt'), 'mine');
    const controller = new AbortController();
    const weight = new Float32Array(1 << 22);
    await rejects(
      () =>
        save(stateOf(weight), path, {
          signal: controller.signal,
          onProgress: () => controller.abort(),
        }),
      { code: 'interrupted' },
    );
    equal(readdirSync(path), ['notes.txt']);
  });
});

suite('a saver that persists', ({ test }) => {
  test('its memory is used again, and let go of', async () => {
    const saver = new AsyncSaver({ cacheStagedStateDict: true });
    for (const value of [1, 2]) {
      const path = directory();
      await saver.save(stateOf(new Float32Array(1000).fill(value)), path);
      is((await weightIn(path, 1000))[999], value);
      is(saver.cachedByteLength, 4000);
    }
    await saver.close();
    is(saver.cachedByteLength, 0);
  });

  test('a second save waits, with what its state dict held when it was asked for', async () => {
    const saver = new AsyncSaver({ cacheStagedStateDict: true });
    const paths = [directory(), directory(), directory()];
    const weight = new Float32Array(3);
    const saves = paths.map((path, i) => {
      weight.fill(i);
      return saver.save(stateOf(weight), path);
    });
    is(saver.pendingSaves, 3);
    await Promise.all(saves);
    for (const [i, path] of paths.entries()) equal(await weightIn(path), new Float32Array(3).fill(i));
    is(saver.pendingSaves, 0);
  });

  test('one at a time, in the order of the calls', async () => {
    const saver = new AsyncSaver();
    const path = directory();
    const done = [1, 2, 3].map(value =>
      saver.save(stateOf(new Float32Array(3).fill(value)), path, { force: true }),
    );
    await Promise.all(done);
    equal(await weightIn(path), new Float32Array(3).fill(3));
  });

  test('a second save is refused where that is asked for', async () => {
    const saver = new AsyncSaver({ whenBusy: 'refuse' });
    const [first, second] = [directory(), directory()];
    const saving = saver.save(stateOf(Float32Array.of(1, 2, 3)), first);
    await rejects(() => saver.save(stateOf(new Float32Array(3)), second), {
      code: 'usage',
      message: /under way/,
    });
    await saving;
    equal(await weightIn(first), Float32Array.of(1, 2, 3));
    await saver.save(stateOf(Float32Array.of(4, 5, 6)), second);
    equal(await weightIn(second), Float32Array.of(4, 5, 6));
  });

  test('a failure is its own promise’s, and the next save has its turn', async () => {
    const saver = new AsyncSaver({ cacheStagedStateDict: true });
    const [taken, free] = [directory(), directory()];
    await saver.save(stateOf(Float32Array.of(1, 2, 3)), taken);
    const failing = saver.save(stateOf(new Float32Array(3)), taken);
    const next = saver.save(stateOf(Float32Array.of(7, 8, 9)), free);
    await rejects(() => failing, { code: 'usage', message: /exists already/ });
    await next;
    equal(
      [await weightIn(taken), await weightIn(free)],
      [Float32Array.of(1, 2, 3), Float32Array.of(7, 8, 9)],
    );
    await saver.idle();
    is(saver.pendingSaves, 0);
  });

  test('elements that come later and fail, beside a value that fails at once, do not end the process', async () => {
    const failing = {
      dtype: 'int32',
      shape: [1],
      data: () => Promise.reject(new Error('the device is lost')),
    };
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', note);
    try {
      await rejects(() => asyncSave({ a: failing, b: new Date() } as never, directory()), { code: 'usage' });
      await new Promise(resolve => setImmediate(resolve));
    } finally {
      process.off('unhandledRejection', note);
    }
    equal(unhandled, []);
  });

  test('more elements than there is memory for', async () => {
    const shape = [2 ** 50];
    throws(() => tensor({ dtype: 'uint8', shape }), {
      code: 'limit',
      message: /not enough memory.*1125899906842624/,
    });
    const huge = { dtype: 'uint8', shape, data: async () => new Uint8Array(0) };
    await rejects(() => asyncSave({ huge } as never, directory()), {
      code: 'limit',
      message: /not enough memory/,
    });
  });

  test('a value that cannot be held rejects, without throwing', async () => {
    const promise = asyncSave(stateOf(new Date()), directory());
    await rejects(() => promise, { code: 'usage', message: /Date/ });
  });
});
