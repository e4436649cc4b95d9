import { contiguousStride, isDense, isRowMajor, strideOfCopy, strideSpan } from '../../src/checkpoint/box.js';
import { equal, is, suite } from '../suite.js';

suite('boxes and strides', ({ each }) => {
  // What torch 2.13 answers: torch.empty(size).stride(), and torch.empty_strided(size, stride).clone().stride().
  each(
    [
      { sizes: [], stride: [], copy: [] },
      { sizes: [2, 3, 4], stride: [12, 4, 1], copy: [12, 4, 1] },
      { sizes: [3, 2], stride: [1, 3], copy: [1, 3] },
      { sizes: [2, 3, 4, 5], stride: [60, 1, 15, 3], copy: [60, 1, 15, 3] },
      { sizes: [3, 4], stride: [0, 1], copy: [4, 1] },
      { sizes: [3, 4], stride: [1, 0], copy: [4, 1] },
      { sizes: [2, 3], stride: [8, 2], copy: [3, 1] },
      { sizes: [3, 2], stride: [2, 12], copy: [1, 3] },
      { sizes: [2, 3, 4], stride: [1, 100, 10], copy: [1, 8, 2] },
      { sizes: [2, 2], stride: [1, 1], copy: [2, 1] },
      { sizes: [5], stride: [3], copy: [1] },
      { sizes: [0, 3], stride: [3, 1], copy: [3, 1] },
      { sizes: [1, 3], stride: [7, 2], copy: [3, 1] },
      { sizes: [3, 1], stride: [1, 7], copy: [1, 7] },
      { sizes: [4, 3, 2], stride: [2, 0, 1], copy: [6, 2, 1] },
      { sizes: [4, 3, 2], stride: [1, 0, 8], copy: [1, 4, 12] },
      { sizes: [2, 3], stride: [1, 1], copy: [1, 2] },
      { sizes: [4, 2, 3], stride: [1, 1, 1], copy: [6, 1, 2] },
      { sizes: [3, 2, 4], stride: [2, 2, 1], copy: [8, 4, 1] },
      { sizes: [2, 5], stride: [3, 3], copy: [1, 2] },
      { sizes: [4, 3, 2], stride: [3, 0, 3], copy: [6, 2, 1] },
    ],
    ({ sizes, stride }) => `a copy of size [${sizes}], stride [${stride}] has torch's strides`,
    ({ sizes, stride, copy }) => equal(strideOfCopy(sizes, stride), copy),
  );

  each(
    [
      { sizes: [], expected: [] },
      { sizes: [4], expected: [1] },
      { sizes: [2, 0, 3], expected: [3, 3, 1] },
      { sizes: [0], expected: [1] },
    ],
    ({ sizes }) => `contiguous strides of [${sizes}]`,
    ({ sizes, expected }) => equal(contiguousStride(sizes), expected),
  );

  each(
    [
      { sizes: [2, 3], stride: [3, 1], rowMajor: true, dense: true, span: 6 },
      { sizes: [2, 3], stride: [1, 2], rowMajor: false, dense: true, span: 6 },
      { sizes: [2, 3], stride: [4, 1], rowMajor: false, dense: false, span: 7 },
      { sizes: [1, 3], stride: [99, 1], rowMajor: true, dense: true, span: 3 },
      { sizes: [2, 3], stride: [0, 1], rowMajor: false, dense: false, span: 3 },
      { sizes: [0, 3], stride: [3, 1], rowMajor: true, dense: true, span: 0 },
      { sizes: [], stride: [], rowMajor: true, dense: true, span: 1 },
    ],
    ({ sizes, stride }) => `order and extent of size [${sizes}], stride [${stride}]`,
    ({ sizes, stride, rowMajor, dense, span }) => {
      is(isRowMajor(sizes, stride), rowMajor);
      is(isDense(sizes, stride), dense);
      is(strideSpan(sizes, stride), span);
    },
  );
});
