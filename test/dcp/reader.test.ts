import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { openDcp, readFileNames } from '../../src/dcp/reader.js';
import { dcpToTorchSave } from '../../src/index.js';
import { PyList } from '../../src/pickle/values.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, equal, is, ok, rejects, suite, throws } from '../suite.js';
import { type AlteredIndex, alteredFixture, fieldsOf } from './altered.js';
import { chunk, torchSize } from './hand-made.js';

const target = (): string => join(scratch({ inMemory: true }), 'out.pth');

suite('directories whose index is not true', ({ each, test }) => {
  // five_rows of uneven_shards: [5, 3], rows 0:2, 2:4, 4:5 and an empty shard at 5.
  const rows: [name: string, (index: AlteredIndex) => void, ExpectedError][] = [
    [
      'a chunk is missing',
      index => index.chunks('five_rows').items.splice(1, 1),
      {
        code: 'corrupt',
        message: /stored nowhere.*found 9 elements; the first gap is \[2:4, 0:3\].*\[at five_rows/,
      },
    ],
    [
      'two chunks overlap',
      index => {
        fieldsOf(index.chunks('five_rows').items[2]).set('offsets', torchSize(3, 0));
        index.places('five_rows')[2]!.index.set('offset', torchSize(3, 0));
      },
      { code: 'corrupt', message: /overlap.*\[2:4, 0:3\] and \[3:4, 0:3\].*\[at five_rows/ },
    ],
    [
      'a chunk lies outside its tensor',
      index => {
        fieldsOf(index.chunks('five_rows').items[2]).set('offsets', torchSize(4, 1));
        index.places('five_rows')[2]!.index.set('offset', torchSize(4, 1));
      },
      { code: 'format', message: /outside its tensor.*\[5, 3\].*\[4:5, 1:4\].*\[at five_rows/ },
    ],
    [
      'a chunk has no place',
      index => index.places('five_rows')[0]!.index.set('offset', torchSize(1, 0)),
      { code: 'format', message: /does not say where a chunk is stored.*\[0, 0\].*\[at five_rows/ },
    ],
    [
      'an item has another shape',
      index => {
        index.tensor('plain').set('size', torchSize(2, 3));
        index.tensor('plain').set('chunks', new PyList([chunk(torchSize(0, 0), torchSize(2, 3))]));
      },
      {
        code: 'format',
        message: /another shape.*expected \[2, 3\], found \[3, 2\].*\[at plain, in .*byte \d+/,
      },
    ],
    [
      'an item has another number of dimensions',
      index => {
        index.tensor('plain_scalar').set('size', torchSize(1));
        index.tensor('plain_scalar').set('chunks', new PyList([chunk(torchSize(0), torchSize(1))]));
        index.places('plain_scalar')[0]!.index.set('offset', torchSize(0));
      },
      { code: 'format', message: /another shape.*expected \[1\], found \[\].*\[at plain_scalar/ },
    ],
    [
      'an item ends after its file',
      index => index.places('plain')[0]!.info.set('length', 10_000_000),
      { code: 'corrupt', message: /shorter than the index says.*\.distcp/ },
    ],
    [
      'an item begins after its file',
      index => index.places('plain')[0]!.info.set('offset', 10_000_000),
      { code: 'corrupt', message: /shorter than the index says/ },
    ],
    [
      'an item is cut short',
      index => index.places('plain')[0]!.info.set('length', 1000),
      { code: 'format', message: /end record|cut short/ },
    ],
    ['an item begins too late', index => index.places('plain')[0]!.info.set('offset', 1), { code: 'format' }],
  ];
  each(
    rows,
    ([name]) => name,
    async ([, change, expected]) => {
      const path = alteredFixture('uneven_shards', change);
      await rejects(() => dcpToTorchSave(path, target()), expected);
    },
  );

  test('a chunk that is there twice is a replica', async () => {
    const [plain, replicated] = [target(), target()];
    const before = await dcpToTorchSave(fixturePath('uneven_shards'), plain);
    const path = alteredFixture('uneven_shards', index => {
      const { items } = index.chunks('five_rows');
      items.push(items[0]!, items[1]!);
    });
    const after = await dcpToTorchSave(path, replicated);
    equal([before.replicas, after.replicas], [0, 2]);
    ok(Buffer.compare(readFileSync(plain), readFileSync(replicated)) === 0);
  });

  test('a tensor where an object is stored', async () => {
    const path = alteredFixture('int_keys_dcp', index => {
      const object = index.places('optimizer.param_groups.0.lr')[0]!.info;
      const tensor = index.places('model.0.bias')[0]!.info;
      for (const field of ['offset', 'length']) tensor.set(field, object.getText(field)!);
    });
    await rejects(() => dcpToTorchSave(path, target()), {
      code: 'format',
      message: /item of a tensor holds something else/,
    });
  });

  test('an altered copy without a change converts as before', async () => {
    await dcpToTorchSave(
      alteredFixture('uneven_shards', () => {}),
      target(),
    );
  });
});

suite('opening directories', ({ test, each }) => {
  test('missing data files are named with the ranks that wrote them', async () => {
    const path = copyFixture('fsdp2_adam', scratch({ inMemory: true }));
    for (const name of ['__1_0.distcp', '__3_0.distcp']) rmSync(join(path, name));
    const checkpoint = await openDcp(path);
    const error = throws(() => checkpoint.requireFiles(), {
      code: 'file',
      message: /expected 4 files, found 2; missing: __1_0\.distcp, __3_0\.distcp/,
    });
    is(error.hint, 'They were written by rank 1, 3: look on the nodes that ran these ranks.');
    await rejects(() => dcpToTorchSave(path, target()), { code: 'file', message: /missing: __1_0/ });
  });

  test('a .metadata alone is opened, and holds no data', async () => {
    const path = join(fixturePath('fsdp2_adam'), '.metadata');
    const checkpoint = await openDcp(path);
    is(checkpoint.entries.length, (await openDcp(fixturePath('fsdp2_adam'))).entries.length);
    equal([...new Set(checkpoint.files.map(({ byteLength }) => byteLength))], [undefined]);
    const error = throws(() => checkpoint.requireFiles(), {
      code: 'file',
      message: /Only the index is at hand.*4 files/,
    });
    is(error.hint, 'Give the checkpoint directory.');
    await rejects(() => dcpToTorchSave(path, target()), { code: 'file', message: /Only the index/ });
  });

  test('a slash at the end changes nothing', async () => {
    const path = fixturePath('small_transformer_dcp');
    const checkpoint = await openDcp(`${path}//`);
    await checkpoint.resolve(checkpoint.entries as TensorEntry[]);
    equal(
      checkpoint.indexSnapshots.map(snapshot => snapshot.path),
      [`${path}/.metadata`],
    );
  });

  each(
    [
      ['single', '2.6.0', '2.4 to 2.6', undefined],
      ['small_transformer_dcp', '2.13.0', '2.9 or newer', '1.0.0'],
      ['single', '2.14.1', '2.9 or newer', '1.0.0'],
    ] as const,
    ([, torch]) => `the era of torch ${torch}`,
    async ([name, torch, era, version]) => {
      const { provenance } = await openDcp(fixturePath(name, torch));
      equal([provenance.torchEra, provenance.metadataVersion], [era, version]);
    },
  );

  test('objects are read once, and tell the globals beyond torch that they name', async () => {
    const checkpoint = await openDcp(fixturePath('calls_os_system_dcp'));
    const object = checkpoint.entries.find(entry => entry.kind === 'object')!;
    is(object.value, undefined);
    await checkpoint.loadObjects([object]);
    const { value } = object;
    await checkpoint.loadObjects([object]);
    ok(value !== undefined && object.value === value);
    equal([...checkpoint.objectGlobals], [['payload', ['posix.system']]]);
  });

  test('the data files of a directory, for whoever replaces it', async () => {
    equal(
      await readFileNames(fixturePath('column_shards')),
      [0, 1, 2, 3].map(rank => `__${rank}_0.distcp`),
    );
    equal(await readFileNames(scratch()), []);
  });
});
