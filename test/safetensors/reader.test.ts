import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { openCheckpoint } from '../../src/index.js';
import { openSafetensors } from '../../src/safetensors/reader.js';
import { type ExpectedError, equal, is, rejects, suite } from '../suite.js';
import { bytesOf, written } from './fixture.js';
import { directoryOf, indexOf, uint8File } from './hand-made.js';

const INDEX = 'model.safetensors.index.json';
const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;

/** Names, with the file of each and the text of its bytes. */
async function contentOf(path: string): Promise<string[]> {
  const { readFileSync } = await import('node:fs');
  const checkpoint = await openSafetensors(path);
  return checkpoint.entries.map(entry => {
    const { firstChunk } = entry as TensorEntry;
    const { file, byteOffset, byteLength } = checkpoint.storages.at(checkpoint.chunks.storage[firstChunk]!);
    const { path: filePath, name } = checkpoint.files[file]!;
    return `${entry.fqn}@${name}=${readFileSync(filePath).toString('latin1', byteOffset, byteOffset + byteLength)}`;
  });
}

suite('safetensors/reader', ({ test, each }) => {
  const pair = { [SHARDS[0]]: uint8File({ a: 'xy' }), [SHARDS[1]]: uint8File({ b: 'z', c: '' }) };
  const both = [`a@${SHARDS[0]}=xy`, `b@${SHARDS[1]}=z`, `c@${SHARDS[1]}=`];
  const index = indexOf({ c: SHARDS[1], b: SHARDS[1], a: SHARDS[0] });

  each(
    [
      ['one file', { 'x.safetensors': uint8File({ a: 'xy' }) }, 'x.safetensors', ['a@x.safetensors=xy']],
      ['a directory with one file', { 'x.safetensors': uint8File({ a: 'xy' }) }, '', ['a@x.safetensors=xy']],
      [
        'a directory with model.safetensors beside others',
        { 'model.safetensors': uint8File({ a: 'x' }), 'consolidated.safetensors': uint8File({ b: 'y' }) },
        '',
        ['a@model.safetensors=x'],
      ],
      [
        'a directory with an index',
        { ...pair, [INDEX]: index, 'other.safetensors': uint8File({ d: '' }) },
        '',
        both,
      ],
      ['the index itself', { ...pair, [INDEX]: index }, INDEX, both],
      [
        'an index of diffusers',
        { ...pair, 'diffusion_pytorch_model.safetensors.index.fp16.json': index },
        '',
        both,
      ],
      ['all of a numbered series, without an index', pair, '', both],
    ] as const,
    ([name]) => name,
    async ([, files, path, expected]) => {
      equal(await contentOf(join(directoryOf(files as never), path)), expected);
    },
  );

  each(
    [
      [
        'two models',
        { ...pair, [INDEX]: index, 'model.safetensors': uint8File({}) },
        { code: 'format', message: /two models/ },
      ],
      [
        'several files and no index',
        { 'a.safetensors': uint8File({ a: '' }), 'b.safetensors': uint8File({ b: '' }) },
        { code: 'format', message: /several safetensors files and no index.*a\.safetensors, b\.safetensors/ },
      ],
      [
        'one of a series, and nothing of the rest',
        { [SHARDS[1]]: pair[SHARDS[1]], 'model-00001-of-00003.safetensors': uint8File({}) },
        { code: 'format', message: /several/ },
      ],
      [
        'two of three',
        { 'm-00001-of-00003.safetensors': uint8File({}), 'm-00003-of-00003.safetensors': uint8File({}) },
        { code: 'file', message: /missing.*expected 3 files, found 2/ },
      ],
      [
        'a file that the index names is missing',
        { [SHARDS[0]]: pair[SHARDS[0]], [INDEX]: index },
        { code: 'file', message: /missing.*model-00002/ },
      ],
      [
        'a tensor that the index does not have',
        { ...pair, [INDEX]: indexOf({ a: SHARDS[0], b: SHARDS[1] }) },
        { code: 'format', message: /elsewhere \(expected in no file, found model-00002.*at c/ },
      ],
      [
        'a tensor in another file than the index says',
        { ...pair, [INDEX]: indexOf({ a: SHARDS[1], b: SHARDS[1], c: SHARDS[0] }) },
        { code: 'format', message: /elsewhere \(expected model-00002.*found model-00001.*at a/ },
      ],
      [
        'a tensor of the index in no file',
        { ...pair, [INDEX]: indexOf({ a: SHARDS[0], b: SHARDS[1], c: SHARDS[1], d: SHARDS[1] }) },
        { code: 'format', message: /not in the file.*at d/ },
      ],
      [
        'a file outside',
        { [INDEX]: indexOf({ a: '../x.safetensors' }) },
        { code: 'format', message: /outside its directory.*\.\.\/x/ },
      ],
      [
        'a name twice in the index',
        { ...pair, [INDEX]: `{"weight_map":{"a":"${SHARDS[0]}","a":"${SHARDS[1]}"}}` },
        { code: 'format', message: /same name/ },
      ],
      [
        'an index without weight_map',
        { [INDEX]: '{"metadata":{}}' },
        { code: 'format', message: /no weight_map/ },
      ],
      ['no such file', { 'config.json': '{}' }, { code: 'file', message: /no safetensors file/ }],
    ] as [string, Record<string, Uint8Array | string>, ExpectedError][],
    ([name]) => `refuses ${name}`,
    async ([, files, expected]) => {
      await rejects(() => openSafetensors(directoryOf(files)), expected);
    },
  );

  test('metadata of several files: the first that has a key', async () => {
    const path = directoryOf({
      [SHARDS[0]]: uint8File({ a: '' }, { format: 'pt', x: '1' }),
      [SHARDS[1]]: uint8File({ b: '' }, { format: 'np', y: '2' }),
    });
    const { metadata } = await openSafetensors(path);
    equal(
      [...metadata],
      [
        ['format', 'pt'],
        ['x', '1'],
        ['y', '2'],
      ],
    );
  });
});

suite('safetensors/reader: boxes of ranks', ({ test, each }) => {
  const sharding = (offsets: Record<string, number[]>): Record<string, string> => ({
    DCP_SHARDING_INFO: JSON.stringify(
      Object.fromEntries(Object.entries(offsets).map(([fqn, saved]) => [fqn, { saved_offsets: saved }])),
    ),
  });

  test('are joined into one tensor, wherever they lie', async () => {
    const path = directoryOf({
      'shard-00002-model-00001-of-00001.safetensors': uint8File(
        { a: 'cde', s: 'x' },
        sharding({ a: [2], s: [0] }),
      ),
      'shard-00001-model-00001-of-00001.safetensors': uint8File({ a: 'ab' }, sharding({ a: [0] })),
    });
    const { entries, chunks } = await openSafetensors(path);
    equal(
      entries.map(entry => {
        const { fqn, shape, firstChunk, chunkCount } = entry as TensorEntry;
        const boxes = Array.from({ length: chunkCount }, (_, i) => chunks.boxOf(firstChunk + i));
        return [fqn, shape, boxes];
      }),
      [
        [
          'a',
          [5],
          [
            { offsets: [0], sizes: [2] },
            { offsets: [2], sizes: [3] },
          ],
        ],
        ['s', [1], [{ offsets: [0], sizes: [1] }]],
      ],
    );
  });

  each(
    [
      ['no offsets of a tensor', sharding({}), /expected 1 offsets, found none.*at a/],
      ['offsets of other dimensions', sharding({ a: [0, 0] }), /expected 1 offsets, found 2.*at a/],
      ['a tensor twice', { DCP_SHARDING_INFO: '{"a":{},"a":{}}' }, /same name/],
    ] as const,
    ([name]) => `refuses ${name}`,
    async ([, metadata, message]) => {
      const path = directoryOf({ 'x.safetensors': uint8File({ a: 'x' }, metadata) });
      await rejects(() => openSafetensors(path), { code: 'format', message });
    },
  );
});

suite('opening safetensors', ({ test }) => {
  test('a file is known by its bytes, whatever its name', async () => {
    const path = join(directoryOf({}), 'weights.bin');
    writeFileSync(path, bytesOf(written[0]!));
    const checkpoint = await openCheckpoint(path);
    is(checkpoint.format, 'safetensors');
    is(checkpoint.entries.length, written[0]!.tensors.length);
  });
});
