import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DTYPES } from '../../src/dtype.js';
import { type DcpError, type InspectOptions, inspectCheckpoint } from '../../src/index.js';
import {
  copyFixture,
  type FixtureCase,
  fixtureCases,
  fixturePath,
  type GoldenItem,
  golden,
} from '../fixtures.js';
import { flattenGolden, has } from '../goldens/state-dict.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';

const label = ({ name, torch }: FixtureCase): string => `${name} of torch ${torch}`;
const itemSizes = new Map(DTYPES.map(({ name, itemSize }) => [name, itemSize]));
const product = (sizes: readonly number[]): number => sizes.reduce((count, size) => count * size, 1);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

interface Totals {
  tensors: number;
  objects: number;
  parameters: number;
  byteLength: number;
}

function totalsOf(tensors: readonly { dtype: string; shape: number[] }[], objects: number): Totals {
  return {
    tensors: tensors.length,
    objects,
    parameters: sum(tensors.map(({ shape }) => product(shape))),
    byteLength: sum(tensors.map(({ dtype, shape }) => product(shape) * itemSizes.get(dtype)!)),
  };
}

suite('inspecting directories', ({ each, test }) => {
  each(
    // The other directories hold what their index names, and nothing else; this one is inspected in test/dcp.
    fixtureCases.filter(({ kind, name }) => kind === 'dcp' && name !== 'megatron_torch_dist'),
    label,
    async ({ name, torch, files }) => {
      const report = await inspectCheckpoint(fixturePath(name, torch), { chunks: true });
      const { items, version } = golden(name, torch).dcp!;
      const tensors = items.filter(
        (item): item is Extract<GoldenItem, { kind: 'tensor' }> => item.kind === 'tensor',
      );
      const { tensors: count, objects, parameters, byteLength } = report;
      equal(
        { tensors: count, objects, parameters, byteLength },
        totalsOf(
          tensors.map(({ dtype, size }) => ({ dtype, shape: size })),
          items.length - tensors.length,
        ),
      );
      is(report.chunks, sum(tensors.map(({ chunks }) => chunks.length)));
      equal([report.format, report.completeness, report.version ?? null], ['dcp', 'complete', version]);
      equal(
        report.entries
          .filter(entry => entry.kind === 'tensor')
          .map(({ fqn, dtype, size, requiresGrad, chunks }) => [fqn, dtype, size, requiresGrad, chunks]),
        tensors.map(({ fqn, dtype, size, requires_grad, chunks }) => [
          fqn,
          dtype,
          size,
          requires_grad,
          chunks.map(({ relative_path, ...rest }) => ({
            ...rest,
            relativePath: relative_path,
            rank: Number(/__(\d+)_\d+\.distcp$/.exec(relative_path)![1]),
          })),
        ]),
      );
      const used = new Set(
        items.flatMap(item =>
          (item.kind === 'tensor' ? item.chunks : [item]).map(({ relative_path }) => relative_path),
        ),
      );
      equal(
        report.files.map(({ relativePath, byteLength }) => [relativePath, byteLength]).sort(),
        files
          .filter(({ path }) => used.has(path))
          .map(({ path, byte_length }) => [path, byte_length])
          .sort(),
      );
      is(report.ranks, new Set([...used].map(path => path.split('_')[2])).size);
      const stored = items
        .flatMap((item): readonly { relative_path: string; length: number }[] =>
          item.kind === 'tensor' ? item.chunks : [item],
        )
        .filter(({ length }) => length > 0);
      equal(
        report.files.map(({ relativePath, items: count, itemByteLength }) => [
          relativePath,
          count,
          itemByteLength,
        ]),
        report.files.map(({ relativePath }) => {
          const inFile = stored.filter(({ relative_path }) => relative_path === relativePath);
          return [relativePath, inFile.length, sum(inFile.map(({ length }) => length))];
        }),
      );
      is(sum(report.rankShares.map(share => share.items)), stored.length);
      equal(
        [sum(report.parts.map(part => part.tensors)), sum(report.parts.map(part => part.byteLength))],
        [count, byteLength],
      );
    },
  );

  test('what is not at hand', async () => {
    const path = copyFixture('fsdp2_adam', scratch({ inMemory: true }));
    const alone = await inspectCheckpoint(join(path, '.metadata'));
    equal(
      [alone.completeness, alone.loadsWithWeightsOnly, alone.files[0]!.byteLength],
      ['index_only', null, null],
    );
    ok(alone.entries.every(({ value }) => value === undefined));
    rmSync(join(path, '__2_0.distcp'));
    const incomplete = await inspectCheckpoint(path);
    equal([incomplete.completeness, incomplete.loadsWithWeightsOnly], ['files_missing', null]);
    equal(
      incomplete.files.filter(({ byteLength }) => byteLength === null).map(({ rank }) => rank),
      [2],
    );
  });

  test('parts of a training state', async () => {
    const { parts } = await inspectCheckpoint(fixturePath('fsdp2_adam'));
    const { items } = golden('fsdp2_adam').dcp!;
    const of = (prefix: string) => items.filter(({ fqn }) => fqn.startsWith(prefix));
    equal(
      parts.map(({ part, tensors, objects }) => [part, tensors, objects]),
      [
        ['model', 'app.model.'],
        ['optim', 'app.optim.'],
      ].map(([part, prefix]) => [
        part,
        of(prefix!).filter(({ kind }) => kind === 'tensor').length,
        of(prefix!).filter(({ kind }) => kind !== 'tensor').length,
      ]),
    );
  });

  test('one entry has its chunks, a name above others has those below it', async () => {
    const path = fixturePath('fsdp2_adam');
    const one = await inspectCheckpoint(path, { fqn: 'app.model.net1.weight' });
    equal(
      one.entries.map(({ fqn, chunks }) => [fqn, chunks!.length]),
      [['app.model.net1.weight', 4]],
    );
    const below = await inspectCheckpoint(path, { fqn: 'app.model', sort: 'size' });
    equal(
      below.entries.map(({ fqn }) => fqn),
      ['net1.weight', 'net2.weight', 'net1.bias', 'net2.bias'].map(name => `app.model.${name}`),
    );
    ok(below.entries.every(({ chunks }) => chunks === undefined));
  });

  test('which rank holds a row', async () => {
    const fqn = 'app.model.net1.weight';
    for (const row of [0, 3, 4, 15]) {
      const { entries } = await inspectCheckpoint(fixturePath('fsdp2_adam'), { fqn, slice: String(row) });
      equal(
        entries[0]!.chunks!.map(({ rank }) => rank),
        [Math.floor(row / 4)],
      );
    }
    const stepped = await inspectCheckpoint(fixturePath('fsdp2_adam'), { fqn, slice: '1::8' });
    equal(
      stepped.entries[0]!.chunks!.map(({ rank }) => rank),
      [0, 2],
    );
  });

  test('names that are not there, and slices of what is no tensor', async () => {
    const path = fixturePath('fsdp2_adam');
    const messageOf = (options: InspectOptions): Promise<string> =>
      inspectCheckpoint(path, options).then(
        () => 'no error',
        (error: DcpError) => `${error.message} ${error.hint ?? ''}`,
      );
    match(await messageOf({ fqn: 'app.model.net1.wieght' }), /Did you mean app\.model\.net1\.weight\?/);
    match(await messageOf({ fqn: 'app.model', slice: '0' }), /A slice is of one tensor/);
    match(await messageOf({ fqn: 'app.optim.param_groups.0.lr', slice: '0' }), /A slice is of one tensor/);
    match(await messageOf({ fqn: 'app.model.net1.weight', slice: '16' }), /16/);
  });

  test('values of objects in lines, tensors in them by type and shape', async () => {
    const { entries } = await inspectCheckpoint(fixturePath('random_states_dcp'), { objects: 'whole' });
    const lines = new Map(entries.map(({ fqn, lines: shown }) => [fqn, shown]));
    equal(lines.get('generator'), [
      "torch._C.Generator(torch.device('cpu'), state=(7, None, <tensor [5056] uint8>))",
    ]);
    equal(
      lines
        .get('python')!
        .slice(0, 3)
        .map(line => line.slice(0, 16)),
      ['(', '  3,', '  ('],
    );
    is(lines.get('torch'), undefined);
  });

  test('small objects are shown as Python writes them', async () => {
    const { entries } = await inspectCheckpoint(fixturePath('int_keys_dcp'));
    const shown = Object.fromEntries(
      entries.flatMap(({ fqn, value }) => (value === undefined ? [] : [[fqn, value]])),
    );
    const expected = golden('int_keys_dcp').objects.map(({ path, repr }) => [path.join('.'), repr!]);
    equal(shown, Object.fromEntries(expected));
  });
});

