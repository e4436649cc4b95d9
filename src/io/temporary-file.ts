import { FileError } from '../errors.js';
import { errorCode, fileCalls, UPDATE_NO_LINK } from './file-calls.js';
import { type FileIdentity, identityOf } from './paths.js';
import { reserveBlocks } from './reserve.js';
import { fileError } from './source.js';
import { abandonTemporary } from './temporary-name.js';
import { writeFully } from './write.js';

/** A file that is being filled under a temporary name. Several threads may fill it, by that name. */
export interface WritableFile {
  /** How messages call it: its destination. */
  readonly name: string;
  /** Where the bytes go now. Workers open this themselves, for reading and writing. */
  readonly temporaryPath: string;
  /** Gives the file its final length; its end is checked to be there when it is put in place. */
  preallocate(byteLength: number): void;
  /** Writes all of `bytes`. @throws FileError */
  write(bytes: Uint8Array, byteOffset: number): void;
  /** Brings everything written so far to the device. Other threads may go on writing. @throws FileError */
  sync(): Promise<void>;
}

export class TemporaryFile implements WritableFile {
  private plannedByteLength: number | undefined;
  private syncsRunning = 0;
  private closeRequested = false;

  private constructor(
    readonly temporaryPath: string,
    readonly name: string,
    readonly identity: FileIdentity,
    private fd: number | undefined,
  ) {}

  /**
   * Makes the file; it must not exist.
   *
   * @param mode permissions before the umask
   * @param keepOpen holds a descriptor until `close`: then a write error that the kernel meets later is sure
   *   to be reported to `sync`. Without, it is as long as the kernel keeps the file's inode in memory.
   */
  static create(temporaryPath: string, name: string, mode = 0o666, keepOpen = true): TemporaryFile {
    let fd: number;
    try {
      fd = fileCalls.open(temporaryPath, 'wx', mode);
    } catch (error) {
      throw fileError('create', temporaryPath, error);
    }
    try {
      const file = new TemporaryFile(temporaryPath, name, identityOfOpen(fd, temporaryPath), fd);
      if (!keepOpen) file.close();
      return file;
    } catch (error) {
      if (!tryTo(() => fileCalls.unlink(temporaryPath))) abandonTemporary(temporaryPath);
      throw error;
    }
  }

  /** Goes on with a file that an earlier run has begun. @throws FileError where the name is none of a file itself. */
  static continue(temporaryPath: string, name: string, keepOpen = true): TemporaryFile {
    let fd: number;
    try {
      fd = fileCalls.open(temporaryPath, UPDATE_NO_LINK);
    } catch (error) {
      throw fileError('open', temporaryPath, error);
    }
    const file = new TemporaryFile(temporaryPath, name, identityOfOpen(fd, temporaryPath), fd);
    if (!keepOpen) file.close();
    return file;
  }

  /**
   * Sets the length, and reserves the blocks where that pays and can be done. So tiles may come in any order, and
   * the file system learns early how long the file will be. Refusals matter only where there is no room: a full
   * disk that shows later is met by a write.
   *
   * @throws FileError
   */
  preallocate(byteLength: number): void {
    this.plannedByteLength = byteLength;
    if (reserveBlocks(this.temporaryPath, byteLength, this.name)) return;
    const fd = this.fd ?? this.open();
    try {
      fileCalls.truncate(fd, byteLength);
    } catch (error) {
      if (errorCode(error) === 'EFBIG') {
        throw new FileError('The file would be larger than its file system or the process limit allows', {
          found: `${byteLength} bytes`,
          path: this.name,
          cause: error,
        });
      }
    } finally {
      if (fd !== this.fd) this.closeDescriptor(fd);
    }
  }

  write(bytes: Uint8Array, byteOffset: number): void {
    const fd = this.fd ?? this.open();
    try {
      writeFully(fd, bytes, byteOffset, this.name);
    } finally {
      if (fd !== this.fd) this.closeDescriptor(fd);
    }
  }

  async sync(): Promise<void> {
    await this.withDescriptor(true, () => {});
  }

  /** Syncs unless told not to, checks the length that was planned, closes. @throws FileError */
  async finish({ sync = true }: { sync?: boolean } = {}): Promise<void> {
    await this.withDescriptor(sync, fd => {
      const found = fileCalls.fstat(fd).size;
      if (this.plannedByteLength !== undefined && found !== BigInt(this.plannedByteLength)) {
        throw new FileError('The file written does not have the length that was planned', {
          expected: `${this.plannedByteLength} bytes`,
          found: `${found} bytes`,
          path: this.name,
        });
      }
    });
    this.close();
  }

  /** Idempotent. While a sync runs, the descriptor stays open until it ends: its number must not be reused. */
  close(): void {
    if (this.fd === undefined) return;
    if (this.syncsRunning > 0) {
      this.closeRequested = true;
      return;
    }
    const fd = this.fd;
    this.fd = undefined;
    this.closeDescriptor(fd);
  }

  private async withDescriptor(sync: boolean, check: (fd: number) => void): Promise<void> {
    const fd = this.fd ?? this.open();
    this.syncsRunning++;
    try {
      if (sync) await fileCalls.sync(fd);
      check(fd);
    } catch (error) {
      throw error instanceof FileError ? error : fileError('flush', this.name, error);
    } finally {
      this.syncsRunning--;
      if (fd !== this.fd) this.closeDescriptor(fd);
      else if (this.closeRequested && this.syncsRunning === 0) this.close();
    }
  }

  private open(): number {
    try {
      return fileCalls.open(this.temporaryPath, 'r+');
    } catch (error) {
      throw fileError('open', this.name, error);
    }
  }

  private closeDescriptor(fd: number): void {
    try {
      fileCalls.close(fd);
    } catch (error) {
      throw fileError('close', this.name, error);
    }
  }
}

function identityOfOpen(fd: number, path: string): FileIdentity {
  try {
    return identityOf(fileCalls.fstat(fd));
  } catch (error) {
    tryTo(() => fileCalls.close(fd));
    throw fileError('create', path, error);
  }
}

/** For cleaning up after an error: that error is the one to report. */
export function tryTo(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
