import { dirname } from 'node:path';
import { FileError } from '../errors.js';
import { errorCode, fileCalls } from './file-calls.js';
import { resolvePath } from './paths.js';
import { fileError } from './source.js';

/**
 * Bytes that this process may still write on the file system which holds `path`, or will; undefined where the file
 * system does not say. An estimate: others write too, and quotas are not in it.
 * @throws FileError where the path cannot be resolved.
 */
export function readFreeByteLength(path: string): number | undefined {
  for (let at = resolvePath(path); ; at = dirname(at)) {
    try {
      const { blocks, bavail, bfree, bsize } = fileCalls.statfs(at);
      // Some of a file system is often kept back for root.
      return blocks > 0 ? (process.geteuid?.() === 0 ? bfree : bavail) * bsize : undefined;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' || dirname(at) === at) throw fileError('look at', at, error);
    }
  }
}

export interface Need {
  byteLength: number;
  /** Of it are there already: files that were reserved, or are gone on with. */
  held?: readonly string[];
  /** How messages call the destination. */
  name: string;
  /** Something is there that stays until the new one is whole. */
  isReplacing?: boolean;
}

/** Before a byte is written. @throws FileError where there is too little room, with how much is needed and free. */
export function requireRoom(path: string, { byteLength, held = [], name, isReplacing }: Need): void {
  const free = readFreeByteLength(path);
  const needed = byteLength - held.reduce((sum, file) => sum + allocatedByteLength(file), 0);
  if (free === undefined || needed <= free) return;
  throw new FileError('There is not enough space for the output', {
    expected: `${needed} bytes`,
    found: `${free} bytes free`,
    path: name,
    hint:
      isReplacing === true
        ? 'The old one stays until the new one is whole: make room for both, or choose another disk.'
        : 'Make room, or choose another disk.',
  });
}

function allocatedByteLength(path: string): number {
  try {
    const status = fileCalls.lstat(path);
    return status?.isFile() === true ? Number(status.blocks) * 512 : 0;
  } catch {
    return 0;
  }
}
