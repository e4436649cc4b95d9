import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileError } from './source.js';
import { ownerState, parseTemporaryName, temporaryName } from './temporary-name.js';
import { writeFully } from './write.js';

const STEM = 'spool';

/**
 * A file in the temporary area (TMPDIR) for bytes that have no random access where they are: compressed records are
 * inflated into it once and are ordinary byte runs from then on. What killed runs left there is removed first.
 */
export class Spool {
  private length = 0;

  private constructor(
    readonly path: string,
    private readonly directory: string,
    private readonly fd: number,
  ) {}

  /** @throws FileError where the temporary area cannot be written. */
  static create(): Spool {
    const area = tmpdir();
    try {
      removeDeadSpools(area);
      const directory = join(area, temporaryName(STEM));
      mkdirSync(directory, { mode: 0o700 });
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

/** Only those whose process is proved to be gone; others' are theirs. */
function removeDeadSpools(area: string): void {
  for (const name of readdirSync(area)) {
    const parsed = parseTemporaryName(name);
    if (parsed?.stem !== STEM || ownerState(parsed.owner) !== 'dead') continue;
    rmSync(join(area, name), { recursive: true, force: true });
  }
}
