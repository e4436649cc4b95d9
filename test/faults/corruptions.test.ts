/** `npm run verify:corruptions` does the same 2,000 times, or as often as it is told. */
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { is, suite } from '../suite.js';
import { CORRUPTION_TARGETS, CorruptibleCheckpoint, isAsPromised } from './corruptions.js';

const CHANGES_EACH = 10;
const SEED = 20_240_731;

suite('faults: one byte has another value', ({ each }) => {
  each(
    CORRUPTION_TARGETS.map((target, i) => ({ target, seed: SEED + i })),
    ({ target, seed }) => `${target.name}, seed ${seed}`,
    async ({ target, seed }) => {
      const random = new Random(seed);
      const checkpoint = await CorruptibleCheckpoint.prepare(target, scratch({ inMemory: true }));
      for (let i = 0; i < CHANGES_EACH; i++) {
        const corruption = await checkpoint.corrupt(random);
        is(isAsPromised(corruption), true, JSON.stringify(corruption));
      }
    },
  );
});
