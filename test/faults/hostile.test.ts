/** Files made to harm: bombs, numbers without measure, paths that lead out, names that talk to the terminal. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dcpToTorchSave, inspectCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { PyDict } from '../../src/pickle/dict.js';
import { PyGlobal, PyList, PyObject, PyTuple, type PyValue } from '../../src/pickle/values.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, suite } from '../suite.js';
import { contentsOf, leavesUnchanged } from './contents.js';
import {
  craftArchive,
  craftTensor,
  dictOf,
  editIndex,
  type IndexEditor,
  setField,
  torchSize,
  writeTorchFile,
} from './craft.js';
import {
  convertArguments,
  type Refusal,
  refuses,
  refusesHere,
  runDcp,
  sideBySide,
  succeeds,
} from './run-dcp.js';

const FOUR = new Uint8Array(16);
const op = (...codes: number[]): Buffer => Buffer.from(codes);
const PROTO = op(0x80, 2);
const repeated = (code: number, count: number): Buffer => Buffer.alloc(count, code);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Rows that start the program; the others ask the library, which is faster. */
const BY_PROGRAM = [
  'a hundred thousand lists inside each other',
  'a shape of 2 to the 62',
  'a dict referenced a billion times through lists',
  'a call to a shell',
  'a data file "/etc/passwd"',
  'a path with a list position of a billion',
];

interface PickleRow {
  what: string;
  pickle: Uint8Array;
  refusal: Refusal;
}

/** What `.metadata` and `data.pkl` may hold, and neither program nor machine must suffer from. */
const pickles: PickleRow[] = [
  {
    what: 'a hundred thousand lists inside each other',
    pickle: Buffer.concat([PROTO, repeated(0x5d, 100_000), repeated(0x61, 99_999), op(0x2e)]),
    refusal: { code: 'limit', message: /nested too deeply/, expected: /levels at most/ },
  },
  {
    what: 'a hundred thousand tuples inside each other',
    pickle: Buffer.concat([PROTO, repeated(0x28, 100_000), repeated(0x74, 100_000), op(0x2e)]),
    refusal: { code: 'limit', message: /nested too deeply/ },
  },
  {
    what: 'a memo slot with a number like four billion',
    pickle: Buffer.concat([
      PROTO,
      op(0x4e, 0x72),
      uint32(0xffff_fff0),
      op(0x30, 0x6a),
      uint32(0xffff_fff0),
      op(0x2e),
    ]),
    refusal: { code: 'limit', message: /memo slot/, found: 0xffff_fff0 },
  },
  {
    what: 'a text of two gigabytes in a file of a few bytes',
    pickle: Buffer.concat([PROTO, op(0x58), uint32(0x7fff_ffff), Buffer.from('abc.')]),
    refusal: { code: 'format', message: /ends inside the data of BINUNICODE/, expected: '2147483647 bytes' },
  },
  {
    what: 'bytes with a length of 2 to the 62',
    pickle: Buffer.concat([PROTO, op(0x8e, 0, 0, 0, 0, 0, 0, 0, 0x40), Buffer.from('abc.')]),
    refusal: { code: 'format', message: /ends inside the data of BINBYTES8/ },
  },
  {
    what: 'an int of a million bytes',
    pickle: Buffer.concat([PROTO, op(0x8b), uint32(1_000_000), repeated(0x7f, 1_000_000), op(0x2e)]),
    refusal: { code: 'limit', message: /int/ },
  },
  {
    what: 'fetches of what was never put',
    pickle: Buffer.concat([PROTO, op(0x68, 7, 0x2e)]),
    refusal: { code: 'format', message: /memo/ },
  },
  {
    what: 'nothing but STOP',
    pickle: Buffer.concat([PROTO, op(0x2e)]),
    refusal: { code: 'format', message: /stack|STOP/ },
  },
];

