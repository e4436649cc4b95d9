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

export function closeFile(fd: number): void {
  fileCalls.close(fd);
}
