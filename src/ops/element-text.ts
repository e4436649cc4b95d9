import { contiguousStride } from '../checkpoint/box.js';
import type { DTypeInfo } from '../dtype.js';
import { numberFormatOf, readNumbers } from '../numbers.js';
import { floatLiteral } from '../pickle/leaf-literal.js';

/**
 * The elements in bytes of a type as Python would write them, one text each: `True`, `0.5`, `-inf`, `(1.0+2.0j)`. A
 * float32 has the fewest digits that tell it from its neighbours; narrower floats are written exactly. A packed
 * element is its two numbers in parentheses.
 */
export function elementTexts(dtype: DTypeInfo, bytes: Uint8Array): string[] {
  const { kind, bitWidth } = numberFormatOf(dtype);
  if (kind === 'bool') return Array.from(bytes, byte => (byte === 0 ? 'False' : 'True'));
  if (bitWidth === 64 && kind !== 'float') return wideIntegers(kind === 'signed', bytes);
  const numbers = readNumbers(dtype, bytes);
  const write = kind !== 'float' ? String : bitWidth === 32 ? float32Text : floatLiteral;
  const texts = Array.from(numbers, write);
  const width = (numbers.length * dtype.itemSize) / (bytes.length || 1);
  if (width <= 1) return texts;
  return Array.from({ length: numbers.length / 2 }, (_, i) => {
    const [first, second] = [texts[2 * i]!, texts[2 * i + 1]!];
    if (dtype.kind !== 'complex') return `(${first},${second})`;
    return `(${first}${second.startsWith('-') ? '' : '+'}${second}j)`;
  });
}

function wideIntegers(isSigned: boolean, bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, i) =>
    String(isSigned ? view.getBigInt64(8 * i, true) : view.getBigUint64(8 * i, true)),
  );
}

function float32Text(value: number): string {
  if (!Number.isFinite(value) || value === 0) return floatLiteral(value);
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return floatLiteral(short);
  }
  return floatLiteral(Number(value.toPrecision(9)));
}

/**
 * Writes the elements of one tensor as text, from its bytes in whatever pieces: a line for each row of the last
 * dimension, an empty line between matrices; of a vector a line for each element. `numpy.loadtxt` reads it.
 */
export class TensorText {
  private element = 0;
  /** Bytes of an element that was cut. */
  private rest: Uint8Array = new Uint8Array(0);
  /** After how many elements a line ends, and after how many a block of lines. */
  private readonly lineLength: number;
  private readonly blockLength: number;

  constructor(
    private readonly dtype: DTypeInfo,
    shape: readonly number[],
  ) {
    const strides = contiguousStride(shape);
    this.lineLength = strides.at(-2) ?? 1;
    this.blockLength = strides.at(-3) ?? Number.POSITIVE_INFINITY;
  }

  /** The text that these bytes, which follow those given before, add. */
  add(bytes: Uint8Array): string {
    const all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    const whole = all.length - (all.length % this.dtype.itemSize);
    this.rest = all.slice(whole);
    const parts: string[] = [];
    for (const text of elementTexts(this.dtype, all.subarray(0, whole))) {
      if (this.element > 0 && this.element % this.blockLength === 0) parts.push('\n');
      parts.push(text);
      this.element++;
      parts.push(this.element % this.lineLength === 0 ? '\n' : ' ');
    }
    return parts.join('');
  }
}
