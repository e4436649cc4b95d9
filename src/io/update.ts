import { fileCalls } from './file-calls.js';
import { fileError } from './source.js';

/** Opens an existing file for reading and writing. @throws FileError */
export function openForUpdate(path: string): number {
  try {
    return fileCalls.open(path, 'r+');
  } catch (error) {
    throw fileError('open', path, error);
  }
}

/** Closes a file that was written to: some file systems tell of a failed write only here. @throws FileError */
export function closeUpdated(fd: number, path: string): void {
  try {
    fileCalls.close(fd);
  } catch (error) {
    throw fileError('close', path, error);
  }
}