suite('inspecting files', ({ each, test }) => {
  each(
    fixtureCases.filter(({ kind, name }) => kind === 'torch' && name !== 'cyclic'),
    label,
    async ({ name, torch, files }) => {
      const report = await inspectCheckpoint(fixturePath(name, torch));
      const { tree, tensors } = golden(name, torch);
      const leaves = flattenGolden(tree);
      const rows = leaves.flatMap(({ value }) => (has(value, 'tensor') ? tensors[value.tensor]! : []));
      const strided = rows.filter(({ sha256 }) => sha256 !== undefined) as {
        dtype: string;
        shape: number[];
      }[];
      const { tensors: count, objects, parameters, byteLength } = report;
      equal(
        { tensors: count, objects, parameters, byteLength },
        totalsOf(strided, leaves.length - strided.length),
      );
      equal(
        [report.format, report.completeness, report.ranks, report.chunks],
        [name.startsWith('torch_script') ? 'torchscript' : 'torch', 'complete', 1, strided.length],
      );
      equal(
        report.files.map(({ byteLength, rank }) => [byteLength, rank]),
        [[files[0]!.byte_length, null]],
      );
      equal(sum(report.dtypes.map(row => row.tensors)), strided.length);
    },
  );

  test('element types, the one with most bytes first', async () => {
    const { dtypes } = await inspectCheckpoint(fixturePath('train_state', '2.14.1'));
    const { tensors } = golden('train_state', '2.14.1');
    const of = (name: string) =>
      tensors.filter(({ dtype }) => dtype === name) as { dtype: string; shape: number[] }[];
    equal(
      dtypes,
      ['float32', 'int64'].map(name => {
        const { objects: _, ...totals } = totalsOf(of(name), 0);
        return { dtype: name, ...totals };
      }),
    );
  });

  test('compressed storages are not inflated for it', async () => {
    const { files } = await inspectCheckpoint(fixturePath('rezipped_deflated'));
    equal(
      files.map(({ relativePath }) => relativePath),
      ['rezipped_deflated.pth'],
    );
  });

  test('only the keys that are asked for; totals are of all', async () => {
    const report = await inspectCheckpoint(fixturePath('small_transformer'), {
      keys: ['layers.1.*.weight', 'norm.*'],
    });
    is(report.tensors, 20);
    equal(report.entries.map(({ fqn }) => fqn).sort(), [
      ...[
        'attention.wk',
        'attention.wo',
        'attention.wq',
        'attention.wv',
        'attention_norm',
        'feed_forward.w1',
        'feed_forward.w2',
        'ffn_norm',
      ].map(name => `layers.1.${name}.weight`),
      'norm.weight',
    ]);
    ok(report.entries.every(({ chunks }) => chunks === undefined));
  });
});
