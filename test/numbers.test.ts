import { DTYPES, dtypeOf } from '../src/dtype.js';
import { isSubnormal, numberCountOf, numberFormatOf, readNumbers, valueTable } from '../src/numbers.js';
import { equal, is, ok, suite } from './suite.js';

const NAN = Number.NaN;
const INF = Number.POSITIVE_INFINITY;

/** Patterns whose values the specifications name: OCP 8-bit floats and microscaling formats, IEEE 754. */
const VALUES: readonly [dtype: string, bits: number, value: number][] = [
  ['float16', 0x3c00, 1],
  ['float16', 0x7bff, 65504],
  ['float16', 0x0400, 2 ** -14],
  ['float16', 0x0001, 2 ** -24],
  ['float16', 0x7c00, INF],
  ['float16', 0xfc00, -INF],
  ['float16', 0x7c01, NAN],
  ['float16', 0x8000, -0],
  ['bfloat16', 0x3f80, 1],
  ['bfloat16', 0x7f7f, 255 * 2 ** 120],
  ['bfloat16', 0x0001, 2 ** -133],
  ['bfloat16', 0xff80, -INF],
  ['bfloat16', 0x7fc0, NAN],
  ['float8_e4m3fn', 0x7e, 448],
  ['float8_e4m3fn', 0x7f, NAN],
  ['float8_e4m3fn', 0xff, NAN],
  ['float8_e4m3fn', 0x78, 256],
  ['float8_e4m3fn', 0x01, 2 ** -9],
  ['float8_e5m2', 0x7b, 57344],
  ['float8_e5m2', 0x7c, INF],
  ['float8_e5m2', 0x7d, NAN],
  ['float8_e5m2', 0x01, 2 ** -16],
  ['float8_e4m3fnuz', 0x7f, 240],
  ['float8_e4m3fnuz', 0x80, NAN],
  ['float8_e4m3fnuz', 0x01, 2 ** -10],
  ['float8_e5m2fnuz', 0x7f, 57344],
  ['float8_e5m2fnuz', 0x80, NAN],
  ['float8_e5m2fnuz', 0x01, 2 ** -17],
  ['float8_e8m0fnu', 0x7f, 1],
  ['float8_e8m0fnu', 0x00, 2 ** -127],
  ['float8_e8m0fnu', 0xfe, 2 ** 127],
  ['float8_e8m0fnu', 0xff, NAN],
  ['float4_e2m1fn_x2', 0x7, 6],
  ['float4_e2m1fn_x2', 0x1, 0.5],
  ['float4_e2m1fn_x2', 0xf, -6],
  ['int8', 0x80, -128],
  ['uint8', 0x80, 128],
  ['int16', 0xffff, -1],
  ['uint16', 0xffff, 65535],
  ['bool', 0x02, 1],
];

suite('numbers', ({ each, test }) => {
  each(
    VALUES,
    ([dtype, bits]) => `${dtype} 0x${bits.toString(16)}`,
    ([dtype, bits, value]) => is(valueTable(dtypeOf(dtype))[bits], value),
  );

  const SUBNORMAL: readonly [dtype: string, count: number][] = [
    ['float16', 2 * 1023],
    ['bfloat16', 2 * 127],
    ['float8_e4m3fn', 2 * 7],
    ['float8_e5m2', 2 * 3],
    ['float8_e8m0fnu', 0],
    ['float4_e2m1fn_x2', 2],
  ];
  each(
    SUBNORMAL,
    ([dtype]) => `subnormal patterns of ${dtype}`,
    ([name, count]) => {
      const { layout, bitWidth } = numberFormatOf(dtypeOf(name));
      const patterns = Array.from({ length: 2 ** bitWidth }, (_, bits) => bits);
      is(patterns.filter(bits => isSubnormal(layout!, bits)).length, count);
    },
  );

  each(
    DTYPES,
    ({ name }) => `the numbers of ${name} fill its elements`,
    dtype => {
      const format = numberFormatOf(dtype);
      const perElement = numberCountOf(format, dtype.itemSize);
      is((perElement * format.bitWidth) / 8, dtype.itemSize);
      is(readNumbers(dtype, new Uint8Array(3 * dtype.itemSize)).length, 3 * perElement);
      is(format.componentCount, dtype.kind === 'complex' ? 2 : 1);
    },
  );

  test('wide numbers are read from wherever they lie in a buffer', () => {
    const bytes = new Uint8Array(17);
    const view = new DataView(bytes.buffer);
    view.setFloat64(1, -0.1, true);
    view.setBigInt64(9, -5n, true);
    equal(readNumbers('float64', bytes.subarray(1, 9)), Float64Array.of(-0.1));
    equal(readNumbers('int64', bytes.subarray(9)), Float64Array.of(-5));
    equal(readNumbers('uint64', bytes.subarray(9)), Float64Array.of(2 ** 64));
    view.setFloat32(1, 1.5, true);
    view.setFloat32(5, -2.5, true);
    equal(readNumbers('complex64', bytes.subarray(1, 9)), Float64Array.of(1.5, -2.5));
    view.setUint32(1, 0xffffffff, true);
    equal(readNumbers('int32', bytes.subarray(1, 5)), Float64Array.of(-1));
    equal(readNumbers('uint32', bytes.subarray(1, 5)), Float64Array.of(2 ** 32 - 1));
  });

  test('the low half of a packed byte comes first', () => {
    equal(readNumbers('float4_e2m1fn_x2', Uint8Array.of(0x72)), Float64Array.of(1, 6));
  });

  test('the table of a type is made once', () => {
    const [first, again] = [valueTable(dtypeOf('float16')), valueTable(dtypeOf('float16'))];
    ok(first === again);
  });
});
