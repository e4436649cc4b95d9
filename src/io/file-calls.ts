/**
 * Every file-system call of this folder that can fail while output is made, as one plain object.
 *
 * Tests replace its members to make the n-th call fail or kill the process there; nothing else may.
 * Calls are synchronous, except `sync`: flushing the data of a large file takes seconds, in which the caller
 * must still be able to react.
 */
import {
  type BigIntStats,
  closeSync,
  type Dirent,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { promisify } from 'node:util';

export type Status = BigIntStats;

const syncInPool = promisify(fsync);

export const fileCalls = {
  open: (path: string, flags: string, mode?: number): number => openSync(path, flags, mode),
  close: (fd: number): void => closeSync(fd),
  write: (fd: number, bytes: Uint8Array, start: number, byteLength: number, byteOffset: number): number =>
    writeSync(fd, bytes, start, byteLength, byteOffset),
  truncate: (fd: number, byteLength: number): void => ftruncateSync(fd, byteLength),
  /** fsync of a file's data, in libuv's pool. */
  sync: (fd: number): Promise<void> => syncInPool(fd),
  /** fsync of a directory: short. */
  syncDirectory: (fd: number): void => fsyncSync(fd),
  fstat: (fd: number): Status => fstatSync(fd, { bigint: true }),
  /** Follows symbolic links. `undefined` where nothing is. */
  stat: (path: string): Status | undefined =>
    ifPossible(() => statSync(path, { bigint: true, throwIfNoEntry: false })),
  /** Of the name itself. `undefined` where nothing is. */
  lstat: (path: string): Status | undefined =>
    ifPossible(() => lstatSync(path, { bigint: true, throwIfNoEntry: false })),
  /** The native one: Node's own collapses `..` before it follows the links in front of it. */
  realpath: (path: string): string => realpathSync.native(path),
  readlink: (path: string): string => readlinkSync(path),
  list: (path: string): Dirent[] => readdirSync(path, { withFileTypes: true }),
  link: (from: string, to: string): void => linkSync(from, to),
  rename: (from: string, to: string): void => renameSync(from, to),
  unlink: (path: string): void => unlinkSync(path),
  mkdir: (path: string, mode?: number): void => {
    mkdirSync(path, mode === undefined ? {} : { mode });
  },
  rmdir: (path: string): void => rmdirSync(path),
};

/** Nothing can be below a file, and Node throws for that on some systems. */
function ifPossible(look: () => Status | undefined): Status | undefined {
  try {
    return look();
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The `code` of a failed call (`'ENOENT'`), or `''` where the value thrown has none. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}
