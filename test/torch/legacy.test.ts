import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { dcpToTorchSave, torchSaveToDcp } from '../../src/index.js';
import {
  PyGlobal,
  PyList,
  PyObject,
  PyPersistentId,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';
import { openTorchFile } from '../../src/torch/reader.js';
import { fixturePath } from '../fixtures.js';
import { unzipArchive } from '../goldens/torch-archive.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, equal, is, ok, rejects, suite } from '../suite.js';
import { call, countingBytes, dict, tuple } from './hand-made.js';
import {
  type LegacyParts,
  legacyFile,
  legacyFileAround,
  legacyFileBytes,
  legacyTensor,
  storage,
  writeTorchFile,
} from './legacy-file.js';

/** The storages of the .pth that the file becomes by way of DCP. */
async function converted(path: string): Promise<number[][]> {
  const directory = scratch({ inMemory: true });
  await torchSaveToDcp(path, join(directory, 'dcp'));
  await dcpToTorchSave(join(directory, 'dcp'), join(directory, 'back.pth'));
  const { records } = unzipArchive(readFileSync(join(directory, 'back.pth')));
  return [...records].filter(([name]) => name.startsWith('data/')).map(([, bytes]) => [...bytes]);
}

const bytes = (start: number, end: number): number[] => [...countingBytes(end)].slice(start);

suite('files in the container from before torch 1.6', ({ each, test }) => {
  test('bytes of storages lie behind the pickles, each behind its count', async () => {
    const two = dict({ b: legacyTensor(4, null, '20'), a: legacyTensor(4, null, '100') });
    const payload = Buffer.concat([storage(4n, countingBytes(16)), storage(4n, new Uint8Array(16).fill(7))]);
    // Keys are sorted as text: '100' comes first.
    const path = legacyFile(two, { keys: new PyList(['100', '20']), payload });
    equal(await converted(path), [new Array(16).fill(7), bytes(0, 16)]);
  });

  test('little_endian says nothing of the bytes: torch swaps them when it writes', async () => {
    const path = legacyFile(dict({ a: legacyTensor() }), { system: dict({ little_endian: false }) });
    equal(await converted(path), [bytes(0, 16)]);
  });

  test('bytes behind the last storage are nobody’s', async () => {
    const path = legacyFile(dict({ a: legacyTensor() }), {
      payload: Buffer.concat([storage(4n), Buffer.from('more')]),
    });
    equal(await converted(path), [bytes(0, 16)]);
  });

  test('numpy data that Python 2 kept in a str: bytes, which numpy takes as well', async () => {
    const state = "(I1\n(I2\ntcnumpy\ndtype\n(S'f2'\nI0\nI1\ntRI00\nU\x04\xff\x3c\x00\x80tb";
    const array = `cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR${state}`;
    const object = Buffer.from(`\x80\x02}U\x01a${array}s.`, 'latin1');
    const checkpoint = await openTorchFile(writeTorchFile(legacyFileAround(object)));
    const [entry] = checkpoint.entries;
    ok(entry?.kind === 'object' && entry.value instanceof PyObject && entry.value.state instanceof PyTuple);
    equal(entry.value.state.items.at(-1), Uint8Array.of(0xff, 0x3c, 0, 0x80));
    checkpoint.close();
  });

  test('a part of a storage: its bytes, in the memory of the whole', async () => {
    const path = legacyFile(
      dict({
        part: legacyTensor(2, tuple('9', 1, 2)),
        whole: legacyTensor(),
        again: legacyTensor(2, tuple('9', 1, 2)),
      }),
    );
    equal(await converted(path), [bytes(4, 12), bytes(0, 16), bytes(4, 12)]);
    const checkpoint = await openTorchFile(path);
    const [part, whole, again] = checkpoint.entries as [TensorEntry, TensorEntry, TensorEntry];
    is(part.storage, whole.storage);
    is(again.storage, whole.storage);
    checkpoint.close();
  });

  test('a class of modules is that class, with its source or without', async () => {
    const linear = new PyGlobal('torch.nn.modules.linear', 'Linear');
    const first = new PyObject(
      'newobj',
      new PyPersistentId(tuple('module', linear, 'm.py', 'class')) as PyValue,
      new PyTuple([]),
    );
    first.state = dict({ weight: legacyTensor() });
    const path = legacyFile(dict({ model: first }));
    const checkpoint = await openTorchFile(path);
    const [entry] = checkpoint.entries;
    ok(
      entry?.kind === 'object' && entry.value instanceof PyObject && entry.value.callable instanceof PyGlobal,
    );
    is(entry.value.callable.path, 'torch.nn.modules.linear.Linear');
    equal(checkpoint.provenance.globals, ['torch.nn.modules.linear.Linear']);
    checkpoint.close();
    equal(await converted(path), [bytes(0, 16)]);
  });

  test('pickles longer than what is read at first', async () => {
    const note = 'x'.repeat(300_000);
    equal(await converted(legacyFile(dict({ note, a: legacyTensor() }))), [bytes(0, 16)]);
  });

  test('a storage without elements, and no storage at all', async () => {
    const empty = legacyFile(dict({ a: legacyTensor(0, null, '0', 0) }), {
      payload: storage(0n, new Uint8Array(0)),
    });
    equal(await converted(empty), [[]]);
    equal(
      await converted(legacyFile(dict({ a: 1 }), { keys: new PyList([]), payload: new Uint8Array(0) })),
      [],
    );
  });

  each(
    [
      ['legacy_protocol_0', 0],
      ['legacy_protocol_1', 0],
      ['legacy_by_hand', 2],
      ['legacy_protocol_5', 5],
    ] as const,
    ([name]) => `${name}: what is said of it`,
    async ([name, protocol]) => {
      const checkpoint = await openTorchFile(fixturePath(name));
      const { torchEra, pickleProtocol } = checkpoint.provenance;
      equal([torchEra, pickleProtocol], ['1.5 or older, or newer in the container of these', protocol]);
      checkpoint.close();
    },
  );
});

suite('damaged files in the container from before torch 1.6', ({ each, test }) => {
  const rows: [name: string, parts: Partial<LegacyParts>, expected: ExpectedError][] = [
    ['another version', { version: 1002 }, { code: 'unsupported', message: /expected 1001, found 1002/ }],
    ['no version', { version: 'x' }, { code: 'unsupported', message: /found something else/ }],
    ['keys that are no list', { keys: 'x' }, { code: 'format', message: /not a list of str/ }],
    ['keys that are no str', { keys: new PyList([0]) }, { code: 'format', message: /not a list of str/ }],
    [
      'a storage that is not there',
      { keys: new PyList([]) },
      { code: 'format', message: /file lacks.*key 0/ },
    ],
    [
      'a storage that nobody needs',
      { keys: new PyList(['0', '1']) },
      { code: 'format', message: /nothing refers to.*key 1/ },
    ],
    ['a storage twice', { keys: new PyList(['0', '0']) }, { code: 'format', message: /twice.*key 0/ }],
    [
      'an end inside the bytes',
      { payload: storage(4n, countingBytes(15)) },
      { code: 'format', message: /ends inside its storages/ },
    ],
    [
      'an end inside the count',
      { payload: new Uint8Array(7) },
      { code: 'format', message: /ends inside its storages/ },
    ],
  ];
  each(
    rows,
    ([name]) => `${name} is found when the file is opened`,
    async ([, parts, expected]) => {
      const path = legacyFile(dict({ a: legacyTensor() }), parts);
      const error = await rejects(() => openTorchFile(path), expected);
      is(error.context.path, path);
    },
  );

  each(
    [3n, 5n, -1n, 2n ** 62n],
    count => `a count of ${count} is found before anything is copied`,
    async count => {
      const path = legacyFile(dict({ a: legacyTensor() }), { payload: storage(count) });
      await rejects(() => torchSaveToDcp(path, join(scratch({ inMemory: true }), 'out')), {
        code: 'format',
        message: new RegExp(`expected 4 elements, found ${count} elements, key 0`),
      });
    },
  );

  each(
    [
      ['that is no tuple', 'x', /does not write/],
      ['of a negative offset', tuple('9', -1, 2), /does not write/],
      ['that is too long', tuple('9', 3, 2), /past its end.*4 elements.*5 elements/],
      ['with too many members', tuple('9', 0, 2, 1), /does not write/],
    ] as const,
    ([name]) => `a part of a storage ${name}`,
    async ([, view, message]) => {
      const path = legacyFile(dict({ a: legacyTensor(2, view) }));
      await rejects(() => openTorchFile(path), { code: 'format', message });
    },
  );

  each(
    [
      [
        'a part that is a storage too',
        { a: legacyTensor(2, tuple('9', 0, 2)), b: legacyTensor(4, null, '9') },
      ],
      ['a storage that is a part too', { a: legacyTensor(), b: legacyTensor(2, tuple('0', 1, 2)) }],
      [
        'a part of a part',
        { a: legacyTensor(4, tuple('9', 0, 4)), b: legacyTensor(2, tuple('8', 0, 2), '9') },
      ],
      [
        'two parts of one key',
        { a: legacyTensor(2, tuple('9', 0, 2)), b: legacyTensor(2, tuple('9', 2, 2)) },
      ],
    ] as const,
    ([name]) => `${name} is refused`,
    async ([, tensors]) => {
      await rejects(() => openTorchFile(legacyFile(dict(tensors))), {
        code: 'format',
        message: /Storage [09] is described in two ways/,
      });
    },
  );

  test('cut anywhere, it is one of our errors, with its path', async () => {
    const whole = legacyFileBytes(dict({ a: legacyTensor(), b: call('mylib.X') }));
    for (let length = 16; length < whole.length; length++) {
      const path = writeTorchFile(whole.subarray(0, length));
      const error = await rejects(() => openTorchFile(path), { code: 'format' });
      is(error.context.path, path);
    }
  });
});
