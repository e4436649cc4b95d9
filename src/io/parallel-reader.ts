import { errorCode, fileCalls } from './file-calls.js';
import { closeQuietly, endsTooEarly, fileError } from './source.js';

/** Reads are cut into pieces of this size, which the threads of libuv's pool share. */
const PIECE_BYTE_LENGTH = 4 << 20;

interface OpenFile {
  fd: number;
  /** Reads under way. */
  users: number;
}

/**
 * Reads files into given memory from several threads: those of libuv's pool, as many as `UV_THREADPOOL_SIZE` says.
 * The memory may be any, a mapped buffer of a GPU too. At most `maxOpen` files are kept open.
 */
export class ParallelReader {
  /** In the order of use: the oldest first. */
  private readonly files = new Map<string, OpenFile>();

  constructor(private readonly maxOpen = 64) {}

  /**
   * Fills `target` with the bytes of the file from `byteOffset`. When this settles, nothing writes to `target` any
   * more, whether it failed or not.
   * @throws FileError where the file cannot be read or ends earlier.
   */
  async readInto(path: string, target: Uint8Array, byteOffset: number): Promise<void> {
    const file = this.open(path);
    file.users++;
    try {
      const pieces: Promise<void>[] = [];
      for (let start = 0; start < target.length; start += PIECE_BYTE_LENGTH) {
        const piece = target.subarray(start, Math.min(target.length, start + PIECE_BYTE_LENGTH));
        pieces.push(readFully(file.fd, piece, byteOffset + start, path));
      }
      for (const result of await Promise.allSettled(pieces)) {
        if (result.status === 'rejected') throw result.reason;
      }
    } finally {
      file.users--;
    }
  }

  /** To be called when no read is under way. */
  close(): void {
    for (const [path, file] of this.files) {
      this.files.delete(path);
      closeQuietly(file.fd);
    }
  }

  private open(path: string): OpenFile {
    let file = this.files.get(path);
    if (file === undefined) {
      while (this.files.size >= this.maxOpen && this.closeOldest());
      file = { fd: this.openDescriptor(path), users: 0 };
    } else {
      this.files.delete(path);
    }
    this.files.set(path, file);
    return file;
  }

  private openDescriptor(path: string): number {
    for (;;) {
      try {
        return fileCalls.open(path, 'r');
      } catch (error) {
        const code = errorCode(error);
        if ((code !== 'EMFILE' && code !== 'ENFILE') || !this.closeOldest()) {
          throw fileError('open', path, error);
        }
      }
    }
  }

  /** Closes the file that was used longest ago and is not in use. False: all are in use. */
  private closeOldest(): boolean {
    for (const [path, file] of this.files) {
      if (file.users > 0) continue;
      this.files.delete(path);
      closeQuietly(file.fd);
      return true;
    }
    return false;
  }
}

async function readFully(fd: number, target: Uint8Array, byteOffset: number, path: string): Promise<void> {
  let done = 0;
  while (done < target.length) {
    let count: number;
    try {
      count = await fileCalls.readInPool(fd, target, done, target.length - done, byteOffset + done);
    } catch (error) {
      throw fileError('read', path, error).addContext({ byteOffset: byteOffset + done });
    }
    if (count === 0) throw endsTooEarly(path, byteOffset + target.length, byteOffset + done);
    done += count;
  }
}