suite('faults: hostile pickles', ({ each }) => {
  const rows = pickles.flatMap(row => [
    { ...row, as: 'index' as const },
    { ...row, as: 'torch.save file' as const },
  ]);
  each(
    rows,
    ({ what, as }) => `${as}: ${what}`,
    sideBySide(rows, async ({ what, pickle, as, refusal }) => {
      const root = scratch({ inMemory: true });
      const refuse = BY_PROGRAM.includes(what) ? refuses : refusesHere;
      if (as === 'index') {
        mkdirSync(join(root, 'ckpt'));
        writeFileSync(join(root, 'ckpt', '.metadata'), pickle);
        await leavesUnchanged(root, () =>
          refuse(convertArguments('dcp_to_torch', join(root, 'ckpt'), join(root, 'out.pth')), {
            ...refusal,
            path: /\.metadata$/,
          }),
        );
      } else {
        const source = join(root, 'x.pth');
        writeFileSync(source, craftArchive(pickle));
        await leavesUnchanged(root, () =>
          refuse(convertArguments('torch_to_dcp', source, join(root, 'out')), { ...refusal, path: source }),
        );
      }
    }),
  );
});

/** A tuple of two times a tuple of two times …: 2 to the `levels` values in a few bytes. */
function doubled(levels: number, innermost: PyValue, make: (a: PyValue) => PyValue): PyValue {
  let value = innermost;
  for (let level = 0; level < levels; level++) value = make(value);
  return value;
}

interface TorchRow {
  what: string;
  value: PyValue;
  storages?: Uint8Array[];
  refusal: Refusal;
}

const tensorRow = (what: string, tensor: PyValue, refusal: Refusal): TorchRow => ({
  what,
  value: dictOf({ good: craftTensor({ size: [4] }), weight: tensor }),
  storages: [FOUR],
  refusal,
});

const torchRows: TorchRow[] = [
  tensorRow('a shape of 2 to the 62', craftTensor({ size: [2n ** 62n] }), {
    code: 'format',
    message: /size/,
    fqn: 'weight',
  }),
  tensorRow(
    'a shape that overflows when multiplied',
    craftTensor({ size: [2 ** 40, 2 ** 40], stride: [0, 0] }),
    {
      code: 'limit',
      fqn: 'weight',
    },
  ),
  tensorRow(
    'a shape beyond all numbers',
    craftTensor({ size: Array(40).fill(2 ** 52), stride: Array(40).fill(0) }),
    {
      code: 'limit',
      fqn: 'weight',
    },
  ),
  tensorRow('a negative size', craftTensor({ size: [-4] }), {
    code: 'format',
    message: /size/,
    fqn: 'weight',
  }),
  tensorRow('a size that is a float', craftTensor({ size: ['4'] }), {
    code: 'format',
    message: /size/,
    fqn: 'weight',
  }),
  tensorRow('a negative stride', craftTensor({ size: [4], stride: [-1] }), {
    code: 'format',
    message: /stride/,
    fqn: 'weight',
  }),
  tensorRow('a stride that leaves the storage', craftTensor({ size: [3], stride: [2] }), {
    code: 'format',
    message: /past the end of its storage/,
    expected: '20 bytes at least',
    found: '16 bytes',
    fqn: 'weight',
  }),
  tensorRow('as many elements as the storage, but not those', craftTensor({ size: [4], stride: [2] }), {
    code: 'format',
    message: /past the end of its storage/,
    expected: '28 bytes at least',
    fqn: 'weight',
  }),
  tensorRow('as many elements as the storage, behind its end', craftTensor({ size: [4], storageOffset: 4 }), {
    code: 'format',
    message: /past the end of its storage/,
    fqn: 'weight',
  }),
  tensorRow('an offset far behind the storage', craftTensor({ size: [1], storageOffset: 2 ** 45 }), {
    code: 'format',
    message: /past the end of its storage/,
    fqn: 'weight',
  }),
  tensorRow('a negative offset', craftTensor({ size: [1], storageOffset: -1 }), {
    code: 'format',
    message: /offset/,
    found: '-1',
    fqn: 'weight',
  }),
  tensorRow('fewer strides than sizes', craftTensor({ size: [2, 2], stride: [1] }), {
    code: 'format',
    message: /stride of another length/,
    fqn: 'weight',
  }),
  tensorRow(
    'a storage of 2 to the 50 elements',
    craftTensor({ size: [4], key: '1', storageElements: 2 ** 50 }),
    {
      code: 'format',
      message: /data\/1/,
    },
  ),
  tensorRow('a storage longer than its record', craftTensor({ size: [4], key: '0', storageElements: 5 }), {
    code: 'format',
    message: /Storage 0 is described in two ways/,
  }),
  tensorRow('a storage with a path for a key', craftTensor({ size: [4], key: '../../etc/passwd' }), {
    code: 'format',
    expected: 'record data/../../etc/passwd',
  }),
  {
    what: 'a storage whose record is short',
    value: dictOf({ weight: craftTensor({ size: [4] }) }),
    storages: [new Uint8Array(12)],
    refusal: { code: 'format', message: /another length/, expected: '16 bytes', found: '12 bytes' },
  },
  {
    what: 'a dict referenced a billion times through lists',
    value: dictOf({ a: doubled(30, dictOf({ x: 1 }), value => new PyList([value, value])) }),
    refusal: { code: 'limit', message: /stand in too many places/, fqn: /^a(\.[01])+/ },
  },
  {
    what: 'an empty dict referenced a billion times',
    value: doubled(30, new PyDict(), value => dictOf({ a: value, b: value })),
    refusal: { code: 'limit', message: /stand in too many places/ },
  },
  {
    what: 'a call to a shell',
    value: dictOf({
      x: new PyObject('reduce', new PyGlobal('os', 'system'), new PyTuple(['touch /tmp/owned'])),
    }),
    refusal: { code: 'unsupported', message: /would run commands/, found: 'os.system' },
  },
  {
    what: 'a call to a shell, hidden behind getattr',
    value: dictOf({
      x: new PyObject(
        'reduce',
        new PyObject(
          'reduce',
          new PyGlobal('builtins', 'getattr'),
          new PyTuple([new PyGlobal('os', 'path'), 'system']),
        ),
        new PyTuple(['id']),
      ),
    }),
    refusal: { code: 'unsupported', message: /would run commands/ },
  },
  {
    what: 'an int instead of a state dict',
    value: 7,
    refusal: { code: 'unsupported', message: /needs names/ },
  },
  {
    what: 'None instead of a state dict',
    value: null,
    refusal: { code: 'unsupported', message: /needs names/ },
  },
];

