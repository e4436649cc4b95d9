/** torch.save files made to harm: shapes, strides and storages that lie, values that stand for billions, calls. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dcpToTorchSave, inspectCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { PyDict } from '../../src/pickle/dict.js';
import { PyGlobal, PyList, PyObject, PyTuple, type PyValue } from '../../src/pickle/values.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, suite } from '../suite.js';
import { contentsOf, leavesUnchanged } from './contents.js';
import { craftTensor, dictOf, writeTorchFile } from './craft.js';
import {
  convertArguments,
  convertHere,
  type Refusal,
  refuses,
  refusesHere,
  sideBySide,
  succeeds,
} from './run-dcp.js';

const FOUR = new Uint8Array(16);

/** Rows that start the program; the others ask the library, which is faster. */
const BY_PROGRAM = [
  'a shape of 2 to the 62',
  'a dict referenced a billion times through lists',
  'a call to a shell',
];

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
    const { entries } = await inspectCheckpoint(join(root, 'out'));
    for (const { value } of entries) ok(value !== undefined && value.length < 100, value);
    await convertHere(convertArguments('dcp_to_torch', join(root, 'out'), join(root, 'back.pth')));
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
