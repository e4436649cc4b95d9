import { copyBlocks, copyRunsByWord, scatter } from '../../src/copy/scatter.js';
import { equal, suite } from '../suite.js';

const RUNS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 40, 64, 100, 128, 240, 248, 256, 1000];
const COUNT = 5;

/** Every byte differs from its neighbours, and many words are NaNs if taken for floats. */
function patterned(byteLength: number): Uint8Array {
  return Uint8Array.from({ length: byteLength }, (_, i) => (i % 3 === 0 ? 0xff : (i * 89 + 7) & 0xff));
}

/** What each way must do, byte by byte. */
function expectedCopy(
  source: Uint8Array,
  target: Uint8Array,
  run: number,
  steps: [number, number],
  at: [number, number],
) {
  const result = target.slice();
  for (let i = 0; i < COUNT; i++) {
    for (let k = 0; k < run; k++) result[at[1] + i * steps[1] + k] = source[at[0] + i * steps[0] + k]!;
  }
  return result;
}

suite('scatter', ({ each }) => {
  each(
    [
      copyBlocks,
      copyRunsByWord,
      (...[s, so, t, to, run, dimension]: Parameters<typeof copyBlocks>) =>
        scatter(s, so, t, to, run, [dimension]),
    ],
    way => way.name || 'scatter',
    way => {
      for (const run of RUNS) {
        for (const [gap, start, viewAt] of [
          [0, 0, 0],
          [8, 0, 0],
          [4, 4, 4],
          [2, 6, 2],
          [1, 3, 5],
          [8, 8, 3],
        ] as const) {
          const sourceStep = run + gap;
          const recordStep = 3 * run + 2 * gap;
          // A view into a larger buffer: words are aligned by the buffer, not by the view.
          const source = patterned(viewAt + start + COUNT * sourceStep).subarray(viewAt);
          const target = new Uint8Array(viewAt + COUNT * recordStep + 16).subarray(viewAt);
          const expected = expectedCopy(source, target, run, [sourceStep, recordStep], [start, 8]);
          way(source, start, target, 8, run, { count: COUNT, sourceStep, recordStep });
          equal(target, expected, `runs of ${run}, gap ${gap}, start ${start}, view at ${viewAt}`);
        }
      }
    },
  );
});
