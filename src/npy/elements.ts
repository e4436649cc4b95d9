import { canCast, requireCast } from '../copy/cast.js';
import type { RecordCast } from '../copy/plan.js';
import { type DTypeInfo, dtypeOf } from '../dtype.js';
import { UnsupportedError } from '../errors.js';
import { npyTypeOf } from './header.js';

export interface ElementOptions {
  /** The element type to convert to, as torch's `.to()` does. */
  cast?: DTypeInfo | undefined;
  /** Write types that numpy lacks as the unsigned integers of their bits. */
  rawBits?: boolean | undefined;
}

/** How elements go into an array. */
export interface ArrayElements {
  /** As a .npy header names it. */
  readonly type: string;
  readonly itemSize: number;
  /** The type by torch's name. */
  readonly dtype: string;
  readonly cast: RecordCast | undefined;
}

/**
 * How elements of a type come into an array that numpy opens: as they are; a type that numpy lacks as the float32 or
 * complex64 of the same value, which holds each of bfloat16, float8 and complex32 exactly, or as its bits.
 * @throws UnsupportedError for a type that numpy lacks and that has no values of its own to convert, where the bits
 * were not asked for; and for a conversion that torch does not do.
 */
export function arrayElements(dtype: DTypeInfo, { cast, rawBits = false }: ElementOptions): ArrayElements {
  const written = cast ?? dtype;
  requireCast(dtype, written);
  const type = npyTypeOf(written);
  if (type !== undefined) return elementsAs(written, type, dtype);
  if (cast !== undefined && !rawBits) {
    throw new UnsupportedError('numpy has no such element type', {
      found: cast.name,
      hint: 'Add --raw-bits to get its bits as unsigned integers, or convert to float32.',
    });
  }
  if (rawBits) {
    const unsigned = dtypeOf(UNSIGNED[written.itemSize]!);
    return { ...elementsAs(written, npyTypeOf(unsigned)!, dtype), dtype: unsigned.name };
  }
  const wider = dtypeOf(dtype.kind === 'complex' ? 'complex64' : 'float32');
  if (!canCast(dtype, wider)) {
    throw new UnsupportedError('numpy has no such element type, and its elements are no single numbers', {
      found: dtype.name,
      hint: 'Add --raw-bits to get its bits as unsigned integers.',
    });
  }
  return elementsAs(wider, npyTypeOf(wider)!, dtype);
}

const UNSIGNED: Readonly<Record<number, string>> = { 1: 'uint8', 2: 'uint16', 4: 'uint32', 8: 'uint64' };

function elementsAs(written: DTypeInfo, type: string, dtype: DTypeInfo): ArrayElements {
  const { itemSize, name } = written;
  return { type, itemSize, dtype: name, cast: written === dtype ? undefined : { from: dtype, to: written } };
}
