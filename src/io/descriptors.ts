import { errorCode, fileCalls } from './file-calls.js';
import { closeQuietly, fileError, readFully } from './source.js';
import { closeUpdated } from './update.js';
import { writeFully } from './write.js';

export interface DescriptorCacheOptions {
  /** At most this many files are open at a time. */
  maxOpen?: number;
  /** Open for reading and writing. The files must exist: nothing is ever created or shortened. */
  writable?: boolean;
}

/**
 * Open descriptors by path, the least recently used closed first: a copy may touch more files than a process
 * may have open (one file an item, a thousand ranks). All reads and writes are positional and synchronous.
 * Each worker thread has its own.
 */
export class DescriptorCache {
  /** In the order of use: the oldest first. */
  private readonly descriptors = new Map<string, number>();
  private readonly maxOpen: number;
  private readonly flags: string;

  constructor({ maxOpen = 64, writable = false }: DescriptorCacheOptions = {}) {
    this.maxOpen = Math.max(1, maxOpen);
    this.flags = writable ? 'r+' : 'r';
  }

  get openCount(): number {
    return this.descriptors.size;
  }

  /**
   * Fills `target` with the bytes of the file from `byteOffset`.
   * @throws FileError where the file cannot be read or ends earlier.
   */
  readInto(path: string, target: Uint8Array, byteOffset: number): void {
    readFully(this.descriptor(path), target, byteOffset, path);
  }

  /** @throws FileError where the file cannot be written. */
  write(path: string, bytes: Uint8Array, byteOffset: number): void {
    writeFully(this.descriptor(path), bytes, byteOffset, path);
  }

  /** The descriptor of `path`: valid until the next call of any method. */
  descriptor(path: string): number {
    let fd = this.descriptors.get(path);
    if (fd === undefined) {
      while (this.descriptors.size >= this.maxOpen) this.closeOldest();
      fd = this.open(path);
    } else {
      this.descriptors.delete(path);
    }
    this.descriptors.set(path, fd);
    return fd;
  }

  /**
   * Closes all, also after one has failed to close.
   * @throws FileError the first failure of a file that was written to: some network file systems report it only here.
   */
  close(): void {
    let failure: unknown;
    while (this.descriptors.size > 0) {
      try {
        this.closeOldest();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  /** Other code of the process may use up the descriptors: then ours make room. */
  private open(path: string): number {
    for (;;) {
      try {
        return fileCalls.open(path, this.flags);
      } catch (error) {
        const code = errorCode(error);
        if ((code !== 'EMFILE' && code !== 'ENFILE') || this.descriptors.size === 0) {
          throw fileError('open', path, error);
        }
        this.closeOldest();
      }
    }
  }

  private closeOldest(): void {
    for (const [path, fd] of this.descriptors) {
      this.descriptors.delete(path);
      if (this.flags === 'r') closeQuietly(fd);
      else closeUpdated(fd, path);
      return;
    }
  }
}
