import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { dcpToTorchSave, openCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { copyFixture, type FixtureCase, fixtureCase, fixtureCases, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { type ExpectedError, equal, is, rejects, suite } from '../suite.js';
import { REFUSED } from './refused.js';

function converter(kind: FixtureCase['kind']): typeof dcpToTorchSave {
  return kind === 'torch' ? torchSaveToDcp : dcpToTorchSave;
}

suite('goldens: refusals', ({ each, test }) => {
  each(
    Object.entries(REFUSED),
    ([name]) => `${name}: nothing is written`,
    async ([name, expected]) => {
      const directory = scratch({ inMemory: true });
      const { kind } = fixtureCase(name);
      await rejects(() => converter(kind)(fixturePath(name), join(directory, 'out')), expected);
      equal(readdirSync(directory), []);
    },
  );

  test('a file that holds itself is refused when it is opened', async () => {
    await rejects(() => openCheckpoint(fixturePath('cyclic')), REFUSED.cyclic!);
  });

  const strictly: [name: string, expected: ExpectedError][] = [
    [
      'vanished_class',
      { code: 'unsupported', message: /weights_only list.*vanished_package\.config\.TrainConfig/ },
    ],
    [
      'vanished_class_dcp',
      {
        code: 'unsupported',
        message: /weights_only list.*vanished_package\.config\.TrainConfig.*\[at config, in /,
      },
    ],
    ['training_run', { code: 'unsupported', message: /argparse\.Namespace/ }],
    ['torn_overwrite', { code: 'corrupt', message: /1 of 4 data files are newer: __1_0\.distcp/ }],
  ];
  each(
    strictly,
    ([name]) => `strict: ${name}`,
    async ([name, expected]) => {
      const directory = scratch({ inMemory: true });
      const source = copyFixture(name, directory);
      const { kind } = fixtureCase(name);
      await rejects(() => converter(kind)(source, join(directory, 'out'), { strict: true }), expected);
    },
  );

  test('every row names a case', () => {
    for (const name of Object.keys(REFUSED))
      is(fixtureCases.filter(entry => entry.name === name).length, 1, name);
  });
});
