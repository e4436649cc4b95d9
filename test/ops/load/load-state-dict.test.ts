import { join } from 'node:path';
import {
  DeviceMesh,
  dtensor,
  loadStateDict,
  openCheckpoint,
  PyFloat,
  PyTuple,
  parsePlacements,
  type Stateful,
  save,
  Tensor,
  tensor,
} from '../../../src/index.js';
import { fixturePath, golden } from '../../fixtures.js';
import { scratch } from '../../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../../suite.js';

const fsdp = fixturePath('fsdp2_adam');
const WEIGHT = 'net1.weight';

async function valuesOf(path: string, fqn: string): Promise<Float32Array> {
  const checkpoint = await openCheckpoint(path);
  const entry = checkpoint.entries.find(({ fqn: name }) => name === fqn)!;
  ok(entry.kind === 'tensor');
  const made = tensor({ dtype: entry.dtype.name, shape: entry.shape });
  await loadStateDict({ [fqn]: made }, checkpoint);
  checkpoint.close();
  return made.data as Float32Array;
}

suite('state dicts are loaded in place', ({ test, each }) => {
  test('arrays are filled, other values replaced, containers stay', async () => {
    const weight = new Float32Array(256);
    const model = { [WEIGHT]: weight };
    const group = { lr: 0, betas: null as unknown, params: null as unknown, amsgrad: null as unknown };
    const state = { app: { model, optim: { param_groups: [group] } } };
    const { tensors, objects, missing, byteLength, crc } = await loadStateDict(state, fsdp);
    equal([tensors, objects, missing, byteLength], [1, 4, [], 1024]);
    equal(crc, { checked: 4, partlyRead: 0, withoutCrc: 0 });
    is(state.app.model[WEIGHT], weight);
    equal(weight, await valuesOf(fsdp, `app.model.${WEIGHT}`));
    ok(weight.some(value => value !== 0));
    equal(group.lr, 0.1);
    equal(group.betas, [0.9, 0.999]);
    equal(group.params, ['net1.weight', 'net1.bias', 'net2.weight', 'net2.bias']);
    equal(group.amsgrad, false);
  });

  test('values of this package, where they are asked for', async () => {
    const group = { lr: null as unknown, betas: null as unknown };
    await loadStateDict({ app: { optim: { param_groups: [group] } } }, fsdp, { values: 'python' });
    equal(group, { lr: PyFloat.of(0.1), betas: new PyTuple([PyFloat.of(0.9), PyFloat.of(0.999)]) });
  });

  each(
    [
      { name: 'a tensor()', make: () => tensor({ dtype: 'bfloat16', shape: [16, 16] }) },
      { name: 'shared memory', make: () => new Float64Array(new SharedArrayBuffer(2048)) },
      { name: 'a part of a buffer', make: () => new Float32Array(300).subarray(44) },
    ],
    ({ name }) => `into ${name}, converted`,
    async ({ make }) => {
      const target = make();
      await loadStateDict({ app: { model: { [WEIGHT]: target } } }, fsdp);
      const expected = tensor({
        dtype: 'float32',
        shape: [16, 16],
        data: await valuesOf(fsdp, `app.model.${WEIGHT}`),
      });
      if (target instanceof Tensor) equal(target.data, expected.to('bfloat16').data);
      else equal([...target], [...(expected.data as Float32Array)]);
    },
  );

  test('a rank’s part, and threads', async () => {
    const mesh = new DeviceMesh([2, 2]);
    const target = dtensor({
      dtype: 'float32',
      shape: [16, 16],
      mesh,
      placements: parsePlacements('Shard(1),Shard(0)'),
      rank: 2,
    });
    await loadStateDict({ [`app.model.${WEIGHT}`]: target }, fsdp, { workers: 1 });
    const whole = await valuesOf(fsdp, `app.model.${WEIGHT}`);
    equal(
      [...(target.data as Float32Array)],
      Array.from({ length: 64 }, (_, i) => whole[Math.floor(i / 8) * 16 + 8 + (i % 8)]!),
    );
  });

  test('a torch.save file, a Map, and int keys', async () => {
    const path = fixturePath('int_keys');
    const rows = golden('int_keys').tensors.filter(
      ({ path: steps }) => steps.join('.') === 'optimizer.state.0.exp_avg',
    );
    const exp_avg = tensor({ dtype: rows[0]!.dtype, shape: rows[0]!.shape! });
    const state = new Map([['optimizer', { state: new Map([[0, { exp_avg }]]) }]]);
    is((await loadStateDict(state, path)).tensors, 1);
    ok((exp_avg.data as Float32Array).some(value => value !== 0));
  });

  test('tensors inside objects come with them', async () => {
    const state: Record<string, unknown> = { pair: null, in_namespace: null };
    await loadStateDict(state, fixturePath('tensors_in_objects_dcp'));
    const pair = state.pair as Tensor[];
    equal(
      pair.map(({ dtype, shape }) => [dtype, shape]),
      [
        ['float32', [2, 3]],
        ['int64', [4]],
      ],
    );
    ok((pair[0]!.data as Float32Array).some(value => value !== 0));
  });

  test('a saved object takes the place of a tensor, as in torch', async () => {
    const state: Record<string, unknown> = { epoch: new Float32Array(1) };
    await loadStateDict(state, fixturePath('replicated'));
    is(state.epoch, 3);
  });

  test('mappings without tensors that an old torch saved whole', async () => {
    const { dtype, shape } = golden('not_flattened_dcp').tensors[0]!;
    const weight = tensor({ dtype, shape: shape! });
    const old = { weight, nested: { lr: 0 } as unknown };
    await loadStateDict(old, fixturePath('not_flattened_dcp'));
    equal(old.nested, { lr: 0.1, betas: [0.9, 0.99] });
  });
});