suite('faults: hostile torch.save files', ({ each, test }) => {
  each(
    torchRows,
    ({ what }) => what,
    sideBySide(torchRows, async ({ what, value, storages = [], refusal }) => {
      const root = scratch({ inMemory: true });
      const refuse = BY_PROGRAM.includes(what) ? refuses : refusesHere;
      const source = writeTorchFile(join(root, 'x.pth'), value, storages);
      await leavesUnchanged(root, () =>
        refuse(convertArguments('torch_to_dcp', source, join(root, 'out')), refusal),
      );
    }),
  );

  test('a value that stands for a billion in an object is carried as it is', async () => {
    const root = scratch({ inMemory: true });
    const bomb = doubled(40, new PyTuple([1, 2]), value => new PyTuple([value, value]));
    const list = doubled(40, new PyList([1]), value => new PyList([value, value]));
    const source = writeTorchFile(join(root, 'x.pth'), dictOf({ bomb, list }));
    const { objects } = await succeeds(convertArguments('torch_to_dcp', source, join(root, 'out')));
    is(objects, 2);
    const { entries } = await succeeds(['inspect', join(root, 'out')]);
    ok((entries as { value: string }[])[0]!.value.length < 100);
    await succeeds(convertArguments('dcp_to_torch', join(root, 'out'), join(root, 'back.pth')));
    ok(readFileSync(join(root, 'back.pth')).length < 5000);
  });

  const archives: [name: string, refusal: Refusal][] = [
    ['duplicate', { code: 'format', message: /two records named/ }],
    ['differs_in_case', { code: 'format', message: /differ only in case/ }],
    ['dotdot', { code: 'format', message: /'\.\.' component/ }],
    ['absolute', { code: 'format', message: /absolute path/ }],
    ['encrypted', { code: 'unsupported', message: /encrypted/ }],
    ['bzip2', { code: 'unsupported', message: /method 12 \(bzip2\)/ }],
    ['two_roots', { code: 'format', message: /outside the archive's top-level directory/ }],
    ['empty', { code: 'format', message: /no checkpoint/, found: /begins with 50 4b 05 06/ }],
  ];
  each(
    archives,
    ([name]) => `a zip archive: ${name}`,
    sideBySide(archives, async ([name, refusal]) => {
      const root = scratch({ inMemory: true });
      const source = fileURLToPath(new URL(`../../../fixtures/zip/python/${name}.zip`, import.meta.url));
      await leavesUnchanged(root, () =>
        refusesHere(convertArguments('torch_to_dcp', source, join(root, 'out')), {
          ...refusal,
          path: source,
        }),
      );
    }),
  );
});

interface IndexRow {
  what: string;
  edit(index: IndexEditor): void;
  refusal: Refusal;
}

const FQN = 'model.rows.weight';
const outside = (relativePath: string): IndexRow => ({
  what: `a data file ${JSON.stringify(relativePath)}`,
  edit: index => setField(index.storageInfos(FQN)[0]!, 'relative_path', relativePath),
  refusal: {
    code: 'format',
    message: /^The index names a data file outside the checkpoint directory/,
    expected: 'a path inside it',
    fqn: FQN,
    path: /\.metadata$/,
  },
});

const indexRows: IndexRow[] = [
  outside('../sharded4/__0_0.distcp'),
  outside('/etc/passwd'),
  outside('a/../../x'),
  outside('..'),
  outside('x\0y'),
  {
    what: 'a data file that is the directory',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'relative_path', '.'),
    refusal: { code: 'file', message: /\(a directory\)/ },
  },
  {
    what: 'a negative offset',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'offset', -1),
    refusal: { code: 'format', message: /_StorageInfo/ },
  },
  {
    what: 'an offset of 2 to the 63',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'offset', 2n ** 63n),
    refusal: { code: 'format', message: /_StorageInfo/ },
  },
  {
    what: 'a length of 2 to the 52',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'length', 2 ** 52),
    refusal: { code: 'corrupt', message: /shorter than the index says/ },
  },
  {
    what: 'a length of nothing',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'length', 0),
    refusal: { code: 'format', fqn: FQN },
  },
  {
    what: 'a tensor of 2 to the 52 by 2 to the 52',
    edit: index => setField(index.tensor(FQN), 'size', torchSize([2 ** 52, 2 ** 52])),
    refusal: { code: 'limit', message: /larger than any file/, fqn: FQN },
  },
  {
    what: 'a tensor without state',
    edit: index => {
      index.tensor(FQN).state = undefined;
    },
    refusal: { code: 'format', message: /Metadata\.state_dict_metadata is not what torch writes/, fqn: FQN },
  },
  {
    what: 'chunks without state',
    edit: index => {
      for (const chunk of index.chunks(FQN).items) (chunk as PyObject).state = undefined;
    },
    refusal: { code: 'format' },
  },
  {
    what: 'a path with a list position of a billion',
    edit: index => index.plannerData.set('epoch', new PyTuple(['list', 1_000_000_000])),
    refusal: { code: 'limit', fqn: /epoch|list/ },
  },
  {
    what: 'a path with a negative list position',
    edit: index => index.plannerData.set('epoch', new PyTuple(['list', -1])),
    refusal: { code: 'format', fqn: 'epoch' },
  },
  {
    what: 'two names with one path',
    edit: index => index.plannerData.set('epoch', index.plannerData.getText(FQN)!),
    refusal: { code: 'format', message: /contradict each other/ },
  },
  {
    what: 'a path inside a tensor',
    edit: index => index.plannerData.set('epoch', new PyTuple(['model', 'rows.weight', 'x'])),
    refusal: { code: 'format', message: /contradict each other/ },
  },
  {
    what: 'no names at all',
    edit: index => setField(index.metadata, 'state_dict_metadata', null),
    refusal: { code: 'format', message: /state_dict_metadata/ },
  },
  {
    what: 'a transform that is not known',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'transform_descriptors', new PyList(['rot13'])),
    refusal: { code: 'unsupported', found: 'rot13', fqn: FQN },
  },
];

