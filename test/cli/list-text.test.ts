import { listText } from '../../src/cli/list-text.js';
import { styleFor } from '../../src/cli/style.js';
import type { CheckpointList } from '../../src/ops/list-checkpoints.js';
import { equal, suite } from '../suite.js';

const LIST = {
  path: 'run',
  checkpoints: [
    {
      path: 'run/step-1',
      format: 'dcp',
      step: 1,
      state: 'complete',
      time: '',
      ageSeconds: 90_000,
      byteLength: 2048,
    },
    {
      path: 'run/step-2',
      format: 'dcp',
      step: 2,
      state: 'saving',
      detail: '4 files of a save without .metadata; the last one written is __3_0.distcp',
      time: '',
      ageSeconds: 5,
      byteLength: 10,
    },
  ],
  latestComplete: 'run/step-1',
} as unknown as CheckpointList;

const lines = (columns: number | undefined): string[] =>
  listText(LIST, { columns, style: styleFor(false) })
    .trimEnd()
    .split('\n');

suite('list text', ({ test }) => {
  test('a row a checkpoint, and why one is not complete', () =>
    equal(lines(undefined), [
      'step      age  state         size  path',
      '   1  1 d 1 h  complete  2.00 KiB  run/step-1',
      '   2      5 s  saving        10 B  run/step-2',
      '    4 files of a save without .metadata; the last one written is __3_0.distcp',
    ]));

  test('on a narrow terminal the reason is broken between words', () =>
    equal(lines(60).slice(3), [
      '    4 files of a save without .metadata; the last one',
      '    written is __3_0.distcp',
    ]));
});
