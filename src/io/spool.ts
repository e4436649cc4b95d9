import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileError } from './source.js';
import { writeFully } from './write.js';

/**
 * A file in the temporary area for bytes that have no random access where they are: compressed records are
 * inflated into it once and are ordinary byte runs from then on.
 */
export class Spool {
  private length = 0;

  private constructor(
    readonly path: string,
    private readonly directory: string,
    private readonly fd: number,
  ) {}

  /** @throws FileError where the temporary area (TMPDIR) cannot be written. */
  static create(): Spool {
    const area = tmpdir();
    try {
      const directory = mkdtempSync(join(area, 'dcp-spool-'));
      const path = join(directory, 'inflated');
      return new Spool(path, directory, openSync(path, 'wx', 0o600));
    } catch (error) {
      throw fileError('make a temporary file', area, error);
    }
  }

  get byteLength(): number {
    return this.length;
  }

  append(bytes: Uint8Array): void {
    writeFully(this.fd, bytes, this.length, this.path);
    this.length += bytes.length;
  }

  remove(): void {
    closeSync(this.fd);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
