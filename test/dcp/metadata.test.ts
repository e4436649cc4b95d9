import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BytesStorageMetadata,
  ChunkStorageMetadata,
  decodeMetadata,
  TensorStorageMetadata,
} from '../../src/dcp/metadata.js';
import { PyDict } from '../../src/pickle/dict.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { PyFloat, PyGlobal, PyList, PyObject, type PyValue } from '../../src/pickle/values.js';
import { fixtureCases, fixturePath } from '../fixtures.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import {
  chunk,
  dict,
  encodeIndex,
  instance,
  metadataIndex,
  object,
  properties,
  storageInfo,
  tensor,
  torchSize,
  tuple,
} from './hand-made.js';

/**
 * What torch 1.13.1 wrote for `{'w': float[3, 4], 'b': int64[5], 'step': 7, 'note': {'lr': [0.1, 0.2]}}`: classes
 * in their oldest modules, no planner_data, no storage_meta.
 */
const TORCH_1_13 = Buffer.from(
  `gASV8wMAAAAAAACMLHRvcmNoLmRpc3RyaWJ1dGVkLl9zaGFyZC5jaGVja3BvaW50Lm1ldGFkYXRhlIwITWV0YWRhdGGUk5QpgZR9
lCiME3N0YXRlX2RpY3RfbWV0YWRhdGGUfZQojAF3lGgAjBVUZW5zb3JTdG9yYWdlTWV0YWRhdGGUk5QpgZR9lCiMCnByb3BlcnRp
ZXOUjDB0b3JjaC5kaXN0cmlidXRlZC5fc2hhcmQuc2hhcmRlZF90ZW5zb3IubWV0YWRhdGGUjBBUZW5zb3JQcm9wZXJ0aWVzlJOU
KYGUKIwFdG9yY2iUjAdmbG9hdDMylJOUjBN0b3JjaC5zZXJpYWxpemF0aW9ulIwLX2dldF9sYXlvdXSUk5SMDXRvcmNoLnN0cmlk
ZWSUhZRSlImMCGJ1aWx0aW5zlIwHZ2V0YXR0cpSTlGgNjBNNRU1fRk9STUFUX0VOQ09ESU5HlJOUjBdUT1JDSF9DT05USUdVT1VT
X0ZPUk1BVJSGlFKUiXSUYowEc2l6ZZSMBXRvcmNolIwEU2l6ZZSTlEsDSwSGlIWUUpSMBmNodW5rc5RdlGgAjBRDaHVua1N0b3Jh
Z2VNZXRhZGF0YZSTlCmBlH2UKIwHb2Zmc2V0c5RoJksASwCGlIWUUpSMBXNpemVzlGgmSwNLBIaUhZRSlHViYXVijAFilGgJKYGU
fZQoaAxoDymBlChoEYwFaW50NjSUk5RoGYloIYl0lGJoI2gmSwWFlIWUUpRoKl2UaC0pgZR9lChoMGgmSwCFlIWUUpRoNGgmSwWF
lIWUUpR1YmF1YowEc3RlcJRoAIwUQnl0ZXNTdG9yYWdlTWV0YWRhdGGUk5QpgZSMBG5vdGWUaE0pgZR1jAxwbGFubmVyX2RhdGGU
TowMc3RvcmFnZV9kYXRhlH2UKGgAjA1NZXRhZGF0YUluZGV4lJOUKYGUfZQojANmcW6UaEuMBWluZGV4lE51YowudG9yY2guZGlz
dHJpYnV0ZWQuX3NoYXJkLmNoZWNrcG9pbnQuZmlsZXN5c3RlbZSMDF9TdG9yYWdlSW5mb5STlCmBlH2UKIwNcmVsYXRpdmVfcGF0
aJSMDF9fMF8wLmRpc3RjcJSMBm9mZnNldJRLAIwGbGVuZ3RolE2vAXViaFUpgZR9lChoWGhPaFlOdWJoXCmBlH2UKGhfaGBoYU2v
AWhiTa8BdWJoVSmBlH2UKGhYaAdoWUsAaGFoJksASwCGlIWUUpR1YmhcKYGUfZQoaF9oYGhhTV4DaGJN6wJ1YmhVKYGUfZQoaFho
OGhZSwBoYWgmSwCFlIWUUpR1YmhcKYGUfZQoaF9oYGhhTUkGaGJN6wJ1YnV1Yi4=`,
  'base64',
);

