import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { canCast, castElements } from '../../src/copy/cast.js';
import { DTYPES, dtypeOf } from '../../src/dtype.js';
import { equal, is, ok, suite, throws } from '../suite.js';

/** What torch makes of the same values: see fixtures/casts/make_casts.py. */
interface Golden {
  types: Record<string, { values: string; to: Record<string, string> }>;
}

const path = new URL('../../../fixtures/casts/casts.json', import.meta.url);
const { types } = JSON.parse(readFileSync(path, 'utf8')) as Golden;

const COMPONENTS: Record<string, string> = {
  complex32: 'float16',
  complex64: 'float32',
  complex128: 'float64',
};
const LOW_16 = [0, 1, 0xfff, 0x1000, 0x1001, 0x3000, 0x7fff, 0x8000, 0x8001, 0xffff];
const LOW_48 = [
  0,
  1,
  2 ** 28,
  2 ** 28 + 1,
  2 ** 28 - 1,
  3 * 2 ** 28,
  2 ** 41,
  2 ** 41 + 1,
  2 ** 44,
  2 ** 44 + 1,
  2 ** 48 - 1,
];

function patterns(itemSize: number): Uint8Array {
  if (itemSize === 1) return Uint8Array.from({ length: 256 }, (_, i) => i);
  if (itemSize === 2) return new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
  if (itemSize === 4) {
    const wide = LOW_16.flatMap(low => Array.from({ length: 65536 }, (_, high) => high * 65536 + low));
    return new Uint8Array(Uint32Array.from(wide).buffer);
  }
  const words: number[] = [];
  for (const low of LOW_48) {
    for (let high = 0; high < 65536; high++)
      words.push(low % 2 ** 32, high * 65536 + Math.floor(low / 2 ** 32));
  }
  for (let shift = 1n; shift < 40n; shift++) {
    for (const significand of [0x800000n, 0x800001n, 0xc00001n, 0xffffffn]) {
      for (const add of [-1n, 0n, 1n]) {
        const value = (significand << shift) + (1n << (shift - 1n)) + add;
        for (const bits of [value, 2n ** 64n - value])
          words.push(Number(bits & 0xffffffffn), Number(bits >> 32n));
      }
    }
  }
  return new Uint8Array(Uint32Array.from(words).buffer);
}

function zeroWhere(bytes: Uint8Array, itemSize: number, isBad: (index: number) => boolean): void {
  for (let i = 0; i < bytes.length / itemSize; i++) {
    if (isBad(i)) bytes.fill(0, i * itemSize, (i + 1) * itemSize);
  }
}

function converted(source: Uint8Array, from: string, to: string): Uint8Array {
  const target = new Uint8Array((source.length / dtypeOf(from).itemSize) * dtypeOf(to).itemSize);
  castElements({ from, to })(source, target);
  return target;
}

function asDoubles(source: Uint8Array, from: string): Float64Array {
  return new Float64Array(converted(source, from, 'float64').buffer);
}

function valuesOf(name: string): Uint8Array {
  const component = COMPONENTS[name] ?? name;
  const { itemSize, kind } = dtypeOf(component);
  const bytes = patterns(itemSize);
  if (kind === 'bool') return bytes.map(byte => byte % 2);
  if (kind === 'float') {
    const doubles = asDoubles(bytes, component);
    zeroWhere(bytes, itemSize, i => Number.isNaN(doubles[i]));
  }
  return bytes;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

suite('casts are torch’s copy_', ({ test, each }) => {
  each(
    Object.entries(types),
    ([from]) => `from ${from} to every type`,
    ([from, golden]) => {
      const values = valuesOf(from);
      is(sha256(values), golden.values, `the values of ${from}`);
      const isReal = !['int', 'bool'].includes(dtypeOf(from).kind);
      const wrong = Object.entries(golden.to).flatMap(([to, expected]) => {
        let given = values;
        if (to === 'uint32' && isReal) {
          given = values.slice();
          const doubles = asDoubles(values, from);
          zeroWhere(given, dtypeOf(from).itemSize, i => doubles[i]! < -(2 ** 31) || doubles[i]! >= 2 ** 32);
        }
        return sha256(converted(given, from, to)) === expected ? [] : [to];
      });
      equal(wrong, []);
    },
  );

  test('NaN stays NaN in every float type, and is true', () => {
    const floats = DTYPES.filter(({ kind, name }) => kind === 'float' && name !== 'float4_e2m1fn_x2');
    ok(floats.length >= 9);
    for (const { name } of floats) {
      const nan = converted(new Uint8Array(Float32Array.of(Number.NaN).buffer), 'float32', name);
      for (const { name: to } of floats) {
        ok(Number.isNaN(asDoubles(converted(nan, name, to), to)[0]), `${name} to ${to}`);
      }
      equal([...converted(nan, name, 'bool')], [1], name);
    }
  });

  test('neither side need be aligned', () => {
    const bytes = patterns(4).subarray(0, 40_000);
    const expected = converted(bytes, 'float32', 'bfloat16');
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const target = new Uint8Array(expected.length + 1);
    castElements({ from: 'float32', to: 'bfloat16' })(shifted.subarray(1), target.subarray(1));
    equal(target.subarray(1), expected);
  });

  test('the same type is a copy, whatever it holds', () => {
    const bytes = Uint8Array.of(1, 2, 3, 0x80);
    for (const name of ['float4_e2m1fn_x2', 'bits8', 'qint8']) equal(converted(bytes, name, name), bytes);
  });

  each(
    [
      ['float4_e2m1fn_x2', 'float32'],
      ['float32', 'float4_e2m1fn_x2'],
      ['bits8', 'uint8'],
      ['qint8', 'float32'],
    ] as const,
    ([from, to]) => `torch has no way from ${from} to ${to}`,
    ([from, to]) => {
      is(canCast(dtypeOf(from), dtypeOf(to)), false);
      throws(() => castElements({ from, to }), {
        code: 'unsupported',
        message: new RegExp(`${from} to torch.${to}`),
      });
    },
  );
});
