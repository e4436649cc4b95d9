import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CheckpointFormat,
  convert,
  convertToStream,
  inspectCheckpoint,
  openCheckpoint,
} from '../../src/index.js';
import { formatOfDestination } from '../../src/ops/destination-format.js';
import { PyDict } from '../../src/pickle/dict.js';
import { openSafetensors } from '../../src/safetensors/reader.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { readTree, scratch, writeTree } from '../io/scratch.js';
import { equal, is, ok, rejects, suite, throws } from '../suite.js';
import { dict, tensor, torchFile } from '../torch/hand-made.js';

const INDEX = 'model.safetensors.index.json';
const ONE = 'model-00001-of-00001.safetensors';

suite('directories of safetensors', ({ test, each }) => {
  test('hold shards, the index, and what is no tensor', async () => {
    const directory = join(scratch(), 'out');
    const { outputs, losses } = await convert(fixturePath('fsdp2_adam'), directory, {
      to: 'safetensors',
      maxShardByteLength: 1100,
    });
    const names = outputs.map(({ name }) => name);
    equal(names, [
      'model-00001-of-00006.safetensors',
      'model-00002-of-00006.safetensors',
      'model-00003-of-00006.safetensors',
      'model-00004-of-00006.safetensors',
      'model-00005-of-00006.safetensors',
      'model-00006-of-00006.safetensors',
      INDEX,
      'state.pth',
    ]);
    equal(readdirSync(directory).sort(), [...names].sort());
    equal(losses, []);
    for (const name of names.slice(0, 6)) {
      const { metadata } = await openSafetensors(join(directory, name));
      equal([...metadata], [['format', 'pt']]);
    }
  });

  test('the same source gives the same bytes', async () => {
    const [a, b] = [scratch(), scratch()];
    for (const directory of [a, b])
      await convert(fixturePath('training_run'), directory, { to: 'safetensors' });
    equal(readTree(a), readTree(b));
  });

  test('state that JSON holds exactly is there as JSON too', async () => {
    const directory = scratch();
    const source = torchFile(dict({ w: tensor(), step: 3, tags: dict({ a: 'x' }) }));
    await convert(source, directory, { to: 'safetensors' });
    equal(JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8')), { step: 3, tags: { a: 'x' } });
    const { tree, close } = await openCheckpoint(directory);
    ok(tree instanceof PyDict && tree.getText('w') !== undefined && tree.getText('step') !== undefined);
    close();
  });

  test('nothing but tensors needs no state file', async () => {
    const directory = scratch();
    await convert(fixturePath('top_level_state_dict'), directory, { to: 'safetensors' });
    equal(readdirSync(directory).sort(), [ONE, INDEX]);
  });

  test('tensors of types that the format lacks are in the state file, and come back', async () => {
    const directory = scratch();
    const { losses } = await convert(fixturePath('all_dtypes'), directory, { to: 'safetensors' });
    equal(
      losses.map(({ kind }) => kind),
      ['element_type'],
    );
    const { entries } = await inspectCheckpoint(directory);
    is(entries.find(({ fqn }) => fqn === 'complex128')?.dtype, 'complex128');
    const single = join(scratch(), 'x.safetensors');
    await convert(fixturePath('all_dtypes'), single);
    is(
      (await inspectCheckpoint(single)).entries.some(({ fqn }) => fqn === 'complex128'),
      false,
    );
  });

  test('a state file that clashes with the tensors is refused', async () => {
    const directory = scratch();
    await convert(torchFile(dict({ w: tensor(), step: 3 })), directory, { to: 'safetensors' });
    await convert(torchFile(dict({ w: 3 })), join(directory, 'state.pth'), { to: 'torch', force: true });
    await rejects(() => openCheckpoint(directory), { code: 'format', message: /same name.*at w/ });
  });

  each(
    [
      ['the index', { [INDEX]: '{}' }],
      ['a model in one file', { 'model.safetensors': 'x' }],
      ['a file of an output', { [ONE]: 'x' }],
    ],
    ([name]) => `${name} is not replaced without force`,
    async ([, files]) => {
      const directory = scratch();
      writeTree(directory, files as Record<string, string>);
      const work = (): Promise<unknown> => convert(fixturePath('tied'), directory, { to: 'safetensors' });
      await rejects(work, { code: 'usage', message: /already/ });
      equal(readTree(directory), files);
    },
  );

  test('force removes the files of the old index, and no others', async () => {
    const directory = scratch();
    await convert(fixturePath('fsdp2_adam'), directory, { to: 'safetensors', maxShardByteLength: 1100 });
    writeTree(directory, { 'notes.txt': 'mine', 'other.safetensors': 'mine' });
    await convert(fixturePath('tied'), directory, { to: 'safetensors', force: true });
    equal(readdirSync(directory).sort(), [ONE, INDEX, 'notes.txt', 'other.safetensors'].sort());
    const again = await convert(fixturePath('tied'), directory, { to: 'safetensors', skipExisting: true });
    is(again.status, 'up_to_date');
    const other = (): Promise<unknown> =>
      convert(fixturePath('fsdp2_adam'), directory, { to: 'safetensors', skipExisting: true });
    await rejects(other, { code: 'usage', message: /not this source/ });
  });

  test('a state file that is there already is no part of the new checkpoint', async () => {
    const directory = scratch();
    await convert(torchFile(dict({ step: 3 })), join(directory, 'state.pth'), { to: 'torch' });
    const source = torchFile(dict({ w: tensor() }));
    await rejects(() => convert(source, directory, { to: 'safetensors' }), {
      code: 'usage',
      message: /holds a checkpoint already.*found state\.pth/,
    });
    await convert(source, directory, { to: 'safetensors', force: true });
    equal(readdirSync(directory).sort(), [ONE, INDEX].sort());
  });

  each(
    ['state.pth', 'model.safetensors'],
    name => `${name} in the directory is not replaced by what is made of it`,
    async name => {
      const directory = scratch();
      const source = join(directory, name);
      await convert(torchFile(dict({ w: tensor() })), source, {
        to: name.endsWith('.pth') ? 'torch' : 'safetensors',
      });
      await rejects(() => convert(source, directory, { to: 'safetensors', force: true }), {
        code: 'usage',
        message: /source/i,
      });
      ok(existsSync(source));
    },
  );

  test('a directory that holds the DCP source may take the safetensors too', async () => {
    const directory = copyFixture('fsdp2_adam', scratch());
    await convert(directory, directory, { from: 'dcp', to: 'safetensors' });
    is((await openCheckpoint(directory)).format, 'dcp');
    await rejects(() => convert(directory, join(scratch(), 'x.pth')), {
      code: 'usage',
      message: /DCP .* and safetensors/,
    });
    const { tensors } = await convert(directory, join(scratch(), 'x.pth'), { from: 'safetensors' });
    is(tensors, 16);
  });

  test('the source is not replaced by what is made of it', async () => {
    const directory = scratch();
    await convert(fixturePath('fsdp2_adam'), directory, { to: 'safetensors' });
    const work = (): Promise<unknown> => convert(directory, directory, { to: 'safetensors', force: true });
    await rejects(work, { code: 'usage', message: /replace a file of the source/ });
  });
});

suite('assets', ({ test }) => {
  const assets = {
    'config.json': '{"a": 1}',
    'tokenizer.model': 'bytes',
    'chat_template.jinja': '{{ x }}',
    'merges.txt': '#',
    // None of these is a config or a tokenizer.
    [INDEX]: '{}',
    'state.json': '{}',
    'pytorch_model.bin.index.json': '{}',
    'model.safetensors': 'x',
    '.hidden.json': '{}',
    'README.md': '#',
  };

  test('config and tokenizer files are copied as they are', async () => {
    const [from, directory] = [scratch(), scratch()];
    writeTree(from, assets);
    const { outputs, byteLength } = await convert(fixturePath('top_level_state_dict'), directory, {
      to: 'safetensors',
      copyAssets: from,
    });
    const copied = ['chat_template.jinja', 'config.json', 'merges.txt', 'tokenizer.model'];
    equal(
      outputs.map(({ name }) => name),
      [ONE, INDEX, ...copied],
    );
    for (const name of copied)
      is(readFileSync(join(directory, name), 'utf8'), assets[name as keyof typeof assets]);
    const plain = await convert(fixturePath('top_level_state_dict'), scratch(), { to: 'safetensors' });
    is(byteLength, plain.byteLength);
  });

  test('a directory without any is an error', async () => {
    const from = scratch();
    mkdirSync(join(from, 'config.json'));
    const work = (copyAssets: string): Promise<unknown> =>
      convert(fixturePath('tied'), join(scratch(), 'x'), { to: 'safetensors', copyAssets });
    await rejects(() => work(from), { code: 'usage', message: /no config or tokenizer file/ });
    await rejects(() => work(join(from, 'nothing')), {
      code: 'usage',
      message: /not in a directory.*found nothing/,
    });
  });
});

suite('tied tensors', ({ test }) => {
  const tiedFile = (): string => {
    const t = tensor();
    return torchFile(dict({ z: t, a: t, other: tensor({ key: '1' }) }), { 'data/1': new Uint8Array(16) });
  };

  test('the first is kept, and the header names the others as save_model does', async () => {
    const path = join(scratch(), 'x.safetensors');
    const { ties } = await convert(tiedFile(), path);
    equal(ties, [{ kept: 'z', dropped: ['a'] }]);
    const { entries, metadata } = await openSafetensors(path);
    equal(
      entries.map(({ fqn }) => fqn),
      ['other', 'z'],
    );
    equal(
      [...metadata],
      [
        ['format', 'pt'],
        ['a', 'z'],
      ],
    );
  });

  test('each is saved, where that is asked for', async () => {
    const path = join(scratch(), 'x.safetensors');
    const { ties, losses } = await convert(tiedFile(), path, { ties: 'copy' });
    equal([ties, losses.map(({ kind }) => kind)], [[], ['shared_storage']]);
    is((await openSafetensors(path)).entries.length, 3);
  });

  test('or refused', async () => {
    const work = (): Promise<unknown> =>
      convert(tiedFile(), join(scratch(), 'x.safetensors'), { ties: 'refuse' });
    await rejects(work, { code: 'unsupported', message: /share their memory.*z and a/ });
  });

  test('a torch.save file keeps them tied', async () => {
    const path = join(scratch(), 'x.pth');
    await convert(tiedFile(), path, { to: 'torch' });
    const { entries } = await openCheckpoint(path);
    const rows = entries.map(entry => entry.kind === 'tensor' && entry.storage);
    ok(rows[0] === rows[1] && rows[0] !== rows[2]);
  });
});

suite('safetensors as a stream', ({ test }) => {
  test('has the bytes of the file', async () => {
    const path = join(scratch(), 'x.safetensors');
    await convert(fixturePath('fsdp2_adam'), path);
    const pieces: Buffer[] = [];
    await convertToStream(fixturePath('fsdp2_adam'), async bytes => void pieces.push(Buffer.from(bytes)), {
      to: 'safetensors',
    });
    ok(Buffer.concat(pieces).equals(readFileSync(path)));
  });

  test('cannot be read back', async () => {
    const options = { to: 'torch', check: true } as const;
    await rejects(() => convertToStream(fixturePath('fsdp2_adam'), async () => {}, options), {
      code: 'usage',
      message: /--check is for destinations that can be read back/,
    });
  });

  test('is not whole before the source has been checked', async () => {
    const source = copyFixture('fsdp2_adam', scratch());
    let byteCount = 0;
    const sink = async (bytes: Uint8Array): Promise<void> => {
      if (byteCount === 0) writeFileSync(join(source, '__0_0.distcp'), 'changed meanwhile');
      byteCount += bytes.length;
    };
    await rejects(() => convertToStream(source, sink, { to: 'safetensors' }), { code: 'file' });
    const whole = await convert(fixturePath('fsdp2_adam'), join(scratch(), 'x.safetensors'));
    ok(byteCount < whole.outputs[0]!.byteLength);
  });
});

suite('what to convert to', ({ each, test }) => {
  each(
    [
      ['dcp', 'x.pth', 'torch'],
      ['dcp', 'x.ckpt', 'torch'],
      ['dcp', 'x.safetensors', 'safetensors'],
      ['dcp', 'x', 'safetensors'],
      ['torch', 'x.safetensors', 'safetensors'],
      ['torch', 'x', undefined],
      ['torch', 'x.pt', undefined],
      ['safetensors', 'x.bin', 'torch'],
      ['safetensors', 'x/', 'dcp'],
      ['safetensors', 'x.safetensors', undefined],
    ] as [CheckpointFormat, string, CheckpointFormat | undefined][],
    ([from, name, to]) => `${from} to ${name}: ${to ?? 'not told'}`,
    ([from, name, to]) => {
      if (to !== undefined) is(formatOfDestination(from, name), to);
      else
        throws(() => formatOfDestination(from, name), { code: 'usage', message: new RegExp(`${from}_to_`) });
    },
  );

  each(
    [
      ['--restore-int-keys', { restoreIntKeys: true, to: 'dcp' }],
      ['--ties', { ties: 'drop', to: 'torch' }],
      ['--max-shard-size', { maxShardByteLength: 5, to: 'dcp' }],
      ['--copy-assets', { copyAssets: '.', to: 'torch' }],
    ] as [string, Parameters<typeof convert>[2]][],
    ([option]) => `${option} of another target is refused`,
    async ([option, options]) => {
      const destination = join(scratch(), 'x');
      const message = new RegExp(option);
      await rejects(() => convert(fixturePath('tied'), destination, options), { code: 'usage', message });
      is(existsSync(destination), false);
    },
  );

  test('a source of another format is named', async () => {
    const work = (from: CheckpointFormat): Promise<unknown> =>
      convert(fixturePath('fsdp2_adam'), join(scratch(), 'x'), { from, to: 'dcp' });
    await rejects(() => work('torch'), { code: 'file', message: /expected a torch\.save file/ });
    await rejects(() => work('safetensors'), {
      code: 'file',
      message: /expected a safetensors file, or a directory/,
    });
  });
});

suite('--check of safetensors', ({ each }) => {
  each(
    [
      ['tied', 'x.safetensors', 6],
      ['tied', 'x', 6],
      ['all_dtypes', 'x.safetensors', 20],
      ['all_dtypes', 'x', 22],
      ['fsdp2_adam', 'x', 16],
    ] as const,
    ([name, destination]) => `${name} to ${destination} reads back as what it should hold`,
    async ([name, destination, tensors]) => {
      const { checked } = await convert(fixturePath(name), join(scratch(), destination), {
        to: 'safetensors',
        check: true,
      });
      is(checked?.tensors, tensors);
    },
  );
});
