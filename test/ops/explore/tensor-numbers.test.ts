import { join } from 'node:path';
import { TensorEntry } from '../../../src/checkpoint/checkpoint.js';
import { sampleNumbers } from '../../../src/ops/explore/tensor-numbers.js';
import { openCheckpoint } from '../../../src/ops/open.js';
import { save } from '../../../src/ops/save/save.js';
import { Tensor } from '../../../src/ops/state-dict/tensor.js';
import { scratch } from '../../io/scratch.js';
import { is, ok, suite } from '../../suite.js';

suite('explorer: samples', ({ each }) => {
  each<readonly [shape: number[], isWhole: boolean]>(
    [
      [[1 << 16, 4], true],
      [[1 << 20], false],
      [[1 << 10, 1 << 10], false],
      [[1 << 4, 1 << 8, 1 << 8], false],
      [[1, 1 << 20, 1], false],
    ],
    ([shape]) => `[${shape}]`,
    async ([shape, isWhole]) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const path = join(scratch({ inMemory: true }), 'ckpt');
      const data = Float32Array.from({ length: count }, (_, i) => i);
      await save({ w: new Tensor({ dtype: 'float32', shape, data }) }, path, { sync: false });
      const checkpoint = await openCheckpoint(path);
      try {
        const [entry] = checkpoint.entries;
        ok(entry instanceof TensorEntry);
        const { numbers, isWhole: found } = await sampleNumbers(checkpoint, entry);
        is(found, isWhole);
        if (isWhole) {
          is(numbers.length, count);
          return;
        }
        is(numbers.length, (1 << 20) / 4);
        is(numbers[0], 0);
        is(numbers.at(-1), count - 1);
        // From all over it: no eighth is without a number.
        const eighths = new Set(Array.from(numbers, number => Math.floor((8 * number) / count)));
        is(eighths.size, 8);
      } finally {
        checkpoint.close();
      }
    },
  );
});
