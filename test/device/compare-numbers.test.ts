import { compareElements, joinComparisons, NO_DIFFERENCE } from '../../src/device/compare-numbers.js';
import { dtypeOf } from '../../src/dtype.js';
import { equal, is, suite } from '../suite.js';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
const F32 = ['0000803f000000400000404000000000', '0000803f000020400000404000000080'] as const;
const C64 = ['0000803f0000803f0000004000000000', '0000803f000000400000004000000000'] as const;
const I64 = [
  '00000000000000100500000000000000f7ffffffffffffff',
  '010000000000001005000000000000000900000000000000',
] as const;

/**
 * Elements of both sides as torch 2.13 stores them; `beyond` is what `(~torch.isclose(a, b, atol, rtol,
 * equal_nan=True)).sum()` gave there, the distances are of the elements as float64.
 */
const ROWS: [
  what: string,
  dtype: string,
  a: string,
  b: string,
  atol: number,
  rtol: number,
  expected: [
    differing: number,
    first: number | null,
    nonFinite: number,
    abs: number | null,
    rel: number | null,
    beyond: number,
  ],
][] = [
  ['equal bytes', 'float32', F32[0], F32[0], 0, 0, [0, null, 0, null, null, 0]],
  ['one value, and 0 against −0', 'float32', ...F32, 0, 0, [2, 1, 0, 0.5, 0.2, 1]],
  ['a distance of atol is close', 'float32', ...F32, 0.5, 0, [2, 1, 0, 0.5, 0.2, 0]],
  ['rtol times b', 'float32', ...F32, 0.1, 0.15, [2, 1, 0, 0.5, 0.2, 1]],
  [
    'infinities and NaN',
    'float32',
    '0000807f0000807f0000c07f0000c07f0000803f',
    '000080ff0000803f0000803f0000c07f0000807f',
    1e9,
    0,
    [4, 0, 4, null, null, 4],
  ],
  ['NaNs of other bits are close', 'float32', '0100c07f', '0000c0ff', 0, 0, [1, 0, 1, null, null, 0]],
  ['bfloat16', 'bfloat16', '803fc84240c0', '803fca4260c0', 1, 0, [2, 1, 0, 1, 1 / 7, 0]],
  ['float16, and b is 0', 'float16', '003c0000ff7b', '0000003cfffb', 0, 0, [3, 0, 0, 131008, 2, 3]],
  ['complex: the modulus', 'complex64', ...C64, 0.9, 0, [1, 0, 0, 1, 1 / Math.hypot(1, 2), 1]],
  ['complex, close', 'complex64', ...C64, 1, 0, [1, 0, 0, 1, 1 / Math.hypot(1, 2), 0]],
  [
    'complex NaN in either part is NaN',
    'complex64',
    '0000c07f0000803f0000803f0000807f',
    '0000803f0000c07f0000803f000080ff',
    0,
    0,
    [2, 0, 2, null, null, 1],
  ],
  ['int64 beyond 2^53', 'int64', ...I64, 0, 0, [2, 0, 0, 18, 2, 2]],
  ['int64 with atol', 'int64', ...I64, 1, 0, [2, 0, 0, 18, 2, 1]],
  ['int64 with rtol', 'int64', ...I64, 0, 2, [2, 0, 0, 18, 2, 0]],
  ['uint8', 'uint8', '00ff', 'ff00', 10, 0, [2, 0, 0, 255, 1, 2]],
  ['bool: any byte but 0 is true', 'bool', '0102', '0201', 0, 0, [2, 0, 0, 0, 0, 0]],
  ['two numbers in a byte', 'float4_e2m1fn_x2', '2200', '2202', 0, 0, [1, 1, 0, 1, 1, 1]],
  ['nothing', 'float32', '', '', 0, 0, [0, null, 0, null, null, 0]],
];

suite('comparing elements', ({ each, test }) => {
  each(
    ROWS,
    ([what]) => what,
    ([, dtype, a, b, atol, rtol, expected]) => {
      const { differingCount, firstIndex, nonFiniteCount, maxAbs, maxRel, beyondCount } = compareElements(
        dtypeOf(dtype),
        hex(a),
        hex(b),
        0,
        { atol, rtol },
      );
      equal([differingCount, firstIndex, nonFiniteCount, maxAbs, maxRel, beyondCount], expected);
    },
  );

  test('the position counts from the start of the tensor, past what is equal', () => {
    const a = new Uint8Array(40_000);
    const b = new Uint8Array(40_000);
    b[20_003] = 1;
    b[39_999] = 1;
    const found = compareElements(dtypeOf('int16'), a, b, 1000, { atol: 0, rtol: 0 });
    equal([found.firstIndex, found.differingCount], [1000 + 10_001, 2]);
  });

  test('parts join in any order', () => {
    const early = { ...NO_DIFFERENCE, differingCount: 2, firstIndex: 5, maxAbs: 1, beyondCount: 1 };
    const late = {
      ...NO_DIFFERENCE,
      differingCount: 1,
      firstIndex: 9,
      nonFiniteCount: 1,
      maxAbs: 3,
      maxRel: 2,
    };
    const both = {
      differingCount: 3,
      firstIndex: 5,
      nonFiniteCount: 1,
      maxAbs: 3,
      maxRel: 2,
      beyondCount: 1,
    };
    equal(joinComparisons(early, late), both);
    equal(joinComparisons(late, early), both);
    is(joinComparisons(NO_DIFFERENCE, late).firstIndex, 9);
  });
});
