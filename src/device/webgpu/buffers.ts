import { LimitError } from '../../errors.js';
import { alignUp } from '../tile-layout.js';
import type { Gpu } from './gpu.js';

/** A buffer that is replaced by a larger one when needed. What it held is then lost. */
export class GrowingBuffer {
  private buffer: GPUBuffer | undefined;

  constructor(
    private readonly gpu: Gpu,
    private readonly label: string,
    private readonly usage: GPUBufferUsageFlags,
    /** Staging buffers are mapped when made. */
    private readonly isMapped = false,
  ) {}

  /** A buffer of at least this many bytes. */
  atLeast(byteLength: number): GPUBuffer {
    if (this.buffer === undefined || this.buffer.size < byteLength) {
      const grown = Math.max(byteLength, Math.min(2 * (this.buffer?.size ?? 0), maxByteLength(this.gpu)));
      this.buffer?.destroy();
      this.buffer = newBuffer(this.gpu, this.label, grown, this.usage, this.isMapped);
    }
    return this.buffer;
  }

  get current(): GPUBuffer {
    if (this.buffer === undefined) throw new Error(`no ${this.label} buffer`);
    return this.buffer;
  }

  /** Takes the buffer away: the next call makes a new one. */
  take(): GPUBuffer {
    const buffer = this.current;
    this.buffer = undefined;
    return buffer;
  }

  destroy(): void {
    this.buffer?.destroy();
    this.buffer = undefined;
  }
}

const ALIGNMENT = 256;

function maxByteLength({ info }: Gpu): number {
  return Math.min(info.maxBufferByteLength, info.maxBindingByteLength);
}

/** @throws LimitError where the device has no buffers of this size. */
export function newBuffer(
  gpu: Gpu,
  label: string,
  byteLength: number,
  usage: GPUBufferUsageFlags,
  mappedAtCreation = false,
): GPUBuffer {
  const size = alignUp(Math.max(byteLength, ALIGNMENT), ALIGNMENT);
  if (size > maxByteLength(gpu)) {
    throw new LimitError('The GPU has no buffers of this size', {
      expected: `${maxByteLength(gpu)} bytes at most`,
      found: `${size} bytes`,
      hint: '--device cpu has no such limit.',
    });
  }
  return gpu.device.createBuffer({ label, size, usage, mappedAtCreation });
}
