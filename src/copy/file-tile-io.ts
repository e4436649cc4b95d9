import { CorruptDataError } from '../errors.js';
import { DescriptorCache } from '../io/descriptors.js';
import type { ReadGate } from '../io/read-gate.js';
import { closeUpdated, openForUpdate } from '../io/update.js';
import { writeFully } from '../io/write.js';
import type { PlanSource } from './plan.js';
import type { TileIo } from './tile.js';

/** Reads files, through a cache of descriptors, and memory; writes to, or compares with, local files. */
export class FileTileIo implements TileIo {
  private readonly descriptors = new DescriptorCache();
  private readonly outputs = new Map<number, number>();
  private existing: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly sources: readonly PlanSource[],
    /** Paths of the outputs, which must exist. */
    private readonly targets: readonly string[],
    private readonly mode: 'write' | 'compare',
    /** Sources are read through it, where there is one. */
    private readonly gate?: ReadGate,
  ) {}

  read(source: number, target: Uint8Array, byteOffset: number): void {
    const from = this.sources[source]!;
    if (typeof from !== 'string') {
      target.set(from.bytes.subarray(byteOffset, byteOffset + target.length));
      return;
    }
    const read = (): void => this.descriptors.readInto(from, target, byteOffset);
    if (this.gate === undefined) read();
    else this.gate.pass(read);
  }

  view(source: number, byteOffset: number, byteLength: number): Uint8Array | undefined {
    const from = this.sources[source]!;
    return typeof from === 'string' ? undefined : from.bytes.subarray(byteOffset, byteOffset + byteLength);
  }

  write(output: number, bytes: Uint8Array, byteOffset: number): void {
    const path = this.targets[output]!;
    if (this.mode === 'compare') {
      this.compare(path, bytes, byteOffset);
      return;
    }
    let fd = this.outputs.get(output);
    if (fd === undefined) {
      fd = openForUpdate(path);
      this.outputs.set(output, fd);
    }
    writeFully(fd, bytes, byteOffset, path);
  }

  /** What an output holds now. @throws FileError */
  readBack(output: number, target: Uint8Array, byteOffset: number): void {
    this.descriptors.readInto(this.targets[output]!, target, byteOffset);
  }

  private compare(path: string, bytes: Uint8Array, byteOffset: number): void {
    if (this.existing.length < bytes.length) this.existing = new Uint8Array(bytes.length);
    const existing = this.existing.subarray(0, bytes.length);
    this.descriptors.readInto(path, existing, byteOffset);
    if (Buffer.compare(existing, bytes) !== 0) {
      const index = existing.findIndex((byte, i) => byte !== bytes[i]);
      throw new CorruptDataError('The existing output differs from this conversion', {
        expected: bytes[index]!,
        found: existing[index]!,
        path,
        byteOffset: byteOffset + index,
      });
    }
  }

  /** Closes all, also after one has failed to close. @throws FileError the first failure of a file written to. */
  close(): void {
    this.descriptors.close();
    let failure: unknown;
    for (const [output, fd] of this.outputs) {
      try {
        closeUpdated(fd, this.targets[output]!);
      } catch (error) {
        failure ??= error;
      }
    }
    this.outputs.clear();
    if (failure !== undefined) throw failure;
  }
}
