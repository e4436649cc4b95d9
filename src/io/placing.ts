/** The steps that give a finished temporary its final name, and make names survive a power cut. */
import { FileError, InterruptedError, UsageError } from '../errors.js';
import { errorCode, fileCalls } from './file-calls.js';
import { fileError } from './source.js';
import { tryTo } from './temporary-file.js';

/** How a name was given: `linked` leaves the temporary name, which is then removed; `moved` does not. */
export type Placed = 'linked' | 'moved' | 'taken';

/** The file system has no hard links, or none across directories (AFS: EXDEV). */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'EMLINK', 'EXDEV']);
/** A directory that cannot be flushed: not readable, or of a file system (or Windows) that has no such call. */
const NO_DIRECTORY_SYNC = new Set([
  'EINVAL',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EISDIR',
  'EACCES',
  'EPERM',
  'EBADF',
]);

/**
 * Gives a file a second name that must be free: link(2) fails where the name exists, even if it appeared a
 * moment ago, and rename(2) would replace it. Node has no renameat2(RENAME_NOREPLACE).
 * Without hard links the name is looked up first and then renamed to: who makes it in between is replaced.
 *
 * @returns `taken` where something else has the name.
 * @throws FileError
 */
export function placeIfFree(temporaryPath: string, finalPath: string): Placed {
  try {
    fileCalls.link(temporaryPath, finalPath);
    return 'linked';
  } catch (error) {
    const code = errorCode(error);
    // A network file system that lost its answer repeats the request and then finds its own link.
    if (code === 'EEXIST') return isOneFile(temporaryPath, finalPath) ? 'linked' : 'taken';
    if (!NO_LINKS.has(code)) throw fileError('put the output in place', finalPath, error);
  }
  try {
    if (fileCalls.lstat(finalPath) !== undefined) return 'taken';
    fileCalls.rename(temporaryPath, finalPath);
    return 'moved';
  } catch (error) {
    throw fileError('put the output in place', finalPath, error);
  }
}

/** Brings the names in a directory to the device, as far as the file system can. @throws FileError */
export function syncDirectory(path: string): void {
  let fd: number | undefined;
  try {
    fd = fileCalls.open(path, 'r');
    fileCalls.syncDirectory(fd);
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(errorCode(error))) throw fileError('flush the directory', path, error);
  } finally {
    const opened = fd;
    // Nothing was written through it: a failure says nothing about the directory.
    if (opened !== undefined) tryTo(() => fileCalls.close(opened));
  }
}

/** After the output has its name: it is whole, and might be lost with the power. @throws FileError */
export function syncAfterPlacing(directory: string, finalPath: string): void {
  try {
    syncDirectory(directory);
  } catch (error) {
    throw new FileError('The output is whole and in place, but its name could not be brought to the device', {
      path: finalPath,
      hint: 'Check the device: after a power cut the output might be gone.',
      cause: error,
    });
  }
}

export function alreadyExists(path: string, meanwhile: boolean): UsageError {
  return new UsageError(
    meanwhile ? 'The destination appeared while it was being made' : 'The destination exists already',
    { path, hint: 'Choose another name, or use --force to replace it.' },
  );
}

export function discardedMeanwhile(path: string): InterruptedError {
  return new InterruptedError('The output was discarded before it was finished', { path });
}

function isOneFile(a: string, b: string): boolean {
  try {
    const first = fileCalls.lstat(a);
    const second = fileCalls.lstat(b);
    return (
      first !== undefined && second !== undefined && first.ino === second.ino && first.dev === second.dev
    );
  } catch {
    return false;
  }
}