suite('what cannot be loaded', ({ test, each }) => {
  test('a checkpoint saved under app says so, and what to do', async () => {
    const weight = new Float32Array(256);
    const error = await rejects(
      () => loadStateDict({ model: { [WEIGHT]: weight, 'net1.bias': new Float32Array(16) } }, fsdp),
      {
        code: 'usage',
        message:
          /^Missing key in checkpoint state_dict: model\.net1\.weight and 1 other .*28 keys: app\.model\.net1\.weight/,
      },
    );
    is(error.hint, 'The checkpoint was saved under "app": load { app: stateDict }.');
    ok(weight.every(value => value === 0));
  });

  test('a checkpoint saved without app says that', async () => {
    const error = await rejects(
      () => loadStateDict({ app: { epoch: 0, betas: 0 } }, fixturePath('replicated')),
      { code: 'usage', message: /Missing key in checkpoint state_dict: app\.epoch and 1 other/ },
    );
    is(error.hint, 'The checkpoint was saved without "app": load what is inside it.');
  });

  test('any other missing key, unless partial loads are allowed', async () => {
    const state = { epoch: 0, new_layer: new Float32Array(2).fill(5), seed: 'kept' };
    const error = await rejects(() => loadStateDict(state, fixturePath('replicated')), {
      code: 'usage',
      message: /Missing key in checkpoint state_dict: new_layer and 1 other/,
    });
    is(error.hint, 'allowPartialLoad leaves what the checkpoint lacks as it is.');
    is(state.epoch, 0);
    const result = await loadStateDict(state, fixturePath('replicated'), { allowPartialLoad: true });
    equal(result.missing, ['new_layer', 'seed']);
    equal(state, { epoch: 3, new_layer: Float32Array.of(5, 5), seed: 'kept' });
  });

  each(
    [
      {
        name: 'another shape',
        value: tensor({ dtype: 'float32', shape: [3, 5] }),
        message: /Size mismatch.*saved \[5, 3\].*current \[3, 5\].*five_rows/,
      },
      {
        name: 'another number of elements',
        value: new Float32Array(14),
        message: /saved \[5, 3\].*current \[14\]/,
      },
      {
        name: 'a number',
        value: 0,
        message: /holds a tensor here.*shape \[5, 3\], float32.*found a number.*five_rows/,
      },
      { name: 'a list', value: [0], message: /found a list without tensors/ },
      {
        name: 'a tf.Tensor',
        value: { dtype: 'float32', shape: [5, 3], dataSync: () => new Float32Array(15) },
        message: /cannot be written to/,
      },
    ],
    ({ name }) => `a tensor into ${name}`,
    async ({ value, message }) => {
      await rejects(() => loadStateDict({ five_rows: value }, fixturePath('uneven_shards')), {
        code: 'usage',
        message,
      });
    },
  );

  test('a tensor into a type that torch does not convert to', async () => {
    const stateDict = { five_rows: tensor({ dtype: 'bits8', shape: [5, 3] }) };
    await rejects(() => loadStateDict(stateDict, fixturePath('uneven_shards')), {
      code: 'unsupported',
      message: /does not convert torch.float32 to torch.bits8 \[at five_rows/,
    });
  });

  test('a key that two values of a torch.save file have', async () => {
    await rejects(() => loadStateDict({ 'a.b': new Float32Array(1) }, fixturePath('colliding_keys')), {
      code: 'format',
      message: /Two values of the checkpoint have this key.*a\.b/,
    });
  });

  test('no state dict, no checkpoint, an abort', async () => {
    await rejects(() => loadStateDict([], fsdp), { code: 'usage', message: /is a mapping/ });
    await rejects(() => loadStateDict({}, join(scratch(), 'none')), { code: 'file' });
    await rejects(
      () =>
        loadStateDict({ app: { model: { [WEIGHT]: new Float32Array(256) } } }, fsdp, {
          signal: AbortSignal.abort(),
        }),
      { code: 'interrupted' },
    );
  });
});

suite('how a load goes about it', ({ test }) => {
  test('an array that is there is filled without a second one of its size', async () => {
    const path = join(scratch({ inMemory: true }), 'checkpoint');
    const byteLength = 96 << 20;
    await save({ weight: new Uint8Array(byteLength).fill(7) }, path, { sync: false });
    const weight = new Uint8Array(byteLength);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    await loadStateDict({ weight }, path, {
      workers: 0,
      onProgress: () => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      },
    });
    is(weight.at(-1), 7);
    ok(most < 16 << 20, `${most} bytes more`);
  });

  test('an index on its own has no data', async () => {
    await rejects(() => loadStateDict({ epoch: 0 }, join(fixturePath('replicated'), '.metadata')), {
      code: 'file',
      message: /Only the index is at hand/,
    });
    await rejects(
      () =>
        loadStateDict({ five_rows: new Float32Array(15) }, join(fixturePath('uneven_shards'), '.metadata')),
      {
        code: 'file',
        message: /Only the index is at hand/,
      },
    );
  });

  test('a checkpoint that is replaced meanwhile is not loaded by halves', async () => {
    const path = join(scratch(), 'checkpoint');
    await save({ a: new Float32Array(1) }, path);
    const checkpoint = await openCheckpoint(path);
    await save({ a: Float32Array.of(2), b: new Float32Array(2) }, path, { force: true });
    await rejects(() => loadStateDict({ a: new Float32Array(1) }, checkpoint), {
      code: 'file',
      message: /changed/,
    });
    checkpoint.close();
  });
});

