/**
 * What can happen to elements on their way, beyond moving: plain data, applied in place to whole elements.
 * `swapSize`: reverse the bytes of units of this size (big-endian sources). `flipSize`: flip the sign bit of
 * floating components of this size; `flipEvery` 2 flips the second of each pair, the imaginary part, which is
 * what resolving torch's conjugate bit means, 1 flips all, which resolves the negative bit.
 */
export interface ElementTransform {
  swapSize: 0 | 2 | 4 | 8;
  flipSize: 0 | 2 | 4 | 8;
  flipEvery: 1 | 2;
}

export const IDENTITY: ElementTransform = { swapSize: 0, flipSize: 0, flipEvery: 1 };

/** Applies a transform to little- or big-endian source bytes; the result is little-endian. */
export function applyTransform(bytes: Uint8Array, transform: ElementTransform): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (transform.swapSize === 2) buffer.swap16();
  else if (transform.swapSize === 4) buffer.swap32();
  else if (transform.swapSize === 8) buffer.swap64();
  if (transform.flipSize > 0) {
    const step = transform.flipSize * transform.flipEvery;
    for (let i = step - 1; i < bytes.length; i += step) bytes[i]! ^= 0x80;
  }
}
