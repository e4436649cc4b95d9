import { join } from 'node:path';
import { convert } from '../../src/index.js';
import { scratch } from '../io/scratch.js';
import { equal, fail, is, ok, suite } from '../suite.js';
import { Judge } from './judge.js';

const TYPES = { bf16: 'bfloat16', fp16: 'float16', fp32: 'float32' } as const;

/**
 * `--dtype`, compared with torch over every pattern of 16 bits, and `patternCount` random ones of float32 and float64:
 * elements, and how many finite ones became infinite.
 */
export async function suiteOfCasts(patternCount: number): Promise<void> {
  const judge = new Judge();
  const directory = scratch();
  const source = join(directory, 'patterns.pth');
  const made = await judge.ask('make_patterns', source, String(patternCount));
  if (!made.ok) fail(made.error ?? 'no answer');
  suite(`interop: casts of ${patternCount} patterns`, ({ each }) => {
    each(
      Object.entries(TYPES).flatMap(([short, type]) =>
        (['torch', 'dcp', 'safetensors'] as const).map(to => ({ short, type, to })),
      ),
      ({ short, to }) => `--dtype ${short} to ${to}`,
      async ({ short, type, to }) => {
        const out = join(directory, to === 'safetensors' ? `${short}.safetensors` : `${short}.${to}`);
        const { casts } = await convert(source, out, { to, dtype: [short], sync: false });
        const answer = await judge.ask('compare_cast', source, out, type);
        if (!answer.ok) fail(answer.error ?? 'no answer');
        equal(answer.differing, {});
        const overflows = Object.fromEntries(casts.map(cast => [cast.from, cast.overflows]));
        equal(overflows, answer.overflows);
        ok(casts.length === 3);
        is(answer.elements, 2 * 65536 + 2 * patternCount);
      },
    );
  });
}
