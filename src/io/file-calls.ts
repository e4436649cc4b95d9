/**
 * Every file-system call of this package, as one plain object: no other file imports `node:fs`.
 *
 * Tests replace its members to make the n-th call fail or kill the process there; nothing else may.
 * Calls are synchronous, except those that would keep the caller from reacting for long: flushing the data of a large
 * file takes seconds. A call that a signal interrupted (EINTR) is made again: libuv does so for all but `read`.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  read,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  renameSync,
  rmdirSync,
  type StatsFs,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

export type Status = BigIntStats;

/** Opens for reading without waiting: a FIFO with nobody at its other end would keep the process for ever. */
export const READ_AT_ONCE = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
/** Opens for reading and writing what must be a file itself, and no link to one. */
export const UPDATE_NO_LINK = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);

export const fileCalls = {
  open: (path: string, flags: string | number, mode?: number): number =>
    uninterrupted(() => openSync(path, flags, mode)),
  /** Never made again: Linux has let go of the descriptor, whatever it says (close(2)). */
  close: (fd: number): void => closeUninterrupted(fd),
  /** @returns how many bytes, from `start` on, were filled; 0 at the end of the file. */
  read: (fd: number, bytes: Uint8Array, start: number, byteLength: number, byteOffset: number): number =>
    uninterrupted(() => readSync(fd, bytes, start, byteLength, byteOffset)),
  /** As `read`, in libuv's pool. */
  readInPool: (
    fd: number,
    bytes: Uint8Array,
    start: number,
    byteLength: number,
    byteOffset: number,
  ): Promise<number> => readInPool(fd, bytes, start, byteLength, byteOffset),
  /** All of a small file of the system, as text. */
  readText: (path: string): string => uninterrupted(() => readFileSync(path, 'latin1')),
  write: (fd: number, bytes: Uint8Array, start: number, byteLength: number, byteOffset: number): number =>
    uninterrupted(() => writeSync(fd, bytes, start, byteLength, byteOffset)),
  truncate: (fd: number, byteLength: number): void => uninterrupted(() => ftruncateSync(fd, byteLength)),
  /** fsync of a file's data, in libuv's pool. */
  sync: (fd: number): Promise<void> => syncInPool(fd),
  /** fsync of a directory: short. */
  syncDirectory: (fd: number): void => uninterrupted(() => fsyncSync(fd)),
  fstat: (fd: number): Status => uninterrupted(() => fstatSync(fd, { bigint: true })),
  /** Follows symbolic links. `undefined` where nothing is. */
  stat: (path: string): Status | undefined =>
    ifPossible(() => statSync(path, { bigint: true, throwIfNoEntry: false })),
  /** Of the name itself. `undefined` where nothing is. */
  lstat: (path: string): Status | undefined =>
    ifPossible(() => lstatSync(path, { bigint: true, throwIfNoEntry: false })),
  /** Of the file system. */
  statfs: (path: string): StatsFs => uninterrupted(() => statfsSync(path)),
  /** The native one: Node's own collapses `..` before it follows the links in front of it. */
  realpath: (path: string): string => uninterrupted(() => realpathSync.native(path)),
  readlink: (path: string): string => uninterrupted(() => readlinkSync(path)),
  list: (path: string): Dirent[] => uninterrupted(() => readdirSync(path, { withFileTypes: true })),
  link: (from: string, to: string): void => uninterrupted(() => linkSync(from, to)),
  rename: (from: string, to: string): void => uninterrupted(() => renameSync(from, to)),
  unlink: (path: string): void => uninterrupted(() => unlinkSync(path)),
  mkdir: (path: string, mode?: number): void => {
    uninterrupted(() => mkdirSync(path, mode === undefined ? {} : { mode }));
  },
  rmdir: (path: string): void => uninterrupted(() => rmdirSync(path)),
};

/** Nothing can be below a file, and Node throws for that on some systems. */
function ifPossible(look: () => Status | undefined): Status | undefined {
  try {
    return uninterrupted(look);
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

function uninterrupted<T>(call: () => T): T {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (errorCode(error) !== 'EINTR') throw error;
    }
  }
}

function closeUninterrupted(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (errorCode(error) !== 'EINTR') throw error;
  }
}

function readInPool(
  fd: number,
  bytes: Uint8Array,
  start: number,
  byteLength: number,
  byteOffset: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, bytes, start, byteLength, byteOffset, (error, count) => {
      if (error === null) resolve(count);
      else if (errorCode(error) === 'EINTR') resolve(readInPool(fd, bytes, start, byteLength, byteOffset));
      else reject(error);
    });
  });
}

function syncInPool(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(fd, error => {
      if (error === null) resolve();
      else if (errorCode(error) === 'EINTR') resolve(syncInPool(fd));
      else reject(error);
    });
  });
}

/** The `code` of a failed call (`'ENOENT'`), or `''` where the value thrown has none. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
