import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dcpToTorchSave, inspectCheckpoint, listCheckpoints, openCheckpoint } from '../../src/index.js';
import { stepOf } from '../../src/ops/list-checkpoints.js';
import { findCheckpoints, locateCheckpoint } from '../../src/ops/locate.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, equal, is, match, ok, rejects, suite, throws } from '../suite.js';

/** Copies fixtures of torch 2.14.1 to places below a new directory: path → name, or '' for an empty file. */
function tree(places: Record<string, string>): string {
  const base = scratch({ inMemory: true });
  for (const [path, name] of Object.entries(places)) {
    const target = join(base, path);
    mkdirSync(dirname(target), { recursive: true });
    if (name === '') writeFileSync(target, 'x');
    else cpSync(fixturePath(name, '2.14.1'), target, { recursive: true });
  }
  return base;
}

const ADAM = 'single';

suite('which checkpoint a path means', ({ each, test }) => {
  const rows: [name: string, places: Record<string, string>, expected: string][] = [
    ['the directory itself', { '.metadata': '', '__0_0.distcp': '' }, ''],
    ['itself, with an index a rank', { '__0.metadata': '' }, ''],
    ['itself, though a child has one too', { '.metadata': '', 'old/.metadata': '' }, ''],
    ['safetensors files', { 'model.safetensors': '' }, ''],
    [
      'accelerate: checkpoint-2000',
      { 'pytorch_model_fsdp_0/.metadata': '', 'scheduler.bin': '' },
      '/pytorch_model_fsdp_0',
    ],
    [
      'OLMo: the step',
      { 'model_and_optim/.metadata': '', 'train/rank0.pt': '', 'config.json': '' },
      '/model_and_optim',
    ],
    ['a run of one step', { 'run/step-1/model/.metadata': '' }, '/run/step-1/model'],
    ['a save in progress, and no other', { 'step-1/__0_0.distcp': '' }, '/step-1'],
    ['one torch.save file', { 'model.pth': '', 'README.md': '' }, '/model.pth'],
  ];
  each(
    rows,
    ([name]) => name,
    ([, places, expected]) => {
      const base = tree(places);
      is(locateCheckpoint(base), base + expected);
      is(locateCheckpoint(`${base}/`).replace(/\/$/, ''), base + expected);
    },
  );

  const refused: [name: string, places: Record<string, string>, expected: ExpectedError, hint: RegExp][] = [
    [
      'several',
      { 'checkpoint-5/.metadata': '', 'checkpoint-10/.metadata': '', 'checkpoint-20/__0_0.distcp': '' },
      { code: 'file', message: /several checkpoints.*found 3: checkpoint-10, checkpoint-20, checkpoint-5/ },
      /--latest-complete/,
    ],
    [
      'model and optimizer of accelerate',
      { 'pytorch_model_fsdp_0/.metadata': '', 'optimizer_0/.metadata': '' },
      { code: 'file', message: /several.*optimizer_0, pytorch_model_fsdp_0/ },
      /Name one/,
    ],
    [
      'verl',
      { 'model_world_size_2_rank_0.pt': '', 'model_world_size_2_rank_1.pt': '', 'fsdp_config.json': '' },
      { code: 'unsupported', message: /verl with FSDP/ },
      /verl\.model_merger merge --backend fsdp/,
    ],
    [
      'verl, a level above',
      { 'actor/model_world_size_2_rank_0.pt': '' },
      { code: 'unsupported', message: /verl with FSDP.*\/actor/ },
      /--local_dir .*\/actor /,
    ],
    [
      'DeepSpeed, the directory of its script',
      { latest: '', 'zero_to_fp32.py': '', 'global_step10/mp_rank_00_model_states.pt': '' },
      { code: 'unsupported', message: /DeepSpeed ZeRO/ },
      /python .*\/zero_to_fp32\.py/,
    ],
    [
      'DeepSpeed, the step',
      { 'bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt': '', 'mp_rank_00_model_states.pt': '' },
      { code: 'unsupported', message: /DeepSpeed ZeRO/ },
      /\.\.\/zero_to_fp32\.py/,
    ],
    [
      'Megatron-LM of one file a rank',
      { 'mp_rank_00/model_optim_rng.pt': '', 'mp_rank_01/model_optim_rng.pt': '' },
      { code: 'unsupported', message: /Megatron-LM in its older form/ },
      /torch_dist.*mp_rank_00\/model_optim_rng\.pt/,
    ],
    [
      'Megatron-core with zarr',
      { 'common.pt': '', 'metadata.json': '', 'model.weight/.zarray': '' },
      { code: 'unsupported', message: /Megatron-core.*zarr/ },
      /torch_dist/,
    ],
    [
      'Orbax',
      { _CHECKPOINT_METADATA: '', 'd/0': '' },
      { code: 'unsupported', message: /Orbax/ },
      /safetensors\.numpy/,
    ],
    [
      'TensorFlow',
      { 'saved_model.pb': '' },
      { code: 'unsupported', message: /TensorFlow/ },
      /safetensors\.tensorflow/,
    ],
    [
      'Hugging Face with several torch files',
      { 'pytorch_model-00001-of-00002.bin': '', 'pytorch_model-00002-of-00002.bin': '', 'config.json': '' },
      { code: 'unsupported', message: /several torch\.save files/ },
      /safe_serialization=True/,
    ],
    [
      'files of several kinds',
      { 'a.pth': '', 'b.pt': '' },
      { code: 'file', message: /holds no checkpoint.*found 2 other entries/ },
      /Name one of its files: .*\/a\.pth, .*\/b\.pt/,
    ],
  ];
  each(
    refused,
    ([name]) => `refuses ${name}, and says what to do`,
    ([, places, expected, hint]) => {
      const error = throws(() => locateCheckpoint(tree(places)), expected);
      match(error.hint ?? '', hint);
    },
  );

  test('an empty directory', () => {
    throws(() => locateCheckpoint(scratch()), {
      code: 'file',
      message: /no checkpoint.*found an empty directory/,
    });
  });

  test('a link to what is listed anyway does not count', () => {
    const base = tree({ 'step-7/model/.metadata': '' });
    symlinkSync('step-7', join(base, 'latest'));
    equal(
      findCheckpoints(base).map(({ path }) => path),
      [`${base}/step-7/model`],
    );
  });

  test('a link that leads elsewhere does', () => {
    const elsewhere = tree({ '.metadata': '' });
    const base = scratch();
    symlinkSync(elsewhere, join(base, 'latest'));
    is(locateCheckpoint(base), `${base}/latest`);
  });

  test('a circle of links ends', () => {
    const base = scratch();
    mkdirSync(join(base, 'a'));
    symlinkSync('..', join(base, 'a', 'b'));
    equal(findCheckpoints(base), []);
  });
});

