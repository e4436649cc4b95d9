import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  AsyncSaver,
  asyncSave,
  loadStateDict,
  openCheckpoint,
  PyDict,
  PyFloat,
  PyTuple,
  save,
  TensorEntry,
  tensor,
} from '../../src/index.js';
import { fixtureCases, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, fail, is, ok, rejects, suite } from '../suite.js';
import { type Answer, Judge } from './judge.js';

/** Torch loads what `save` and `asyncSave` wrote, and tells what it found. */

/** What is not saved as it was, and why. */
const NOT_SAVED_AGAIN: Readonly<Record<string, string>> = {
  not_flattened_dcp: 'saving flattens',
  calls_os_system_dcp: 'torch would call os.system',
  rank_metadata: 'torch reads the index of one rank only of what was saved first',
  tensors_in_objects_dcp: 'quantized tensors refer to storages of the file',
};

const judge = new Judge();

interface Described {
  tensors: { path: (string | number)[]; dtype: string; shape: number[]; values: unknown }[];
  objects: { path: (string | number)[]; repr: string }[];
}

async function torchSees(path: string): Promise<Described> {
  const answer = await judge.ask('describe_dcp', path);
  if (!answer.ok) fail(answer.error ?? 'no answer');
  return answer as Answer & Described;
}

const directory = (): string => join(scratch(), 'checkpoint');

suite('interop: save', ({ test, each }) => {
  for (const [name, saving] of [
    ['save', save],
    ['asyncSave', asyncSave],
  ] as const) {
    test(`${name}: torch finds every tensor and value, as they were when it was called`, async () => {
      const path = directory();
      const array = Float32Array.of(1, 2, 3);
      const state = {
        model: {
          array,
          bf16: tensor({
            dtype: 'bfloat16',
            shape: [2, 1],
            data: Uint16Array.of(0x3f80, 0xc000),
            requiresGrad: true,
          }),
          tf: { dtype: 'int32', shape: [2, 2], dataSync: () => Int32Array.of(1, 2, 3, 4) },
          long: BigInt64Array.of(2n ** 62n, -1n),
          complex: tensor({ dtype: 'complex64', shape: [1], data: Float32Array.of(1, -2) }),
          scalar: tensor({ dtype: 'bool', shape: [], data: Uint8Array.of(1) }),
          empty: tensor({ dtype: 'float16', shape: [0, 3] }),
        },
        optim: {
          state: new Map([[0, { step: Float32Array.of(4) }]]),
          param_groups: [{ lr: 0.1, betas: new PyTuple([PyFloat.of(0.9), PyFloat.of(1)]) }],
        },
        step: 7,
        one: PyFloat.of(1),
        big: 2n ** 80n,
        text: 'é🔑',
        none: null,
        bytes: Buffer.from([0, 255]),
        names: ['a', 'b'],
        pair: new PyTuple([tensor({ dtype: 'float64', shape: [1], data: Float64Array.of(0.5) }), 'x']),
        set: new Set([1]),
      };
      const done = saving(state, path);
      array.fill(0);
      state.names.push('c');
      await done;
      const { tensors, objects } = await torchSees(path);
      const byPath = (rows: readonly { path: (string | number)[] }[]): Record<string, unknown> =>
        Object.fromEntries(rows.map(({ path: steps, ...row }) => [steps.join('.'), Object.values(row)]));
      equal(byPath(tensors), {
        'model.array': ['float32', [3], [1, 2, 3]],
        'model.bf16': ['bfloat16', [2, 1], [[1], [-2]]],
        'model.tf': [
          'int32',
          [2, 2],
          [
            [1, 2],
            [3, 4],
          ],
        ],
        'model.long': ['int64', [2], ['4611686018427387904', '-1']],
        'model.complex': ['complex64', [1], ['(1-2j)']],
        'model.scalar': ['bool', [], true],
        'model.empty': ['float16', [0, 3], []],
        'optim.state.0.step': ['float32', [1], [4]],
        'pair.0': ['float64', [1], [0.5]],
      });
      equal(byPath(objects), {
        'optim.param_groups.0.lr': ['0.1'],
        'optim.param_groups.0.betas': ['(0.9, 1.0)'],
        step: ['7'],
        one: ['1.0'],
        big: [`${2n ** 80n}`],
        text: ["'é🔑'"],
        none: ['None'],
        bytes: ["b'\\x00\\xff'"],
        names: ["['a', 'b']"],
        pair: ["(tensor, 'x')"],
        set: ['{1}'],
      });
    });
  }

  test('the memory of a saver that persists holds what torch then reads', async () => {
    const saver = new AsyncSaver({ cacheStagedStateDict: true });
    const paths = [directory(), directory()];
    const weight = new Float32Array(2);
    const saves = paths.map((path, i) => saver.save({ weight: weight.fill(i + 1) }, path));
    weight.fill(9);
    await Promise.all(saves);
    const values = await Promise.all(paths.map(async path => (await torchSees(path)).tensors[0]!.values));
    equal(values, [
      [1, 1],
      [2, 2],
    ]);
  });

  const again = fixtureCases.filter(
    ({ kind, torch_converts, name }) =>
      kind === 'dcp' && torch_converts.dcp_to_torch === true && !(name in NOT_SAVED_AGAIN),
  );
  each(
    again,
    ({ name, torch }) => `${name} of torch ${torch}, loaded and saved again, is the same to torch`,
    async ({ name, torch }) => {
      const source = fixturePath(name, torch);
      const state = await wholeStateDict(source);
      const path = directory();
      await save(state, path);
      const answer = await judge.ask('compare_loaded', source, path);
      ok(answer.ok, answer.error);
      equal(answer.differences, []);
    },
  );

  test('a save that fails leaves no .metadata', async () => {
    const path = directory();
    const controller = new AbortController();
    const saving = save({ weight: new Float32Array(1 << 22) }, path, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await rejects(() => saving, { code: 'interrupted' });
    is(existsSync(path) ? readdirSync(path).includes('.metadata') : false, false);
    is((await judge.ask('load_dcp', path)).ok, false);
  });
});

/** All of a checkpoint in memory, in values of this package. */
async function wholeStateDict(path: string): Promise<PyDict> {
  const checkpoint = await openCheckpoint(path);
  try {
    const flat = new Map<string, unknown>();
    for (const entry of checkpoint.entries) {
      flat.set(
        entry.fqn,
        entry instanceof TensorEntry ? tensor({ dtype: entry.dtype.name, shape: entry.shape }) : null,
      );
    }
    await loadStateDict(flat, checkpoint, { values: 'python' });
    return PyDict.of(checkpoint.entries.map(({ fqn }) => [fqn, flat.get(fqn) as never]));
  } finally {
    checkpoint.close();
  }
}
