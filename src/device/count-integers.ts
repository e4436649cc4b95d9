import {
  type DirectNumbers,
  emptyNumbers,
  finishDirect,
  momentsAround,
  SUB_BLOCK,
} from './direct-numbers.js';
import type { NumberCounter } from './number-counter.js';
import type { PartialNumbers } from './tensor-stats.js';

/** Counts int32, uint32 and qint32 numbers. */
export class Int32Counter implements NumberCounter {
  private numbers = emptyNumbers();

  constructor(private readonly isSigned: boolean) {}

  begin(): void {}

  add(bytes: Uint8Array): void {
    const count = bytes.length / 4;
    const values = this.isSigned
      ? new Int32Array(bytes.buffer, bytes.byteOffset, count)
      : new Uint32Array(bytes.buffer, bytes.byteOffset, count);
    for (let from = 0; from < count; from += SUB_BLOCK) {
      addInt32(this.numbers, values, from, Math.min(count, from + SUB_BLOCK));
    }
  }

  finish(): PartialNumbers[] {
    const result = finishDirect(this.numbers);
    this.numbers = emptyNumbers();
    return [result];
  }
}

function addInt32(numbers: DirectNumbers, values: Int32Array | Uint32Array, from: number, to: number): void {
  const origin = values[from]!;
  let { min, max } = numbers;
  let zeroCount = 0;
  let sum = 0;
  let squares = 0;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    const deviation = value - origin;
    if (value === 0) zeroCount++;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += deviation;
    squares += deviation * deviation;
  }
  numbers.count += to - from;
  numbers.zeroCount += zeroCount;
  numbers.min = min;
  numbers.max = max;
  numbers.parts.add(momentsAround(to - from, origin, sum, squares));
}

const TWO_32 = 2 ** 32;

/** Counts int64 and uint64 numbers, as halves: a bigint for each would be slow. */
export class Int64Counter implements NumberCounter {
  private numbers = emptyNumbers();
  private min: bigint | null = null;
  private max: bigint | null = null;

  constructor(private readonly isSigned: boolean) {}

  begin(): void {}

  add(bytes: Uint8Array): void {
    const count = bytes.length / 8;
    const low = new Uint32Array(bytes.buffer, bytes.byteOffset, 2 * count);
    const high = this.isSigned ? new Int32Array(low.buffer, low.byteOffset, 2 * count) : low;
    for (let from = 0; from < count; from += SUB_BLOCK) {
      this.addSubBlock(low, high, from, Math.min(count, from + SUB_BLOCK));
    }
  }

  private addSubBlock(low: Uint32Array, high: Int32Array | Uint32Array, from: number, to: number): void {
    const [originLow, originHigh] = [low[2 * from]!, high[2 * from + 1]!];
    let [minAt, maxAt] = [2 * from, 2 * from];
    let zeroCount = 0;
    let sum = 0;
    let squares = 0;
    for (let i = 2 * from; i < 2 * to; i += 2) {
      const [lowHalf, highHalf] = [low[i]!, high[i + 1]!];
      if (lowHalf === 0 && highHalf === 0) zeroCount++;
      if (highHalf < high[minAt + 1]! || (highHalf === high[minAt + 1]! && lowHalf < low[minAt]!)) minAt = i;
      if (highHalf > high[maxAt + 1]! || (highHalf === high[maxAt + 1]! && lowHalf > low[maxAt]!)) maxAt = i;
      const deviation = (highHalf - originHigh) * TWO_32 + (lowHalf - originLow);
      sum += deviation;
      squares += deviation * deviation;
    }
    const valueAt = (at: number): bigint => (BigInt(high[at + 1]!) << 32n) | BigInt(low[at]!);
    const [min, max] = [valueAt(minAt), valueAt(maxAt)];
    if (this.min === null || min < this.min) this.min = min;
    if (this.max === null || max > this.max) this.max = max;
    this.numbers.count += to - from;
    this.numbers.zeroCount += zeroCount;
    const origin = originHigh * TWO_32 + originLow;
    this.numbers.parts.add(momentsAround(to - from, origin, sum, squares));
  }

  finish(): PartialNumbers[] {
    const result = { ...finishDirect(this.numbers), min: this.min, max: this.max };
    this.numbers = emptyNumbers();
    this.min = null;
    this.max = null;
    return [result];
  }
}