suite('descending into the only checkpoint', ({ test }) => {
  test('each operation does it, and says so', async () => {
    const base = tree({ 'checkpoint-3/model': ADAM });
    const inside = `${base}/checkpoint-3/model`;
    const report = await inspectCheckpoint(base);
    is(report.path, inside);
    equal(
      report.warnings.map(({ kind }) => kind),
      ['descended'],
    );
    match(report.warnings[0]!.message, /checkpoint-3\/model/);
    const converted = await dcpToTorchSave(base, join(scratch(), 'out.pth'));
    is(converted.source, inside);
    equal(
      converted.warnings.map(({ kind }) => kind),
      ['descended'],
    );
    const opened = await openCheckpoint(base);
    is(opened.path, inside);
    opened.close();
  });

  test('without it nothing is said', async () => {
    equal((await inspectCheckpoint(`${fixturePath(ADAM, '2.14.1')}/`)).warnings, []);
  });
});

suite('lists of checkpoints', ({ each, test }) => {
  each(
    [
      ['/checkpoint-500', 500],
      ['/step_1200', 1200],
      ['/global_step200', 200],
      ['/iter_0001000', 1000],
      ['/epoch=3-step=1200.ckpt', 1200],
      ['/12', 12],
      ['/checkpoint-500/pytorch_model_fsdp_0', 500],
      ['/checkpoint-500/optimizer_1', 500],
      ['/step-9/model_and_optim', 9],
      ['/final', null],
      ['/llama3-8b', null],
    ] as const,
    ([path]) => path,
    ([path, step]) => is(stepOf('/run', `/run${path}`), step),
  );

  const run = (): string =>
    tree({
      'checkpoint-9/model': ADAM,
      'checkpoint-10/model': 'sharded4',
      'checkpoint-10/optimizer': ADAM,
      'checkpoint-11/model': 'sharded4',
      'checkpoint-11/optimizer': ADAM,
      'checkpoint-12/model/__0_0.distcp': '',
    });

  test('by step, each with its state, and why it is not complete', async () => {
    const base = run();
    rmSync(join(base, 'checkpoint-11/model/__2_0.distcp'));
    const { checkpoints, latestComplete } = await listCheckpoints(base);
    equal(
      checkpoints.map(({ path, step, state, format }) => [path.slice(base.length + 1), step, state, format]),
      [
        ['checkpoint-9/model', 9, 'complete', 'dcp'],
        ['checkpoint-10/model', 10, 'complete', 'dcp'],
        ['checkpoint-10/optimizer', 10, 'complete', 'dcp'],
        ['checkpoint-11/model', 11, 'partly_copied', 'dcp'],
        ['checkpoint-11/optimizer', 11, 'complete', 'dcp'],
        ['checkpoint-12/model', 12, 'saving', 'dcp'],
      ].sort((a, b) => (a[1] as number) - (b[1] as number)),
    );
    const [broken] = checkpoints.filter(({ state }) => state === 'partly_copied');
    match(broken!.detail!, /missing: __2_0\.distcp/);
    ok(checkpoints.every(({ byteLength, ageSeconds }) => byteLength > 0 && ageSeconds >= 0));
    // Of step 11 a part lacks; of step 10 there are two, so their directory is meant.
    is(latestComplete, `${base}/checkpoint-10`);
  });

  test('a step that is one checkpoint is that checkpoint', async () => {
    const base = tree({ 'step-1': ADAM, 'step-2': ADAM });
    is((await listCheckpoints(base)).latestComplete, `${base}/step-2`);
    is((await listCheckpoints(`${base}/step-1`)).latestComplete, `${base}/step-1`);
  });

  test('a save that died, and an index that cannot be read', async () => {
    const base = tree({ 'step-1/__0_0.distcp': '', 'step-2/.metadata': '' });
    const hourAgo = Date.now() / 1000 - 3600;
    utimesSync(join(base, 'step-1/__0_0.distcp'), hourAgo, hourAgo);
    const { checkpoints, latestComplete } = await listCheckpoints(base);
    equal(
      checkpoints.map(({ state }) => state),
      ['dead', 'unreadable'],
    );
    match(checkpoints[1]!.detail!, /not a pickle/);
    is(latestComplete, null);
  });

  test('one that a later save has overwritten in part is not the latest that can be used', async () => {
    const base = tree({ 'step-1': 'sharded4', 'step-2': 'sharded4' });
    const hourAgo = Date.now() / 1000 - 3600;
    for (const step of ['step-1', 'step-2'])
      for (const name of readdirSync(join(base, step))) utimesSync(join(base, step, name), hourAgo, hourAgo);
    utimesSync(join(base, 'step-2/__1_0.distcp'), hourAgo + 600, hourAgo + 600);
    const { checkpoints, latestComplete } = await listCheckpoints(base);
    equal(
      checkpoints.map(({ state }) => state),
      ['complete', 'torn'],
    );
    match(checkpoints[1]!.detail!, /^1 data file is newer than \.metadata, such as __1_0\.distcp/);
    is(latestComplete, `${base}/step-1`);
  });

  test('a directory without any', async () => {
    await rejects(() => listCheckpoints(scratch()), { code: 'file', message: /no checkpoint/ });
  });
});
