import { join } from 'node:path';
import type { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { convert, openCheckpoint } from '../../src/index.js';
import { castByRules, torchTypeName } from '../../src/ops/element-types.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, rejects, suite } from '../suite.js';
import { dict, tensor, torchFile } from '../torch/hand-made.js';

async function dtypes(path: string, rules?: readonly string[]): Promise<Record<string, string>> {
  const opened = await openCheckpoint(path);
  try {
    const { entries } = rules === undefined ? opened : castByRules(opened, rules);
    const tensors = entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
    return Object.fromEntries(tensors.map(({ fqn, dtype }) => [fqn, dtype.name]));
  } finally {
    opened.close();
  }
}

const floats = ['float16', 'bfloat16', 'float32', 'float64'];
/** 1e6 and 2 as float32, then infinity and NaN. */
const numbers = new Uint8Array(Float32Array.of(1e6, 2, Number.POSITIVE_INFINITY, Number.NaN).buffer);

suite('ops/element-types', ({ each, test }) => {
  test('only floats of 16 bits and more are cast', async () => {
    const source = fixturePath('all_dtypes');
    const [before, after] = [await dtypes(source), await dtypes(source, ['bf16'])];
    equal(
      after,
      Object.fromEntries(
        Object.entries(before).map(([fqn, dtype]) => [fqn, floats.includes(dtype) ? 'bfloat16' : dtype]),
      ),
    );
  });

  test('of rules for some tensors the last one counts, and each more than one for all', async () => {
    const value = dict({ a: tensor(), b: tensor(), c: tensor() });
    equal(await dtypes(torchFile(value), ['?=fp16', 'fp32', 'b=keep', 'c=bf16']), {
      a: 'float16',
      b: 'float32',
      c: 'bfloat16',
    });
  });

  each<[string[], RegExp]>(
    [
      [['f16'], /bf16, fp16 or fp32/],
      [['=bf16'], /no element type/],
      [['keep'], /no element type/],
      [['bf16', 'fp16'], /bf16 and fp16/],
      [['constructor'], /no element type/],
      [['none*=bf16'], /--dtype none\* matches nothing/],
    ],
    ([rules]) => rules.join(' '),
    ([rules, message]) =>
      rejects(() => dtypes(torchFile(dict({ a: tensor() })), rules), { code: 'usage', message }),
  );

  each<readonly [name: string, type: string]>(
    [
      ['bf16', 'bfloat16'],
      ['bfloat16', 'bfloat16'],
      ['torch.float16', 'float16'],
      ['int64', 'int64'],
      ['constructor', 'constructor'],
    ],
    ([name]) => `${name} by the name of torch`,
    ([name, type]) => is(torchTypeName(name), type),
  );

  test('finite values that become infinite are counted; infinities and NaN are not', async () => {
    const source = torchFile(dict({ a: tensor() }), { 'data/0': numbers });
    for (const to of ['torch', 'dcp', 'safetensors'] as const) {
      const target = join(scratch(), to === 'safetensors' ? 'out.safetensors' : 'out');
      const { casts, losses } = await convert(source, target, { to, dtype: ['fp16'], check: true });
      equal(casts, [{ from: 'float32', to: 'float16', tensors: 1, overflows: 1, firstOverflow: 'a' }]);
      equal(
        losses.map(({ kind, count }) => [kind, count]),
        [['cast', 1]],
      );
    }
  });

  test('a wider type loses nothing', async () => {
    const source = join(scratch(), 'a.pth');
    await convert(torchFile(dict({ a: tensor() })), source, { to: 'torch', dtype: ['bf16'] });
    const { casts, losses } = await convert(source, join(scratch(), 'b.pth'), {
      to: 'torch',
      dtype: ['fp32'],
    });
    equal([casts, losses], [[{ from: 'bfloat16', to: 'float32', tensors: 1, overflows: 0 }], []]);
  });

  test('tied tensors stay tied when they are cast alike, and not otherwise', async () => {
    const source = torchFile(dict({ a: tensor(), b: tensor() }));
    const storages = async (dtype: string[]): Promise<number> => {
      const target = join(scratch(), 'out.pth');
      await convert(source, target, { to: 'torch', dtype, check: true });
      const opened = await openCheckpoint(target);
      opened.close();
      return new Set(opened.entries.map(entry => (entry as TensorEntry).storage)).size;
    };
    is(await storages(['bf16']), 1);
    is(await storages(['bf16', 'b=keep']), 2);
  });
});
