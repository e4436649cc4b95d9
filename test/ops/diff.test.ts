import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dcpToTorchSave } from '../../src/ops/convert.js';
import { type DiffOptions, diffCheckpoints } from '../../src/ops/diff.js';
import type { DiffReport } from '../../src/ops/diff-report.js';
import { PyFloat, PyList, type PyValue } from '../../src/pickle/values.js';
import { fixtureCases, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';
import { dict, tensor, torchFile, tuple } from '../torch/hand-made.js';

/** Fixtures that torch saved as a file, and converted to a directory. */
const twins = fixtureCases
  .filter(({ torch, name, kind }) => torch === '2.13.0' && kind === 'torch' && hasTwin(name))
  .map(({ name }) => name);

function hasTwin(name: string): boolean {
  return fixtureCases.some(other => other.torch === '2.13.0' && other.name === `${name}_dcp`);
}

/** Cases whose twin torch saved from other objects, or whose objects Python pickles in another way the second time. */
const OTHER_TWINS: Record<string, string[]> = {
  python_objects: ['object partial'],
  quantized_leaf: [
    'only_in_a per_tensor',
    'only_in_a per_channel',
    'only_in_b weight',
    'only_in_b quantized',
  ],
};

const summary = ({ differences }: DiffReport): string[] =>
  differences.map(({ kind, fqn }) => `${kind} ${fqn}`);

suite('diff of what torch saved in two formats', ({ each }) => {
  each(
    twins,
    name => `${name}.pth and its directory`,
    async name => {
      const report = await diffCheckpoints(fixturePath(name), fixturePath(`${name}_dcp`));
      equal(summary(report), OTHER_TWINS[name] ?? []);
      is(report.equal, OTHER_TWINS[name] === undefined);
    },
  );
});

suite('diff of shards and the whole', ({ each }) => {
  each(
    [
      'column_shards',
      'grid_shards',
      'uneven_shards',
      'tp_fsdp',
      'fsdp2_adam',
      'hsdp',
      'replicated',
      'file_per_item',
    ],
    name => name,
    async name => {
      const whole = join(scratch(), 'whole.pth');
      await dcpToTorchSave(fixturePath(name), whole);
      const report = await diffCheckpoints(fixturePath(name), whole);
      equal(summary(report), []);
      ok(report.compared.tensors > 0);
    },
  );
});

/** A torch.save file of this state dict. Its tensors are four float32 each, of storage 0. */
const file = (value: PyValue, floats: number[] = [1, 2, 3, 4]): string =>
  torchFile(value, { 'data/0': new Uint8Array(Float32Array.from(floats).buffer) });

const diff = (a: string, b: string, options?: DiffOptions): Promise<DiffReport> =>
  diffCheckpoints(a, b, options);

suite('diff', ({ each, test }) => {
  test('keys of one side, shapes, types, tensors that are objects', async () => {
    const a = file(
      dict({
        both: tensor(),
        shape: tensor(),
        dtype: tensor(),
        kind: tensor(),
        here: tensor(),
        number: 1,
      }),
    );
    const b = torchFile(
      dict({
        both: tensor(),
        shape: tensor({ size: tuple(2, 2), stride: tuple(2, 1) }),
        dtype: tensor({ key: '1', className: 'IntStorage' }),
        kind: 7,
        there: 2,
      }),
      { 'data/0': new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer), 'data/1': new Uint8Array(16) },
    );
    const { differences, equal: isEqual } = await diff(a, b);
    is(isEqual, false);
    equal(differences, [
      { kind: 'only_in_a', fqn: 'here', entry: 'tensor', dtype: 'float32', size: [4] },
      { kind: 'only_in_a', fqn: 'number', entry: 'object' },
      { kind: 'only_in_b', fqn: 'there', entry: 'object' },
      { kind: 'kind', fqn: 'kind', a: 'tensor', b: 'object' },
      { kind: 'shape', fqn: 'shape', a: [4], b: [2, 2] },
      { kind: 'dtype', fqn: 'dtype', a: 'float32', b: 'int32' },
    ]);
  });

  test('values: where, how many and how far', async () => {
    const shaped = tensor({ size: tuple(2, 2), stride: tuple(2, 1) });
    const report = await diff(file(dict({ w: shaped })), file(dict({ w: shaped }), [1, 2, 3.5, 4]));
    equal(report.differences, [
      {
        kind: 'values',
        fqn: 'w',
        dtype: 'float32',
        size: [2, 2],
        elements: 4,
        differing: 1,
        beyond: 1,
        firstIndex: [1, 0],
        nonFinite: 0,
        maxAbs: 0.5,
        maxRel: 0.5 / 3.5,
      },
    ]);
  });

  test('the worst tensor comes first', async () => {
    const parts = (i: number): PyValue => tensor({ storageOffset: i, size: tuple(1), stride: tuple(1) });
    const state = dict({ a: parts(0), b: parts(1), c: parts(2), d: parts(3) });
    const report = await diff(file(state), file(state, [1.5, Number.NaN, 30, 4]));
    equal(
      report.differences.map(({ fqn }) => fqn),
      ['b', 'c', 'a'],
    );
  });

  /** Elements of b against 1, 2, 3, 4; options; whether they are equal, and how many tensors are close. */
  each(
    [
      ['0 and −0 differ by their bits', [0, 2, 3, 4], [-0, 2, 3, 4], {}, false, 0],
      ['0 and −0 are one value', [0, 2, 3, 4], [-0, 2, 3, 4], { atol: 0 }, true, 1],
      ['a NaN is itself', [Number.NaN, 2, 3, 4], [Number.NaN, 2, 3, 4], {}, true, 0],
      ['within atol', [1, 2, 3, 4], [1.25, 2, 3, 4], { atol: 0.25 }, true, 1],
      ['beyond atol', [1, 2, 3, 4], [1.5, 2, 3, 4], { atol: 0.25 }, false, 0],
      ['within rtol of b', [1, 2, 3, 4], [1, 2, 3, 5], { rtol: 0.2 }, true, 1],
      ['beyond rtol', [1, 2, 3, 4], [1, 2, 3, 5], { rtol: 0.1 }, false, 0],
      [
        'inf is far from any number',
        [1, 2, 3, 4],
        [Number.POSITIVE_INFINITY, 2, 3, 4],
        { atol: 1e30 },
        false,
        0,
      ],
    ] as const,
    ([what]) => what,
    async ([, left, right, options, isEqual, close]) => {
      const state = dict({ w: tensor() });
      const report = await diff(file(state, [...left]), file(state, [...right]), options);
      equal([report.equal, report.close.length], [isEqual, close]);
    },
  );

  test('bits of NaNs differ, values do not', async () => {
    const state = dict({ w: tensor() });
    const bits = (nan: number): string =>
      torchFile(state, { 'data/0': new Uint8Array(Uint32Array.of(nan, 0, 0, 0).buffer) });
    const [a, b] = [bits(0x7fc00000), bits(0x7fc00001)];
    is((await diff(a, b)).equal, false);
    is((await diff(a, b, { atol: 0 })).equal, true);
  });

  test('objects: types count, the order of dicts does not', async () => {
    const inList = (value: PyValue): PyValue => dict({ o: tuple(value) });
    const ab = dict({ a: 1, b: 2 });
    const ba = dict({ b: 2, a: 1 });
    equal(summary(await diff(file(inList(ab)), file(inList(ba)))), []);
    const report = await diff(file(inList(1)), file(inList(PyFloat.of(1))));
    equal(report.differences, [{ kind: 'object', fqn: 'o', where: '[0]', what: '1 here, 1.0 there' }]);
  });

  test('tensors inside objects: by their bytes, and by type and shape', async () => {
    const state = dict({ pair: tuple(tensor(), 1) });
    is((await diff(file(state), file(state))).equal, true);
    const [row] = (await diff(file(state), file(state, [1, 2, 3, 9]))).differences;
    equal([row!.kind, row!.fqn], ['values', 'pair![0]']);
    const other = dict({ pair: tuple(tensor({ size: tuple(2, 2), stride: tuple(2, 1) }), 1) });
    const [shape] = (await diff(file(state), file(other))).differences;
    equal(shape, {
      kind: 'object',
      fqn: 'pair',
      where: '[0]',
      what: 'tensor float32 [4] here, float32 [2, 2] there',
    });
  });

  test('keys choose, names are renamed', async () => {
    const a = file(dict({ 'module.w': tensor(), extra: 1 }));
    const b = file(dict({ w: tensor(), other: 2 }));
    equal(summary(await diff(a, b, { rename: ['s/^module\\.//'], keys: ['w'] })), []);
    equal(summary(await diff(a, b, { rename: ['s/^module\\.//'] })), ['only_in_a extra', 'only_in_b other']);
    await rejects(() => diff(a, b, { rename: ['s/.*/x/'] }), {
      code: 'usage',
      message: /two entries one name.*module\.w and extra become x/,
    });
  });

  test('key kinds, containers and requires_grad are notes; strict makes them count', async () => {
    const [a, b] = [fixturePath('int_keys'), fixturePath('int_keys_dcp')];
    const report = await diff(a, b);
    equal([report.equal, report.differences], [true, []]);
    equal(report.notes, [
      { kind: 'key_kind', a: 'int', b: 'str', count: 12, first: 'optimizer.state.0.step' },
    ]);
    is((await diff(a, b, { strict: true })).equal, false);
    const { notes } = await diff(
      file(dict({ w: tensor({ requiresGrad: true }) })),
      file(dict({ w: tensor() })),
    );
    equal(notes, [{ kind: 'requires_grad', a: 'true', b: 'false', count: 1, first: 'w' }]);
  });

  test('strict looks only at the keys that are asked for, under the names of the second', async () => {
    const a = file(dict({ module: dict({ w: tensor(), none: dict({}) }), optim: dict({ state: dict({}) }) }));
    const b = file(dict({ w: tensor(), none: dict({}) }));
    const options = { rename: ['s/^module\\.//'], strict: true };
    const { notes } = await diff(a, b, options);
    equal(
      notes.map(({ kind, first }) => [kind, first]),
      [
        ['nesting', 'w'],
        ['empty_container', 'optim.state'],
      ],
    );
    const c = file(dict({ w: tensor(), other: dict({ state: dict({}) }) }));
    const d = file(dict({ w: tensor() }));
    is((await diff(c, d, { strict: true })).equal, false);
    is((await diff(c, d, { strict: true, keys: ['w'] })).equal, true);
  });

  each(
    [
      ['the gap as torch fills it', [null, 1], []],
      ['something in the gap', [5, 1], ['only_in_b x.0']],
      ['another element', [null, 2], ['object x.1']],
      ['an element more', [null, 1, null], ['only_in_b x.2']],
      ['an element less', [null], ['only_in_a x.1']],
    ] as [string, PyValue[], string[]][],
    ([name]) => `a list that DCP stores in parts, and one that is whole: ${name}`,
    async ([, items, expected]) => {
      const whole = file(dict({ x: new PyList(items) }));
      const inParts = fixturePath('list_of_empty_dict_dcp');
      equal(summary(await diff(inParts, whole)), expected);
      const other = (row: string) =>
        row.replace(/only_in_./, side => (side === 'only_in_a' ? 'only_in_b' : 'only_in_a'));
      equal(summary(await diff(whole, inParts)), expected.map(other));
    },
  );

  test('with itself, on threads and without', async () => {
    const path = fixturePath('fsdp2_adam');
    for (const workers of [0, 2]) is((await diff(path, path, { workers })).equal, true);
  });

  test('a byte changed in a shard is found', async () => {
    const copy = join(scratch(), 'copy');
    cpSync(fixturePath('column_shards'), copy, { recursive: true });
    const name = readdirSync(copy).find(each => each.startsWith('__1'))!;
    const bytes = readFileSync(join(copy, name));
    const { differences: none } = await diff(fixturePath('column_shards'), copy);
    equal(none, []);
    // The storage of the first item: behind its pickle and its header.
    const at = bytes.indexOf('archive/data/0') + 'archive/data/0'.length + 90;
    bytes[at]! ^= 1;
    writeFileSync(join(copy, name), bytes);
    const { differences } = await diff(fixturePath('column_shards'), copy);
    equal([differences.length, differences[0]?.kind], [1, 'values']);
  });

  test('what cannot be compared is an error', async () => {
    await rejects(() => diff('/nothing/here', fixturePath('tied')), {
      code: 'file',
      message: /nothing at this path/,
    });
    await rejects(() => diff(fixturePath('tied'), fixturePath('tied'), { atol: -1 }), { code: 'usage' });
  });
});
