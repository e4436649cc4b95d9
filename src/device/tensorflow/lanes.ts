import type { DTypeInfo } from '../../dtype.js';
import { numberFormatOf } from '../../numbers.js';

/**
 * How elements are held in int32 tensors, which carry every bit: an element is `laneCount` integers, each of
 * `laneByteLength` bytes of it. Numbers of 8 and 16 bits are one a lane, unsigned; larger ones are words, the low one
 * first.
 */
export interface LaneFormat {
  laneCount: number;
  laneByteLength: 1 | 2 | 4;
}

export function laneFormatOf(dtype: DTypeInfo): LaneFormat {
  const { bitWidth } = numberFormatOf(dtype);
  const laneByteLength = bitWidth <= 8 ? 1 : bitWidth === 16 ? 2 : 4;
  return { laneCount: dtype.itemSize / laneByteLength, laneByteLength };
}

/** The lanes of whole elements. */
export function lanesOf({ laneByteLength }: LaneFormat, bytes: Uint8Array): Int32Array {
  if (laneByteLength === 1) return Int32Array.from(bytes);
  const aligned = bytes.byteOffset % laneByteLength === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset, length } = aligned;
  if (laneByteLength === 2) return Int32Array.from(new Uint16Array(buffer, byteOffset, length / 2));
  // A copy: tensors may keep the array that they are made of.
  return new Int32Array(buffer, byteOffset, length / 4).slice();
}

/** The bytes that lanes hold. */
export function bytesOfLanes({ laneByteLength }: LaneFormat, lanes: Int32Array): Uint8Array {
  const narrow =
    laneByteLength === 1
      ? Uint8Array.from(lanes)
      : laneByteLength === 2
        ? Uint16Array.from(lanes)
        : Int32Array.from(lanes);
  return new Uint8Array(narrow.buffer);
}
