/** What paths mean: symbolic links resolved, and "the same file" decided by device and inode. */
import { basename, dirname, isAbsolute, join } from 'node:path';
import { FileError } from '../errors.js';
import { errorCode, fileCalls, type Status } from './file-calls.js';
import { fileError } from './source.js';

/** As many as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40;

/**
 * The absolute path with every symbolic link resolved, as the kernel would to create a file there: what does
 * not exist yet stays as written, and a link to a file not yet made resolves to that file's path.
 *
 * @throws FileError where a part is not a directory, is not permitted, or links go in a circle.
 */
export function resolvePath(path: string): string {
  return resolveFollowing(path, MAX_LINKS);
}

function resolveFollowing(path: string, linksLeft: number): string {
  try {
    return fileCalls.realpath(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw fileError('resolve', path, error);
  }
  const target = linkTarget(path);
  if (target === undefined) return join(resolveFollowing(dirname(path), linksLeft), basename(path));
  if (linksLeft === 0)
    throw new FileError('Too many symbolic links', { expected: `at most ${MAX_LINKS}`, path });
  return resolveFollowing(isAbsolute(target) ? target : `${dirname(path)}/${target}`, linksLeft - 1);
}

function linkTarget(path: string): string | undefined {
  try {
    return fileCalls.lstat(path)?.isSymbolicLink() ? fileCalls.readlink(path) : undefined;
  } catch (error) {
    throw fileError('resolve', path, error);
  }
}

/** Which file a name means, whatever the name. */
export interface FileIdentity {
  device: bigint;
  inode: bigint;
}

export function identityOf(status: Status): FileIdentity {
  return { device: status.dev, inode: status.ino };
}

export function sameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  return a.device === b.device && a.inode === b.inode;
}

/** The status behind `path`, symbolic links followed; `undefined` where nothing is. @throws FileError */
export function lookAt(path: string): Status | undefined {
  try {
    return fileCalls.stat(path);
  } catch (error) {
    throw fileError('look at', path, error);
  }
}
