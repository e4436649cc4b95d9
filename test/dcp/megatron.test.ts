import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDcp } from '../../src/dcp/reader.js';
import { dcpToTorchSave, inspectCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, rejects, suite } from '../suite.js';

const NAME = 'megatron_torch_dist';
const copy = (): string => copyFixture(NAME, scratch({ inMemory: true }));
const COMMON = [
  'args',
  'checkpoint_version',
  'iteration',
  'num_floating_point_operations_so_far',
  'optimizer',
  'opt_param_scheduler',
  'content_metadata',
  'rng',
];

suite('Megatron-core, torch_dist', ({ test }) => {
  test('common.pt comes first, as Megatron-core merges, and its tensors are there', async () => {
    const checkpoint = await openDcp(fixturePath(NAME));
    equal(
      checkpoint.entries.slice(0, COMMON.length).map(({ fqn, kind }) => [fqn, kind]),
      COMMON.map(fqn => [fqn, 'object']),
    );
    const rng = checkpoint.files.at(-1)!;
    is(rng.name, 'common.pt');
    const { byteOffset, byteLength, file } = checkpoint.storages.at(0);
    is(checkpoint.files[file], rng);
    equal([...readFileSync(rng.path).subarray(byteOffset, byteOffset + byteLength)], [0, 1, 2, 3, 4, 5]);
    checkpoint.close();
  });

  test('classes of Megatron-core are carried as names, and named', async () => {
    const { globals, warnings } = await inspectCheckpoint(fixturePath(NAME));
    equal(
      globals.map(({ name, dangerous }) => [name, dangerous]),
      [
        ['argparse.Namespace', false],
        ['megatron.core.dist_checkpointing.strategies.torch.MCoreSavePlan', false],
      ],
    );
    equal(
      warnings.map(({ kind }) => kind),
      ['reshaped'],
    );
    match(warnings[0]!.message, /^1 tensors .* optimizer\.state\.exp_avg\.output_layer\.weight$/);
  });

  test('its objects are one a shard, under their own names', async () => {
    const checkpoint = await openDcp(fixturePath(NAME));
    const names = checkpoint.entries.flatMap(({ kind, fqn }) => (kind === 'object' ? [fqn] : []));
    equal(
      names.filter(name => name.includes('_extra_state')),
      [0, 1].map(shard => `decoder.layers.self_attention.linear_qkv._extra_state/shard_${shard}_2`),
    );
    checkpoint.close();
  });

  test('it converts, and back', async () => {
    const directory = scratch({ inMemory: true });
    const { tensors, objects } = await dcpToTorchSave(fixturePath(NAME), join(directory, 'out.pth'));
    equal([tensors, objects], [4, 10]);
    await torchSaveToDcp(join(directory, 'out.pth'), join(directory, 'back'));
    const { entries } = await inspectCheckpoint(join(directory, 'back'));
    ok(entries.some(({ fqn, value }) => fqn === 'iteration' && value === '1000'));
  });

  test('without metadata.json, or with one of another program, it is a DCP directory with a file beside it', async () => {
    for (const text of [undefined, '{"version": 2}', '[]', 'null', '{', '']) {
      const path = copy();
      if (text === undefined) rmSync(join(path, 'metadata.json'));
      else writeFileSync(join(path, 'metadata.json'), text);
      const checkpoint = await openDcp(path);
      is(checkpoint.entries.length, 6, text);
      checkpoint.close();
    }
  });

  test('without common.pt the sharded part opens', async () => {
    const path = copy();
    rmSync(join(path, 'common.pt'));
    is((await openDcp(path)).entries.length, 6);
  });

  test('another backend is refused by name', async () => {
    const path = copy();
    writeFileSync(join(path, 'metadata.json'), '{"sharded_backend": "zarr", "sharded_backend_version": 1}');
    const error = await rejects(() => openDcp(path), {
      code: 'unsupported',
      message: /expected torch_dist, found zarr/,
    });
    match(error.hint!, /--ckpt-format torch_dist/);
  });

  test('a common.pt that is damaged, or holds no dict, is refused', async () => {
    const path = copy();
    writeFileSync(join(path, 'common.pt'), 'text');
    const error = await rejects(() => openDcp(path), { code: 'format' });
    match(error.context.path!, /common\.pt$/);
    writeFileSync(join(path, 'common.pt'), readFileSync(fixturePath('top_level_list')));
    await rejects(() => openDcp(path), { code: 'format', message: /common\.pt does not hold a dict/ });
  });

  test('a name that both have is refused', async () => {
    const path = copy();
    // A common part with the keys of this very index: what the sharded part becomes when it is converted.
    rmSync(join(path, 'metadata.json'));
    await dcpToTorchSave(path, join(path, 'common.pt'), { force: true });
    writeFileSync(join(path, 'metadata.json'), '{"sharded_backend": "torch_dist"}');
    await rejects(() => openDcp(path), { code: 'format', message: /both have an entry of one name.*\[at / });
  });
});
