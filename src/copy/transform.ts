/**
 * What can happen to elements on their way, beyond moving: plain data, applied in place to whole elements.
 *
 * `swapSize`: reverse the bytes of units of this size (big-endian sources). `flip`: which sign bits of floating
 * components of `componentSize` bytes change: resolving torch's negative bit flips all, its conjugate bit the
 * imaginary ones, both together the real ones.
 */
export interface ElementTransform {
  swapSize: 0 | 2 | 4 | 8;
  flip: 'none' | 'all' | 'real' | 'imaginary';
  componentSize: number;
}

export const IDENTITY: ElementTransform = { swapSize: 0, flip: 'none', componentSize: 1 };

/** Applies a transform to source bytes; the result is little-endian. */
export function applyTransform(bytes: Uint8Array, { swapSize, flip, componentSize }: ElementTransform): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (swapSize === 2) buffer.swap16();
  else if (swapSize === 4) buffer.swap32();
  else if (swapSize === 8) buffer.swap64();
  if (flip === 'none') return;
  // The sign is the top bit of the last byte of a little-endian float.
  const step = flip === 'all' ? componentSize : 2 * componentSize;
  const first = flip === 'imaginary' ? 2 * componentSize - 1 : componentSize - 1;
  for (let i = first; i < bytes.length; i += step) bytes[i]! ^= 0x80;
}
