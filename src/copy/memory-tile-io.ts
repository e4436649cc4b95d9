import type { FileTileIo } from './file-tile-io.js';
import type { TileIo } from './tile.js';

/** Makes outputs in memory, at their places in the buffers that they are for: no byte is held twice. */
export class MemoryTileIo implements TileIo {
  constructor(
    private readonly sources: FileTileIo,
    /** One an output. */
    private readonly buffers: readonly Uint8Array[],
  ) {}

  read(source: number, target: Uint8Array, byteOffset: number): void {
    this.sources.read(source, target, byteOffset);
  }

  view(source: number, byteOffset: number, byteLength: number): Uint8Array | undefined {
    return this.sources.view(source, byteOffset, byteLength);
  }

  place(output: number, byteOffset: number, byteLength: number): Uint8Array {
    return this.buffers[output]!.subarray(byteOffset, byteOffset + byteLength);
  }

  write(): never {
    throw new Error('what has a place in memory is not written');
  }
}