/** Cases whose index holds more than torch puts there. */
const OTHER_GLOBALS: Record<string, string[]> = {
  megatron_torch_dist: ['megatron.core.dist_checkpointing.strategies.torch.MCoreSavePlan'],
};

suite('decoding .metadata', ({ test, each }) => {
  test('torch 1.13', () => {
    const metadata = decodeMetadata(TORCH_1_13);
    equal(
      metadata.stateDictMetadata.map(([, fqn, stored]) => {
        if (!(stored instanceof TensorStorageMetadata)) return [fqn, stored instanceof BytesStorageMetadata];
        const boxes = Array.from(stored.chunks, ({ offsets, sizes }) => [offsets, sizes]);
        return [fqn, stored.dtype.name, stored.size, stored.requiresGrad, boxes];
      }),
      [
        [
          'w',
          'float32',
          [3, 4],
          false,
          [
            [
              [0, 0],
              [3, 4],
            ],
          ],
        ],
        ['b', 'int64', [5], false, [[[0], [5]]]],
        ['step', true],
        ['note', true],
      ],
    );
    equal(
      Array.from(
        metadata.storageData,
        ([{ fqn, offset, index }, { relativePath, offset: start, length }]) => [
          fqn,
          offset,
          index,
          relativePath,
          start,
          length,
        ],
      ),
      [
        ['step', undefined, undefined, '__0_0.distcp', 0, 431],
        ['note', undefined, undefined, '__0_0.distcp', 431, 431],
        ['w', [0, 0], 0, '__0_0.distcp', 862, 747],
        ['b', [0], 0, '__0_0.distcp', 1609, 747],
      ],
    );
    equal(
      [metadata.plannerData, metadata.storageMeta, metadata.version, metadata.globals],
      [undefined, undefined, undefined, []],
    );
  });

  // 2.6 ran on Python 3.13, 2.13 on 3.11, 2.14 on 3.14: three ways to pickle an enum member and a path.
  each(
    fixtureCases.flatMap(({ kind, name, torch, files }) =>
      kind !== 'dcp'
        ? []
        : files.flatMap(({ path }) => (path.endsWith('.metadata') ? [{ name, torch, path }] : [])),
    ),
    ({ name, torch, path }) => `${path} of ${name} of torch ${torch} names nothing beyond the format`,
    ({ name, torch, path }) => {
      const { globals, storageMeta, version } = decodeMetadata(
        readFileSync(join(fixturePath(name, torch), path)),
      );
      equal(globals, OTHER_GLOBALS[name] ?? []);
      if (torch === '1.13.1') {
        is(storageMeta, undefined);
        return;
      }
      is(storageMeta!.hasModules, torch !== '2.6.0');
      is(version, torch === '2.6.0' ? undefined : '1.0.0');
      ok(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(storageMeta!.saveId!));
    },
  );

  each(
    [
      ['posix', 'system'],
      ['torch', 'load'],
      ['torch', 'compile'],
      ['pathlib', 'Path'],
      ['torch.distributed.checkpoint.metadata', 'Unknown'],
    ] as const,
    ([module, name]) => `${module}.${name} is named, not called`,
    ([module, name]) => {
      const storage_meta = new PyObject('reduce', new PyGlobal(module, name), tuple('echo'));
      equal(decodeMetadata(encodeIndex({ storage_meta })).globals, [`${module}.${name}`]);
    },
  );

  test('rows of another dict with such keys are not those of storage_data', () => {
    const row = (offset: number): PyDict => PyDict.of([[metadataIndex(), storageInfo({ offset })]]);
    const bytes = encodeIndex({ planner_data: null, other: row(1), storage_data: row(2) });
    equal(
      Array.from(decodeMetadata(bytes).storageData, ([, place]) => place.offset),
      [2],
    );
    // Fields come in any order: here storage_data is met first.
    const swapped = encodeIndex({ storage_data: row(3), zz_other: row(4) });
    equal(
      Array.from(decodeMetadata(swapped).storageData, ([, place]) => place.offset),
      [3],
    );
  });

  test('what the hand-made index of the tables below holds when nothing is replaced', () => {
    const { stateDictMetadata, plannerData, storageData } = decodeMetadata(encodeIndex());
    equal(
      stateDictMetadata.map(([, fqn]) => fqn),
      ['w'],
    );
    equal(plannerData, new Map([['w', ['w']]]));
    is(storageData.byteLength(0), 1577);
  });
});

