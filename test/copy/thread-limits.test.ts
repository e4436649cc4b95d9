import { join } from 'node:path';
import { MAX_READS_IN_FLIGHT, MAX_WORKERS } from '../../src/copy/thread-limits.js';
import { checkpointStats, diffCheckpoints, openDevice, torchSaveToDcp } from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { rejects, suite } from '../suite.js';

const SOURCE = fixturePath('small_transformer');
const convert = (options: object) =>
  torchSaveToDcp(SOURCE, join(scratch({ inMemory: true }), 'out'), options);

suite('numbers of threads and of reads', ({ each }) => {
  each(
    [
      { workers: -1 },
      { workers: Number.NaN },
      { workers: 1.5 },
      { workers: MAX_WORKERS + 1 },
      { readsInFlight: 0 },
      { readsInFlight: -3 },
      { readsInFlight: Number.NaN },
      { readsInFlight: MAX_READS_IN_FLIGHT + 1 },
      { workers: 2, readsInFlight: 0 },
    ],
    options => `${Object.entries(options).join(' ')} of a conversion`,
    async options => {
      await rejects(() => convert(options), {
        code: 'usage',
        message: /expected a whole number from [01] to/,
      });
    },
  );

  each(
    [
      ['openDevice', () => openDevice('cpu', { workers: -1 })],
      ['stats', () => checkpointStats(SOURCE, { workers: Number.NaN })],
      ['diff', () => diffCheckpoints(SOURCE, SOURCE, { workers: 1000 })],
    ] as const,
    ([name]) => `workers of ${name}`,
    async ([, body]) => {
      await rejects(body, { code: 'usage', message: /workers is out of range/ });
    },
  );
});
