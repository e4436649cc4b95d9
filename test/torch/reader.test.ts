import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Checkpoint, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { dcpToTorchSave, openCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { PyDict } from '../../src/pickle/dict.js';
import { PyGlobal, PyPersistentId, type PyValue } from '../../src/pickle/values.js';
import { openTorchFile } from '../../src/torch/reader.js';
import { fixturePath } from '../fixtures.js';
import { unzipArchive } from '../goldens/torch-archive.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, equal, is, match, ok, rejects, suite } from '../suite.js';
import {
  ascii,
  countingBytes,
  dict,
  type Records,
  storageId,
  tensor,
  torchFile,
  torchFileBytes,
  tuple,
} from './hand-made.js';

suite('opening torch.save files', ({ test, each }) => {
  test('paths of one text are told apart', async () => {
    const checkpoint = await openTorchFile(fixturePath('colliding_keys'));
    equal(
      checkpoint.entries.map(({ fqn }) => fqn),
      ['a.b', 'a.b#2', 'ids.1', 'ids.1#2'],
    );
    equal(
      checkpoint.entries.map(({ path }) => [...path]),
      [['a.b'], ['a', 'b'], ['ids', '1'], ['ids', '1']],
    );
    checkpoint.close();
  });

  each(
    [
      ['train_state', '2.6.0', '2.1 to 2.6'],
      ['small_transformer', '2.13.0', '2.7 or newer'],
      ['train_state', '2.14.1', '2.7 or newer'],
    ] as const,
    ([, torch]) => `the era of torch ${torch}`,
    async ([name, torch, era]) => {
      const checkpoint = await openTorchFile(fixturePath(name, torch));
      is(checkpoint.provenance.torchEra, era);
      checkpoint.close();
    },
  );

  each(
    [
      [{}, '1.6 to 2.0'],
      [{ byteorder: ascii('little') }, '2.1'],
      [{ byteorder: ascii('little'), '.data/serialization_id': ascii('0'.repeat(40)) }, '2.1 to 2.6'],
      [{ '.format_version': ascii('1') }, '2.7 or newer'],
    ] as [Records, string][],
    ([records]) => `the era of a file with ${Object.keys(records).join(', ') || 'nothing more'}`,
    async ([records, era]) => {
      const checkpoint = await openTorchFile(torchFile(dict({}), records));
      is(checkpoint.provenance.torchEra, era);
      checkpoint.close();
    },
  );

  test('one Python object in two places is one identity; two objects over one storage are two', async () => {
    const checkpoint = await openTorchFile(fixturePath('tied'));
    const at = (fqn: string) => checkpoint.entries.find(entry => entry.fqn === fqn) as TensorEntry;
    ok(at('same_object.a').identity === at('same_object.b').identity);
    const [embedding, head] = [at('model.embedding.weight'), at('model.head.weight')];
    ok(embedding.identity !== head.identity);
    is(embedding.storage, head.storage);
    checkpoint.close();
  });

  test('a dict in two places: each place has its entries', async () => {
    const shared = dict({ w: tensor() });
    const checkpoint = await openTorchFile(torchFile(dict({ a: shared, b: shared })));
    equal(
      checkpoint.entries.map(({ fqn, kind }) => [fqn, kind]),
      [
        ['a.w', 'tensor'],
        ['b.w', 'tensor'],
      ],
    );
    const [first, second] = checkpoint.entries as TensorEntry[];
    ok(first!.identity === second!.identity);
    checkpoint.close();
  });

  test('deflated records are inflated once, into a file that closing removes', async () => {
    const before = spools();
    const checkpoint = await openCheckpoint(fixturePath('rezipped_deflated'));
    equal(spools(), before);
    await checkpoint.resolve([]);
    const path = checkpoint.files[1]!.path;
    ok(existsSync(path));
    await checkpoint.resolve([]);
    is(checkpoint.files.length, 2);
    checkpoint.close();
    ok(!existsSync(path));
    equal(spools(), before);
  });

  each(
    ['rezipped_deflated', 'small_transformer', 'legacy_by_hand'],
    name => `${name}: who asks where the bytes are waits for those who asked before`,
    async name => {
      const [once, together] = [
        await openTorchFile(fixturePath(name)),
        await openTorchFile(fixturePath(name)),
      ];
      await once.resolve([]);
      const rows = (checkpoint: Checkpoint) =>
        Array.from({ length: checkpoint.storages.count }, (_, row) => checkpoint.storages.at(row));
      const seen: unknown[] = [];
      await Promise.all([1, 2].map(() => together.resolve([]).then(() => seen.push(rows(together)))));
      equal(seen, [rows(once), rows(once)]);
      once.close();
      together.close();
    },
  );

  test('a gzip file is inflated whole when it is opened, into a file that closing removes', async () => {
    const before = spools();
    const checkpoint = await openCheckpoint(fixturePath('gzipped_zip'));
    const [file] = checkpoint.files;
    ok(file!.path.startsWith(tmpdir()) && existsSync(file!.path));
    equal([file!.name, file!.byteLength], ['gzipped_zip.pth.gz', statSync(fixturePath('gzipped_zip')).size]);
    checkpoint.close();
    equal(spools(), before);
  });

  test('an error inside gzip names the file, and leaves nothing', async () => {
    const before = spools();
    const path = join(scratch(), 'x.pth.gz');
    writeFileSync(path, gzipSync(torchFileBytes(dict({}), { version: undefined })));
    const error = await rejects(() => openCheckpoint(path), { code: 'format', message: /no record version/ });
    is(error.context.path, path);
    equal(spools(), before);
  });

  test('deflated records inside gzip', async () => {
    const directory = scratch({ inMemory: true });
    const path = join(directory, 'x.pth.gz');
    writeFileSync(path, gzipSync(readFileSync(fixturePath('rezipped_deflated'))));
    await torchSaveToDcp(path, join(directory, 'ours'));
    await torchSaveToDcp(fixturePath('rezipped_deflated'), join(directory, 'theirs'));
    const [ours, theirs] = ['ours', 'theirs'].map(name =>
      readFileSync(join(directory, name, '__0_0.distcp')),
    );
    is(Buffer.compare(ours!, theirs!), 0);
  });

  test('a deflated record that claims more than is safe is refused before anything is inflated', async () => {
    const claimed = 2 ** 30 + 4;
    const bytes = torchFileBytes(dict({ a: tensor({ elementCount: claimed / 4 }) }), {
      'data/0': new Uint8Array(2 ** 21),
    });
    const archive = Buffer.from(bytes);
    const entry = archive.lastIndexOf('archive/data/0') - 46;
    archive.writeUInt16LE(8, entry + 10);
    archive.writeUInt32LE(claimed, entry + 24);
    const path = join(scratch({ inMemory: true }), 'bomb.pth');
    writeFileSync(path, archive);
    const before = spools();
    await rejects(() => torchSaveToDcp(path, join(scratch({ inMemory: true }), 'out')), {
      code: 'limit',
      message: /longer than is safe to follow.*1073741824 bytes at most, found 1073741828/,
    });
    equal(spools(), before);
  });

  each(
    [
      ['bzip2', /method 12 \(bzip2\)/],
      ['lzma', /method 14 \(lzma\)/],
      ['encrypted', /is encrypted/],
    ] as const,
    ([name]) => `records that are ${name} are refused, with what to do`,
    async ([name, message]) => {
      const path = fileURLToPath(new URL(`../../../fixtures/zip/python/${name}.zip`, import.meta.url));
      const error = await rejects(() => openCheckpoint(path), { code: 'unsupported', message });
      match(error.hint!, /zip -0 -r/);
    },
  );

  test('after a failed open nothing is left open', async () => {
    // More files than a process may have open.
    const path = fixturePath('cyclic');
    const before = readdirSync('/dev/fd').length;
    for (let i = 0; i < 50; i++) await rejects(() => openTorchFile(path), { code: 'format' });
    ok(readdirSync('/dev/fd').length <= before + 5);
  });
});

const spools = (): string[] => readdirSync(tmpdir()).filter(name => name.startsWith('dcp-spool-'));

suite('storages that torch does not write', ({ each }) => {
  const rows: [name: string, tensors: PyValue, expected: ExpectedError][] = [
    [
      'a persistent id of something else',
      new PyPersistentId(tuple('tensor', 'x')),
      { code: 'unsupported', message: /not a storage/ },
    ],
    [
      'a class that is no class',
      new PyPersistentId(tuple('module', 'x')),
      { code: 'format', message: /A class is referred to.*\("module", class/ },
    ],
    [
      'a part of a storage in an archive',
      new PyPersistentId(
        tuple('storage', new PyGlobal('torch', 'FloatStorage'), '0', 'cpu', 4, tuple('9', 1, 2)),
      ),
      { code: 'unsupported', message: /a part of a storage/ },
    ],
    [
      'a persistent id that is text',
      new PyPersistentId('storage'),
      { code: 'unsupported', message: /not a storage/ },
    ],
    [
      'a key that is a number',
      tensor({ key: 0 }),
      { code: 'format', message: /in a way that torch does not write/ },
    ],
    ['no location', tensor({ location: null }), { code: 'format', message: /does not write/ }],
    ['a negative count', tensor({ elementCount: -4 }), { code: 'format', message: /does not write/ }],
    [
      'a count beyond 2^53',
      tensor({ elementCount: 2n ** 61n }),
      { code: 'format', message: /does not write/ },
    ],
    [
      'a class that is a str',
      new PyPersistentId(tuple('storage', 'FloatStorage', '0', 'cpu', 4)),
      { code: 'format', message: /does not write/ },
    ],
    [
      'an unknown class',
      tensor({ className: 'Int4Storage' }),
      { code: 'unsupported', message: /Unknown storage class.*Int4Storage/ },
    ],
    ['a missing record', tensor({ key: '7' }), { code: 'format', message: /the archive lacks.*data\/7/ }],
    [
      'a record that is too short',
      tensor({ elementCount: 5 }),
      { code: 'format', message: /another length.*20 bytes.*16 bytes/ },
    ],
    [
      'a record that is too long',
      tensor({ elementCount: 3 }),
      { code: 'format', message: /another length.*12 bytes.*16 bytes/ },
    ],
    [
      'one storage of two types',
      tuple(tensor(), tensor({ className: 'IntStorage' })),
      {
        code: 'format',
        message: /Storage 0 is described in two ways.*4 elements of FloatStorage.*4 elements of IntStorage/,
      },
    ],
    [
      'one storage of two lengths',
      tuple(tensor(), tensor({ elementCount: 2 })),
      { code: 'format', message: /Storage 0 is described in two ways/ },
    ],
  ];
  each(
    rows,
    ([name]) => name,
    async ([, value, expected]) => {
      const path = torchFile(dict({ a: value }));
      const error = await rejects(() => openTorchFile(path), expected);
      is(error.context.path, path);
    },
  );

  each(
    [
      ['by its offset', { storageOffset: 1 }, 20],
      ['by its size', { size: tuple(5) }, 20],
      ['by its stride', { size: tuple(2), stride: tuple(4) }, 20],
      ['by the stride of as many elements', { stride: tuple(2) }, 28],
      [
        'by its element type',
        { className: 'UntypedStorage', elementCount: 16, more: [new PyGlobal('torch', 'int64')] },
        32,
      ],
      ['by far', { storageOffset: 2 ** 50 }, 2 ** 52 + 16],
    ] as [string, Parameters<typeof tensor>[0], number][],
    ([name]) => `a view that leaves its storage ${name}`,
    async ([, fields, end]) => {
      const path = torchFile(dict({ a: tensor(fields, fields?.more === undefined ? 2 : 3) }));
      await rejects(() => openTorchFile(path), {
        code: 'format',
        message: new RegExp(
          `past the end of its storage .expected ${end} bytes at least, found 16 bytes. .at a`,
        ),
      });
    },
  );

  each(
    [
      ['at its end', { storageOffset: 4, size: tuple(0) }],
      ['behind its end', { storageOffset: 9, size: tuple(3, 0), stride: tuple(0, 1) }],
      ['with a stride that nothing takes', { size: tuple(1), stride: tuple(99) }],
    ] as [string, Parameters<typeof tensor>[0]][],
    ([name]) => `a view that touches nothing ${name} is none`,
    async ([, fields]) => {
      const directory = join(scratch({ inMemory: true }), 'out');
      await torchSaveToDcp(torchFile(dict({ a: tensor(fields) })), directory);
      await dcpToTorchSave(directory, `${directory}.pth`);
    },
  );
});

suite('files of big-endian machines', ({ each, test }) => {
  const big: Records = { byteorder: ascii('big') };
  const uint16 = new PyGlobal('torch', 'uint16');
  const complex32 = new PyGlobal('torch', 'complex32');
  const untyped = { module: 'torch.storage', className: 'UntypedStorage', elementCount: 16 };

  /** Record 0 of the .pth that the file becomes by way of DCP. */
  async function converted(value: PyValue): Promise<number[]> {
    const directory = scratch({ inMemory: true });
    await torchSaveToDcp(torchFile(dict({ a: value }), big), join(directory, 'dcp'));
    await dcpToTorchSave(join(directory, 'dcp'), join(directory, 'back.pth'));
    return [...unzipArchive(readFileSync(join(directory, 'back.pth'))).records.get('data/0')!];
  }

  each(
    [
      ['float32: fours', tensor(), [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]],
      ['a part of it', tensor({ storageOffset: 2, size: tuple(2) }), [11, 10, 9, 8, 15, 14, 13, 12]],
      [
        'complex64: each component',
        tensor({ className: 'ComplexFloatStorage', elementCount: 2, size: tuple(2) }),
        [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12],
      ],
      [
        'int64: eights',
        tensor({ className: 'LongStorage', elementCount: 2, size: tuple(2) }),
        [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8],
      ],
      [
        'bytes stay',
        tensor({ className: 'ByteStorage', elementCount: 16, size: tuple(16) }),
        [...countingBytes()],
      ],
      // Torch takes these storages for bytes; what they hold is told by the tensor.
      [
        'uint16 over bytes: twos',
        tensor({ ...untyped, size: tuple(8), more: [uint16] }, 3),
        [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14],
      ],
      [
        'complex32 over bytes: twos',
        tensor({ ...untyped, size: tuple(4), more: [complex32] }, 3),
        [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14],
      ],
    ] as [string, PyValue, number[]][],
    ([name]) => name,
    async ([, value, expected]) => equal(await converted(value), expected),
  );

  each(
    [
      ['fours', ['float32'], [3, 2, 1, 0, 7, 6, 5, 4]],
      ['twos', ['uint16', 'complex32'], [1, 0, 3, 2, 5, 4, 7, 6]],
      ['eights', ['uint64'], [7, 6, 5, 4, 3, 2, 1, 0]],
    ] as [string, string[], number[]][],
    ([name]) => `a storage of bytes inside an object is swapped by its tensors: ${name}`,
    async ([, types, expected]) => {
      const tensors = types.map(type =>
        tensor({ ...untyped, size: tuple(2), more: [new PyGlobal('torch', type)] }, 3),
      );
      equal((await converted(tuple(...tensors))).slice(0, 8), expected);
    },
  );

  test('a storage that two tensors inside an object take for different things is refused', async () => {
    const types = ['uint16', 'uint32'].map(type =>
      tensor({ ...untyped, size: tuple(2), more: [new PyGlobal('torch', type)] }, 3),
    );
    const path = torchFile(dict({ a: tuple(...types) }), big);
    await rejects(() => torchSaveToDcp(path, join(scratch({ inMemory: true }), 'out')), {
      code: 'unsupported',
      message: /element type of a big-endian storage is not known.*\[at a/,
    });
  });

  test('a storage inside an object whose type nothing tells is refused', async () => {
    const path = torchFile(dict({ a: tuple(storageId(untyped)) }), big);
    await rejects(() => torchSaveToDcp(path, join(scratch({ inMemory: true }), 'out')), {
      code: 'unsupported',
      message: /element type of a big-endian storage is not known.*\[at a/,
    });
  });

  test('the order of a dict and its int keys survive', async () => {
    const path = torchFile(
      PyDict.of([
        [2, tensor()],
        [1, tensor()],
      ]),
      big,
    );
    const checkpoint = await openTorchFile(path);
    equal(
      checkpoint.entries.map(({ fqn }) => fqn),
      ['2', '1'],
    );
    equal([...(checkpoint.tree as PyDict).keys()], [2, 1]);
    checkpoint.close();
  });
});
