import { FileError } from '../errors.js';
import { fileCalls } from './file-calls.js';
import { fileError } from './source.js';

/** One call takes at most this much: larger writes of new pages are slower (docs/measurements.md). */
const MAX_WRITE_BYTE_LENGTH = 512 << 10;

/**
 * Writes all of `bytes` at `byteOffset` of an open file, through short writes.
 *
 * @param path how messages call the file
 * @throws FileError with the byte offset at which it failed (a full disk, a quota, the device).
 */
export function writeFully(fd: number, bytes: Uint8Array, byteOffset: number, path: string): void {
  let done = 0;
  while (done < bytes.length) {
    const byteLength = Math.min(bytes.length - done, MAX_WRITE_BYTE_LENGTH);
    let count: number;
    try {
      count = fileCalls.write(fd, bytes, done, byteLength, byteOffset + done);
    } catch (error) {
      throw fileError('write', path, error).addContext({ byteOffset: byteOffset + done });
    }
    if (count <= 0) {
      throw new FileError('The device took none of the bytes', {
        expected: `${byteLength} bytes`,
        found: `${count} bytes`,
        path,
        byteOffset: byteOffset + done,
      });
    }
    done += count;
  }
}
