import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeMetadata } from '../../src/dcp/metadata.js';
import { planDcpSave } from '../../src/dcp/writer.js';
import { openCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { PyDict } from '../../src/pickle/dict.js';
import { PyList } from '../../src/pickle/values.js';
import { openTorchFile } from '../../src/torch/reader.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, equal, is, rejects, suite } from '../suite.js';
import { dict, tensor, torchFile, tuple } from '../torch/hand-made.js';

suite('planning a DCP directory', ({ test, each }) => {
  test('outputs are the data file and the index; sources are storages, labelled by FQN', async () => {
    const checkpoint = await openTorchFile(fixturePath('training_run'));
    await checkpoint.resolve([]);
    const plan = planDcpSave(checkpoint, { withCrc: true });
    equal(
      plan.outputs.map(({ name }) => name),
      ['__0_0.distcp', '.metadata'],
    );
    equal([...plan.sources], [fixturePath('training_run')]);
    equal(
      [...plan.storageLabels].sort(),
      checkpoint.entries
        .filter(({ kind }) => kind === 'tensor')
        .map(({ fqn }) => fqn)
        .sort(),
    );
    checkpoint.close();
  });

  test('an empty state dict is an empty data file, as in torch', async () => {
    const directory = scratch({ inMemory: true });
    await torchSaveToDcp(torchFile(dict({})), directory);
    equal(readdirSync(directory).sort(), ['.metadata', '__0_0.distcp']);
    is(statSync(join(directory, '__0_0.distcp')).size, 0);
    const checkpoint = await openCheckpoint(directory);
    equal([checkpoint.entries.length, checkpoint.files.length], [0, 0]);
  });

  test('a tensor of a Counter, a defaultdict or another mapping is found and stored as any other', async () => {
    const directory = scratch({ inMemory: true });
    const counter = tensor();
    await torchSaveToDcp(torchFile(dict({ a: dict({ b: counter, c: dict({ d: counter }) }) })), directory);
    const { stateDictMetadata, plannerData } = decodeMetadata(readFileSync(join(directory, '.metadata')));
    equal(
      stateDictMetadata.map(([, fqn]) => fqn),
      ['a.b', 'a.c.d'],
    );
    is(plannerData!.size, 2);
  });

  const refused: [string, Parameters<typeof torchFile>[0], ExpectedError][] = [
    ['a list', new PyList([tensor()]), { code: 'unsupported', message: /holds a list/ }],
    ['a tensor', tensor(), { code: 'unsupported', message: /found a tensor/ }],
    ['a tuple', tuple(tensor()), { code: 'unsupported', message: /found an object/ }],
    ['a number', 7, { code: 'unsupported', message: /found an object/ }],
    [
      'a list of numbers',
      new PyList([1, 2]),
      { code: 'unsupported', message: /found an object|holds a list/ },
    ],
    [
      'keys 1 and "1"',
      PyDict.of([
        [1, 'a'],
        ['1', 'b'],
      ]),
      { code: 'format', message: /same key.*\[at 1/ },
    ],
    [
      'keys None and "None"',
      PyDict.of([
        [null, 'a'],
        ['None', 'b'],
      ]),
      { code: 'format', message: /\[at None/ },
    ],
    ['keys "a.b" and a → b', dict({ 'a.b': 1, a: dict({ b: 2 }) }), { code: 'format', message: /\[at a\.b/ }],
  ];
  each(
    refused,
    ([name]) => `refuses ${name}`,
    async ([, value, expected]) => {
      await rejects(
        () => torchSaveToDcp(torchFile(value), join(scratch({ inMemory: true }), 'out')),
        expected,
      );
    },
  );
});
