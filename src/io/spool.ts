import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LimitError } from '../errors.js';
import { fileCalls } from './file-calls.js';
import { listNames } from './listing.js';
import { removeDirectory } from './merging.js';
import { closeQuietly, FileSource, fileError } from './source.js';
import { tryTo } from './temporary-file.js';
import { abandonTemporary, ownerState, parseTemporaryName, temporaryName } from './temporary-name.js';
import { writeFully } from './write.js';

const STEM = 'spool';

/** Real checkpoints shrink to a half at best; what is made to fill a disk shrinks to a thousandth. */
const SAFE_RATIO = 200;
const ALWAYS_SAFE_BYTE_LENGTH = 2 ** 30;

/** How much a compressed file of this length may become before it counts as made to fill the disk. */
export function safeInflatedByteLength(compressedByteLength: number): number {
  return Math.max(ALWAYS_SAFE_BYTE_LENGTH, compressedByteLength * SAFE_RATIO);
}

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
    private readonly maxByteLength: number,
  ) {}

  /**
   * @param maxByteLength how much it takes; see {@link safeInflatedByteLength}
   * @throws FileError where the temporary area cannot be written.
   */
  static create(maxByteLength = Number.POSITIVE_INFINITY): Spool {
    const area = tmpdir();
    removeDeadSpools(area);
    const directory = join(area, temporaryName(STEM));
    try {
      fileCalls.mkdir(directory, 0o700);
      const path = join(directory, 'inflated');
      return new Spool(path, directory, fileCalls.open(path, 'wx', 0o600), maxByteLength);
    } catch (error) {
      if (!removeDirectory(directory)) abandonTemporary(directory);
      throw fileError('make a temporary file', area, error);
    }
  }

  get byteLength(): number {
    return this.length;
  }

  /** @throws LimitError where so many bytes more are too many. */
  expect(byteLength: number): void {
    if (this.length + byteLength <= this.maxByteLength) return;
    throw new LimitError('The compressed data become longer than is safe to follow', {
      expected: `${this.maxByteLength} bytes at most`,
      found: `${this.length + byteLength} bytes or more`,
      hint: 'If you trust the file, uncompress it yourself and give the result.',
    });
  }

  /** Room for bytes that are written into the file by its path. Returns where it begins. @throws LimitError */
  reserve(byteLength: number): number {
    this.expect(byteLength);
    const start = this.length;
    this.length += byteLength;
    return start;
  }

  /** @throws LimitError as {@link expect} does. FileError where the disk is full. */
  append(bytes: Uint8Array): void {
    this.expect(bytes.length);
    writeFully(this.fd, bytes, this.length, this.path);
    this.length += bytes.length;
  }

  /** What has been written so far, to be read. The caller closes it. */
  open(): FileSource {
    return FileSource.open(this.path);
  }

  /** Throws nothing: what cannot be removed, a later run removes. */
  remove(): void {
    closeQuietly(this.fd);
    if (!removeDirectory(this.directory)) abandonTemporary(this.directory);
  }
}

/**
 * Only those whose process is proved to be gone; others' are theirs. In an area that users share, some cannot be
 * removed: they are no matter of ours.
 */
function removeDeadSpools(area: string): void {
  tryTo(() => {
    for (const name of listNames(area)) {
      const parsed = parseTemporaryName(name);
      if (parsed?.stem === STEM && ownerState(parsed.owner) === 'dead') removeDirectory(join(area, name));
    }
  });
}