/** As torch's own examples have it: model and optimizer under one name. */
class AppState implements Stateful {
  readonly calls: string[] = [];
  weight = Float32Array.of(1, 2, 3);
  step = 7;
  lr = 0.25;

  stateDict(): object {
    this.calls.push('stateDict');
    return { model: { weight: this.weight }, optim: { param_groups: [{ lr: this.lr }] }, step: this.step };
  }

  loadStateDict(state: object): void {
    this.calls.push('loadStateDict');
    const { optim, step } = state as { optim: { param_groups: { lr: number }[] }; step: number };
    this.lr = optim.param_groups[0]!.lr;
    this.step = step;
  }
}

suite('what is stateful', ({ test }) => {
  test('an AppState is saved and loaded through its two methods', async () => {
    const path = join(scratch(), 'checkpoint');
    const saved = new AppState();
    await save({ app: saved }, path);
    equal(saved.calls, ['stateDict']);

    const app = new AppState();
    const memory = app.weight.fill(0).buffer;
    Object.assign(app, { step: 0, lr: 0 });
    const state = { app };
    await loadStateDict(state, path);
    equal(app.calls, ['stateDict', 'loadStateDict']);
    is(state.app, app);
    is(app.weight.buffer, memory);
    equal([[...app.weight], app.step, app.lr], [[1, 2, 3], 7, 0.25]);
  });

  test('it is not handed anything when the load fails', async () => {
    const path = join(scratch(), 'checkpoint');
    await save({ other: 1 }, path);
    const app = new AppState();
    await rejects(() => loadStateDict({ app }, path), { code: 'usage', message: /Missing key/ });
    equal(app.calls, ['stateDict']);
  });

  test('in the order of the keys, as torch does', async () => {
    const path = join(scratch(), 'checkpoint');
    const order: string[] = [];
    const stateful = (name: string): Stateful => ({
      stateDict: () => ({ value: 1 }),
      loadStateDict: async () => {
        await null;
        order.push(name);
      },
    });
    const state = { b: stateful('b'), a: stateful('a') };
    await save(state, path);
    await loadStateDict(state, path);
    equal(order, ['a', 'b']);
  });
});