suite('decoding .metadata: refusals', ({ each }) => {
  const stored = (fields: Record<string, PyValue>) =>
    encodeIndex({ state_dict_metadata: dict({ w: tensor(fields) }) });
  const placed = (key: PyValue, info: PyValue) => encodeIndex({ storage_data: PyDict.of([[key, info]]) });
  const planned = (path: PyValue) => encodeIndex({ planner_data: dict({ w: path }) });
  const box = (offsets: PyValue, sizes: PyValue) => stored({ chunks: new PyList([chunk(offsets, sizes)]) });

  const rows: [name: string, bytes: Uint8Array, field: RegExp][] = [
    ['a pickle of something else', encodePickle(dict({})), /holds no Metadata object/],
    [
      'an instance of another class',
      encodePickle(instance('torch.nn', 'Linear')),
      /no Metadata object.*found torch\.nn\.Linear/,
    ],
    ['a tensor’s entry at the top', encodePickle(tensor()), /holds no Metadata object/],
    [
      'a state that is no dict',
      encodePickle(instance('torch.distributed.checkpoint.metadata', 'Metadata', tuple())),
      /^Metadata is not/,
    ],
    [
      'no state at all',
      encodePickle(instance('torch.distributed.checkpoint.metadata', 'Metadata')),
      /state_dict_metadata is not/,
    ],
    [
      'state_dict_metadata: a list',
      encodeIndex({ state_dict_metadata: new PyList() }),
      /Metadata\.state_dict_metadata is not/,
    ],
    [
      'state_dict_metadata: a key that is no text',
      encodeIndex({ state_dict_metadata: PyDict.of([[1, object()]]) }),
      /state_dict_metadata is not/,
    ],
    [
      'state_dict_metadata: a value of another class',
      encodeIndex({ state_dict_metadata: dict({ w: 1 }) }),
      /state_dict_metadata is not.*\[at w\]/,
    ],
    ['properties: missing', stored({ properties: null }), /TensorStorageMetadata\.properties is not/],
    [
      'properties: no state',
      stored({ properties: instance('torch.distributed.checkpoint.metadata', 'TensorProperties') }),
      /TensorStorageMetadata\.properties is not/,
    ],
    [
      'a tensor’s entry without state',
      encodeIndex({
        state_dict_metadata: dict({
          w: instance('torch.distributed.checkpoint.metadata', 'TensorStorageMetadata'),
        }),
      }),
      /state_dict_metadata is not.*\[at w\]/,
    ],
    [
      'properties: another state',
      stored({ properties: instance('torch.distributed.checkpoint.metadata', 'TensorProperties', dict({})) }),
      /TensorProperties is not/,
    ],
    [
      'dtype: of another module',
      stored({ properties: properties(new PyGlobal('numpy', 'float32')) }),
      /TensorProperties is not/,
    ],
    ['dtype: text', stored({ properties: properties('float32') }), /TensorProperties is not/],
    ['size: negative', stored({ size: torchSize(2, -3) }), /TensorStorageMetadata\.size is not/],
    ['size: a float', stored({ size: torchSize(2, PyFloat.of(3)) }), /TensorStorageMetadata\.size is not/],
    ['size: beyond 2^53', stored({ size: torchSize(2n ** 60n) }), /TensorStorageMetadata\.size is not/],
    ['size: a bool', stored({ size: torchSize(true) }), /TensorStorageMetadata\.size is not/],
    ['size: a number', stored({ size: 6 }), /TensorStorageMetadata\.size is not/],
    ['chunks: a tuple', stored({ chunks: tuple() }), /TensorStorageMetadata\.chunks is not/],
    [
      'chunks: of another class',
      stored({ chunks: new PyList([object()]) }),
      /TensorStorageMetadata\.chunks is not/,
    ],
    ['a chunk’s offsets: text', box('0', torchSize(2, 3)), /ChunkStorageMetadata\.offsets is not/],
    [
      'a chunk’s sizes: negative',
      box(torchSize(0, 0), torchSize(-1, 3)),
      /ChunkStorageMetadata\.sizes is not/,
    ],
    ['planner_data: a list', encodeIndex({ planner_data: new PyList() }), /Metadata\.planner_data is not/],
    ['planner_data: a list as path', planned(new PyList(['w'])), /planner_data is not/],
    ['planner_data: an empty path', planned(tuple()), /planner_data is not.*\[at w\]/],
    ['planner_data: None in a path', planned(tuple('a', null)), /planner_data is not.*\[at w\]/],
    ['planner_data: a negative position', planned(tuple('a', -1)), /planner_data is not.*\[at w\]/],
    ['storage_data: missing', encodeIndex({ storage_data: null }), /Metadata\.storage_data is not/],
    ['storage_data: text as key', placed('w', storageInfo()), /Metadata\.storage_data is not/],
    [
      'storage_data: a value of another class',
      placed(metadataIndex(), object()),
      /Metadata\.storage_data is not/,
    ],
    [
      'an index without name',
      placed(metadataIndex({ fqn: null }), storageInfo()),
      /MetadataIndex\.fqn is not/,
    ],
    [
      'an index without state',
      placed(instance('torch.distributed.checkpoint.metadata', 'MetadataIndex'), storageInfo()),
      /MetadataIndex is not/,
    ],
    [
      'a place without state',
      placed(metadataIndex(), instance('torch.distributed.checkpoint.filesystem', '_StorageInfo')),
      /_StorageInfo is not/,
    ],
    [
      'an index with a strange offset',
      placed(metadataIndex({ offset: 'x' }), storageInfo()),
      /MetadataIndex\.offset is not/,
    ],
    [
      'a place without path',
      placed(metadataIndex(), storageInfo({ relative_path: null })),
      /_StorageInfo is not/,
    ],
    ['a place before the file', placed(metadataIndex(), storageInfo({ offset: -1 })), /_StorageInfo is not/],
    [
      'a place of negative length',
      placed(metadataIndex(), storageInfo({ length: -1 })),
      /_StorageInfo is not/,
    ],
    [
      'a place beyond 2^53',
      placed(metadataIndex(), storageInfo({ offset: 2n ** 53n })),
      /_StorageInfo is not/,
    ],
    [
      'a place at a float',
      placed(metadataIndex(), storageInfo({ offset: PyFloat.of(0) })),
      /_StorageInfo is not/,
    ],
  ];
  each(
    rows,
    ([name]) => name,
    ([, bytes, message]) => throws(() => decodeMetadata(bytes), { code: 'format', message }),
  );

  each(
    ['int4', 'no_such_type', 'Size'],
    name => `dtype: torch.${name}, which nothing can be stored as`,
    name =>
      throws(() => decodeMetadata(stored({ properties: properties(new PyGlobal('torch', name)) })), {
        code: 'unsupported',
        message: new RegExp(`torch\\.${name}`),
      }),
  );

  each(
    [0, 1, 100, TORCH_1_13.length - 1],
    byteLength => `cut off after ${byteLength} bytes`,
    byteLength => throws(() => decodeMetadata(TORCH_1_13.subarray(0, byteLength)), { code: 'format' }),
  );
});

suite('the classes of an index', ({ test }) => {
  test('a chunk is a box', () => {
    const box = new ChunkStorageMetadata();
    box.setState(dict({ offsets: torchSize(1), sizes: tuple(2) }));
    equal([box.offsets, box.sizes], [[1], [2]]);
  });
});