suite('faults: hostile indexes', ({ each, test }) => {
  each(
    indexRows,
    ({ what }) => what,
    sideBySide(indexRows, async ({ what, edit, refusal }) => {
      const root = scratch({ inMemory: true });
      const source = copyFixture('sharded4', root, '2.6.0');
      editIndex(source, edit);
      const refuse = BY_PROGRAM.includes(what) ? refuses : refusesHere;
      await leavesUnchanged(root, () =>
        refuse(convertArguments('dcp_to_torch', source, join(root, 'out.pth')), refusal),
      );
    }),
  );

  test('thousands of replicas of a chunk are counted, not copied', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('sharded4', root, '2.6.0');
    editIndex(source, index => {
      const { items } = index.chunks(FQN);
      for (let i = 0; i < 3000; i++) items.push(items[0]!);
    });
    const { replicas } = await dcpToTorchSave(source, join(root, 'out.pth'));
    is(replicas, 3000);
  });
});

suite('faults: names that talk to the terminal', ({ test }) => {
  const EVIL = 'w\u001b[2J\u001b]0;owned\u0007\u202eexe\u009b31m\nok';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not get out.
  const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

  const requirePlain = (text: string): void => {
    is(UNSAFE.test(text), false, JSON.stringify(text));
    ok(text.includes('w\\x1b[2J') || text.includes('w\\u001b[2J'), text);
  };

  test('in reports, tables and errors, as text and as JSON', async () => {
    const root = scratch({ inMemory: true });
    const good = writeTorchFile(
      join(root, 'good.pth'),
      PyDict.of([
        [EVIL, craftTensor({ size: [4] })],
        ['o', new PyObject('reduce', new PyGlobal('evil', 'w\u001b[2J'), new PyTuple([]))],
        ['s', EVIL],
      ]),
      [FOUR],
    );
    const bad = writeTorchFile(join(root, 'bad.pth'), PyDict.of([[EVIL, craftTensor({ size: [5] })]]), [
      FOUR,
    ]);
    const out = join(root, 'out');
    const runs: [args: string[], exitCode: number][] = [
      [['inspect', good], 0],
      [['inspect', good, '--json'], 0],
      [convertArguments('torch_to_dcp', good, out), 0],
      [convertArguments('torch_to_dcp', good, out, '--force', '--json'), 0],
      [convertArguments('torch_to_dcp', good, join(root, 'strict'), '--strict'), 2],
      [convertArguments('torch_to_dcp', bad, join(root, 'bad')), 2],
      [convertArguments('torch_to_dcp', bad, join(root, 'bad'), '--json'), 2],
      [['inspect', out, '--chunks'], 0],
      [convertArguments('torch_to_dcp', join(root, EVIL), join(root, 'none')), 2],
    ];
    for (const [args, exitCode] of runs) {
      const ending = await runDcp(args);
      is(ending.exitCode, exitCode, ending.stderr);
      requirePlain(ending.stdout + ending.stderr);
    }
  });

  test('JSON gives the name back', async () => {
    const root = scratch({ inMemory: true });
    const source = writeTorchFile(join(root, 'x.pth'), PyDict.of([[EVIL, craftTensor({ size: [4] })]]), [
      FOUR,
    ]);
    const { entries } = await succeeds(['inspect', source]);
    is((entries as { fqn: string }[])[0]!.fqn, EVIL);
  });
});

suite('faults: hostile files in this process', ({ test }) => {
  test('nothing that a pickle names is ever called', async () => {
    const root = scratch({ inMemory: true });
    for (const name of ['calls_os_system', 'calls_os_system_dcp']) {
      const source = fixturePath(name);
      await inspectCheckpoint(source);
      const convert = name.endsWith('_dcp') ? dcpToTorchSave : torchSaveToDcp;
      await convert(source, join(root, `${name}.out`), { allowUnsafeGlobals: true });
    }
    equal(Object.keys(contentsOf(root)).sort(), [
      'calls_os_system.out',
      'calls_os_system.out/.metadata',
      'calls_os_system.out/__0_0.distcp',
      'calls_os_system_dcp.out',
    ]);
  });
});
