import { FileError, LimitError } from '../errors.js';
import { fileCalls, READ_AT_ONCE, type Status } from './file-calls.js';

/** Bytes that can be read at any place: a local file, memory, a bounded part of either. */
export interface ByteSource {
  /** How messages call it: a path. */
  readonly name: string;
  readonly byteLength: number;
  /**
   * Fills `target` completely with the bytes from `byteOffset`. May be synchronous or not: always await it.
   * @throws FileError where the source ends earlier or cannot be read.
   */
  readInto(target: Uint8Array, byteOffset: number): void | Promise<void>;
  close(): void | Promise<void>;
}

/** Reads `[byteOffset, byteOffset + byteLength)` into new memory. */
export async function readRange(
  source: ByteSource,
  byteOffset: number,
  byteLength: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(byteLength);
  await source.readInto(bytes, byteOffset);
  return bytes;
}

/** Why an operating-system call failed, in a FileError that names the path. */
export function fileError(action: string, path: string, cause: unknown): FileError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? String(cause);
  const reason: Record<string, string> = {
    ENOENT: 'no such file or directory',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of the path is not a directory',
    ENOSPC: 'no space left on the device',
    EDQUOT: 'the disk quota is used up',
    EROFS: 'the file system is read-only',
    EIO: 'the device reports an input/output error',
    EMFILE: 'too many open files',
    ENFILE: 'too many open files on this machine',
    EFBIG: 'it would be larger than its file system or the process limit allows',
    ELOOP: 'too many symbolic links',
    ENAMETOOLONG: 'the name is too long',
    EPERM: 'the operation is not permitted',
    EBUSY: 'it is in use',
    ESTALE: 'the network file system has lost it',
    ETIMEDOUT: 'the network file system does not answer',
    ENOMEM: 'there is not enough memory',
  };
  return new FileError(`Cannot ${action}: ${reason[code] ?? code}`, { path, cause });
}

/** Whether the operating system said no: not that what it gave is wrong. */
export function isSystemFailure(error: unknown): boolean {
  return error instanceof FileError && error.cause !== undefined;
}

/** Reads exactly `target.length` bytes of an open file, through short reads. */
export function readFully(fd: number, target: Uint8Array, byteOffset: number, path: string): void {
  let done = 0;
  while (done < target.length) {
    let count: number;
    try {
      count = fileCalls.read(fd, target, done, target.length - done, byteOffset + done);
    } catch (error) {
      throw fileError('read', path, error).addContext({ byteOffset: byteOffset + done });
    }
    if (count === 0) throw endsTooEarly(path, byteOffset + target.length, byteOffset + done);
    done += count;
  }
}

/** For a file that holds `found` bytes and should hold `expected`. */
export function endsTooEarly(path: string, expected: number, found: number): FileError {
  return new FileError('The file ends too early', {
    expected: `${expected} bytes at least`,
    found: `${found} bytes`,
    path,
  });
}

/**
 * All of a small file.
 * @throws LimitError, in the words of `tooLarge`, where it is longer than `maxByteLength`; FileError.
 */
export async function readWholeFile(
  path: string,
  maxByteLength: number,
  tooLarge: string,
): Promise<Uint8Array> {
  const source = FileSource.open(path);
  try {
    const { byteLength } = source;
    if (byteLength <= maxByteLength) return await readRange(source, 0, byteLength);
    throw new LimitError(tooLarge, {
      expected: `${maxByteLength} bytes at most`,
      found: `${byteLength} bytes`,
      path,
    });
  } finally {
    source.close();
  }
}

/** A local regular file, opened for reading. */
export class FileSource implements ByteSource {
  private constructor(
    readonly name: string,
    readonly byteLength: number,
    private readonly fd: number,
  ) {}

  /**
   * @param name what messages call it, where that is not its path
   * @throws FileError when the path cannot be opened or is not a regular file.
   */
  static open(path: string, name = path): FileSource {
    let fd: number;
    try {
      fd = fileCalls.open(path, READ_AT_ONCE);
    } catch (error) {
      throw fileError('open', path, error);
    }
    try {
      const status = statusOf(fd, path);
      if (status.isFile()) {
        if (status.size === 0n) requireEmpty(fd, path);
        return new FileSource(name, Number(status.size), fd);
      }
      throw new FileError(status.isDirectory() ? 'It is a directory' : 'It is not a regular file', {
        expected: 'a regular file',
        path,
      });
    } catch (error) {
      closeQuietly(fd);
      throw error;
    }
  }

  readInto(target: Uint8Array, byteOffset: number): void {
    readFully(this.fd, target, byteOffset, this.name);
  }

  close(): void {
    closeQuietly(this.fd);
  }
}

/** Files of the system (/proc) say that they are empty, and are not: what is in them would be passed over. */
function requireEmpty(fd: number, path: string): void {
  let count: number;
  try {
    count = fileCalls.read(fd, new Uint8Array(1), 0, 1, 0);
  } catch (error) {
    throw fileError('read', path, error);
  }
  if (count === 0) return;
  throw new FileError('The file has another length than the system says', {
    expected: '0 bytes',
    found: 'more',
    path,
    hint: 'Copy it to a disk, and give the copy.',
  });
}

function statusOf(fd: number, path: string): Status {
  try {
    return fileCalls.fstat(fd);
  } catch (error) {
    throw fileError('look at', path, error);
  }
}

/** Of a file that was only read: what was read has been read, whatever closing it says. */
export function closeQuietly(fd: number): void {
  try {
    fileCalls.close(fd);
  } catch {
    // Nothing depends on it.
  }
}

/** Bytes in memory. */
export class MemorySource implements ByteSource {
  constructor(
    private readonly bytes: Uint8Array,
    readonly name = 'memory',
  ) {}

  get byteLength(): number {
    return this.bytes.length;
  }

  readInto(target: Uint8Array, byteOffset: number): void {
    const part = this.bytes.subarray(byteOffset, byteOffset + target.length);
    if (part.length < target.length) {
      throw new FileError('The data ends too early', {
        expected: `${byteOffset + target.length} bytes at least`,
        found: `${this.bytes.length} bytes`,
        path: this.name,
      });
    }
    target.set(part);
  }

  close(): void {}
}

/** A bounded part of another source: an item of a `.distcp` file. Closing it leaves the whole open. */
export class SliceSource implements ByteSource {
  constructor(
    private readonly whole: ByteSource,
    private readonly start: number,
    readonly byteLength: number,
  ) {
    if (start < 0 || byteLength < 0 || start + byteLength > whole.byteLength) {
      throw new FileError('The part lies outside the file', {
        expected: `${start + byteLength} bytes at least`,
        found: `${whole.byteLength} bytes`,
        path: whole.name,
      });
    }
  }

  get name(): string {
    return this.whole.name;
  }

  readInto(target: Uint8Array, byteOffset: number): void | Promise<void> {
    if (byteOffset + target.length > this.byteLength) {
      throw new FileError('The item ends too early', {
        expected: `${byteOffset + target.length} bytes at least`,
        found: `${this.byteLength} bytes`,
        path: this.name,
        byteOffset: this.start,
      });
    }
    return this.whole.readInto(target, this.start + byteOffset);
  }

  close(): void {}
}
