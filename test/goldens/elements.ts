/** The elements of a strided tensor, taken one by one: slow, obvious, and none of the code under test. */
import { createHash } from 'node:crypto';
import type { DTypeInfo } from '../../src/dtype.js';

export interface StridedElements {
  dtype: DTypeInfo;
  shape: readonly number[];
  /** In elements. */
  stride: readonly number[];
  /** In elements. */
  storageOffset: number;
  conj?: boolean;
  neg?: boolean;
}

/** SHA-256 of the elements in row-major order, little-endian, lazy conjugation and negation done. */
export function sha256OfElements(view: StridedElements, storage: Uint8Array, bigEndian = false): string {
  return createHash('sha256')
    .update(elementBytes(view, storage, bigEndian))
    .digest('hex');
}

/** @throws RangeError where the view reaches outside the storage. */
export function elementBytes(view: StridedElements, storage: Uint8Array, bigEndian = false): Uint8Array {
  const { dtype, shape, stride } = view;
  const { itemSize } = dtype;
  const count = shape.reduce((product, size) => product * size, 1);
  const elements = new Uint8Array(count * itemSize);
  const index = shape.map(() => 0);
  for (let position = 0; position < count; position++) {
    const at = index.reduce((sum, i, d) => sum + i * stride[d]!, view.storageOffset) * itemSize;
    if (at < 0 || at + itemSize > storage.length)
      throw new RangeError(`element at byte ${at} of ${storage.length}`);
    const element = storage.subarray(at, at + itemSize);
    const isValue = !bigEndian && view.conj !== true && view.neg !== true;
    elements.set(isValue ? element : resolved(new Uint8Array(element), view, bigEndian), position * itemSize);
    for (let d = shape.length - 1; d >= 0 && ++index[d]! === shape[d]; d--) index[d] = 0;
  }
  return elements;
}

/** One element: its components little-endian, their signs as the lazy bits say. */
function resolved(
  element: Uint8Array,
  { dtype, conj, neg }: StridedElements,
  bigEndian: boolean,
): Uint8Array {
  const components = [];
  for (let start = 0; start < element.length; start += dtype.swapSize) {
    const component = element.subarray(start, start + dtype.swapSize);
    if (bigEndian) component.reverse();
    components.push(component);
  }
  const isImaginary = (position: number): boolean => dtype.kind === 'complex' && position === 1;
  for (const [position, component] of components.entries()) {
    const flips = (neg === true ? 1 : 0) + (conj === true && isImaginary(position) ? 1 : 0);
    if (flips === 1) component[component.length - 1]! ^= 0x80;
  }
  return element;
}
