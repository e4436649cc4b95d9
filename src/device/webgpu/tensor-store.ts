import { newBuffer } from './buffers.js';
import type { Gpu } from './gpu.js';

/** Part of a tensor in a buffer, which parts of other tensors may share. */
interface Part {
  buffer: GPUBuffer;
  tileByteOffset: number;
  startByte: number;
  byteLength: number;
}

/** Bytes that are brought back at a time. */
const READ_BYTE_LENGTH = 16 << 20;

/** Tensors in the GPU's memory, as parts in the buffers of tiles. A buffer goes with the last tensor in it. */
export class TensorStore {
  private readonly tensors = new Map<number, { byteLength: number; parts: Part[] }>();
  private readonly users = new Map<GPUBuffer, number>();
  private nextId = 0;

  constructor(private readonly gpu: Gpu) {}

  /** A tensor without bytes as yet. */
  add(byteLength: number): number {
    this.tensors.set(this.nextId, { byteLength, parts: [] });
    return this.nextId++;
  }

  /** Takes over a tile's buffer. */
  place(buffer: GPUBuffer, parts: readonly (Omit<Part, 'buffer'> & { tensor: number })[]): void {
    this.users.set(buffer, parts.length);
    for (const { tensor, ...part } of parts) this.tensors.get(tensor)!.parts.push({ buffer, ...part });
  }

  release(id: number): void {
    for (const { buffer } of this.tensors.get(id)?.parts ?? []) {
      const left = this.users.get(buffer)! - 1;
      this.users.set(buffer, left);
      if (left > 0) continue;
      this.users.delete(buffer);
      buffer.destroy();
    }
    this.tensors.delete(id);
  }

  /** Gives the bytes of a tensor piece by piece, in order. */
  async read(id: number, onBytes: (bytes: Uint8Array) => void): Promise<void> {
    const tensor = this.tensors.get(id);
    if (tensor === undefined) throw new Error('the tensor was released');
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const readback = await this.gpu.scoped(() =>
      newBuffer(this.gpu, 'readback', Math.min(READ_BYTE_LENGTH, tensor.byteLength), COPY_DST | MAP_READ),
    );
    try {
      for (const part of [...tensor.parts].sort((a, b) => a.startByte - b.startByte)) {
        for (let at = 0; at < part.byteLength; at += READ_BYTE_LENGTH) {
          const byteLength = Math.min(READ_BYTE_LENGTH, part.byteLength - at);
          onBytes(await this.readPart(readback, part, at, byteLength));
        }
      }
    } finally {
      readback.destroy();
    }
  }

  private async readPart(
    readback: GPUBuffer,
    { buffer, tileByteOffset }: Part,
    at: number,
    byteLength: number,
  ): Promise<Uint8Array> {
    const { device } = this.gpu;
    const copied = Math.ceil(byteLength / 4) * 4;
    await this.gpu.scoped(() => {
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, tileByteOffset + at, readback, 0, copied);
      device.queue.submit([encoder.finish()]);
    });
    await readback.mapAsync(GPUMapMode.READ, 0, copied);
    const bytes = new Uint8Array(readback.getMappedRange(0, copied).slice(0, byteLength));
    readback.unmap();
    return bytes;
  }
}
