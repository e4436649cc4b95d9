import { basename, dirname, join, sep } from 'node:path';
import { UsageError } from '../errors.js';
import { fileCalls, type Status } from './file-calls.js';
import { JournalFile, type JournalText, removeFile } from './journal-file.js';
import { type Leftover, requireNoOtherRun, takeOver } from './leftovers.js';
import { kindOf } from './listing.js';
import { lookAt, resolvePath } from './paths.js';
import { alreadyExists, discardedMeanwhile, placeIfFree, syncAfterPlacing } from './placing.js';
import { fileError } from './source.js';
import { TemporaryFile, tryTo, type WritableFile } from './temporary-file.js';
import { abandonTemporary, JOURNAL_SUFFIX, temporaryName } from './temporary-name.js';

export interface OutputFileOptions {
  /** Replace a file that has the name. */
  force?: boolean;
  /**
   * Bring the bytes to the device before the name is given. Default true. Without, a crash of the machine, not of
   * this process, may leave a file of the right name and length with other bytes.
   */
  sync?: boolean;
  /**
   * A symbolic link of the name is refused, not followed. For names that the user has not chosen: what others have put
   * there would lead the output elsewhere.
   */
  refuseLink?: boolean;
  /** What an earlier run has begun of this output: it is gone on with, if that can be done safely. */
  unfinished?: Unfinished | undefined;
}

/** What a run that ended in the middle has left, with a journal. */
export interface Unfinished {
  leftover: Leftover;
  journal: JournalText;
}

export interface CommitResult {
  /** Paths that should be gone and could not be removed. The output is whole all the same. */
  leftBehind: string[];
}

/**
 * One output file that appears whole or not at all: made under a temporary name in the same directory,
 * brought to the device, then given its name. Until `commit` the destination is untouched; killed at any
 * moment, the name holds what it held before or the whole new file. End with `commit` and, after any error,
 * `discard`.
 *
 * Symbolic links are followed: the file that a link leads to is replaced, the link stays. A replaced file's
 * permissions are kept as far as the umask allows, so that a private file stays private.
 */
export class OutputFile implements WritableFile {
  private state: 'open' | 'placed' | 'discarded' = 'open';
  private journal: JournalFile | undefined;

  private constructor(
    readonly name: string,
    private readonly finalPath: string,
    private readonly force: boolean,
    private readonly withSync: boolean,
    private readonly file: TemporaryFile,
    /** Of an earlier run that is gone on with. */
    private readonly earlier: JournalText | undefined,
  ) {}

  /**
   * @throws UsageError where the name may not be used: it exists (without `force`), is a directory, FIFO,
   *   device or socket, or its parent directory does not exist.
   * @throws FileError where the operating system refuses.
   */
  static create(path: string, options: OutputFileOptions = {}): OutputFile {
    const { force = false, sync = true, refuseLink = false, unfinished } = options;
    if ((path.endsWith('/') || path.endsWith(sep)) && kindOf(lookAt(path)) === 'missing') {
      throw new UsageError('The destination names a directory', { expected: 'the name of a file', path });
    }
    const finalPath = refuseLink ? join(resolvePath(dirname(path)), basename(path)) : resolvePath(path);
    if (refuseLink) requireNoLink(finalPath, path);
    const existing = lookAt(finalPath);
    requireReplaceable(existing, path, force);
    if (lookAt(dirname(finalPath)) === undefined) throw missingParent(path);
    const mode = existing === undefined ? 0o666 : (Number(existing.mode) & 0o777) | 0o600;
    const taken = unfinished === undefined ? undefined : takeOver(unfinished.leftover, mode);
    const temporaryPath = taken ?? join(dirname(finalPath), temporaryName(basename(finalPath)));
    const file =
      taken === undefined
        ? TemporaryFile.create(temporaryPath, path, mode)
        : continueOrLeave(temporaryPath, path);
    const earlier = taken === undefined ? undefined : unfinished?.journal;
    const output = new OutputFile(path, finalPath, force, sync, file, earlier);
    try {
      requireNoOtherRun(temporaryPath);
    } catch (error) {
      output.discard();
      throw error;
    }
    return output;
  }

  /** Whether what an earlier run has begun is gone on with. */
  get isContinued(): boolean {
    return this.earlier !== undefined;
  }

  /** A journal beside the temporary: that of the earlier run, or a new one that begins with `header`. */
  openJournal(header: string): JournalFile {
    const path = `${this.temporaryPath}${JOURNAL_SUFFIX}`;
    this.journal = this.earlier ? JournalFile.continue(path, this.earlier) : JournalFile.create(path);
    if (this.earlier === undefined) this.journal.add(header);
    return this.journal;
  }

  /** Leaves the temporary and its journal for a later run. */
  suspend(): void {
    this.state = 'discarded';
    tryTo(() => this.file.close());
    this.journal?.close();
    abandonTemporary(this.temporaryPath);
  }

  get temporaryPath(): string {
    return this.file.temporaryPath;
  }

  preallocate(byteLength: number): void {
    this.file.preallocate(byteLength);
  }

  write(bytes: Uint8Array, byteOffset: number): void {
    this.file.write(bytes, byteOffset);
  }

  sync(): Promise<void> {
    return this.file.sync();
  }

  /**
   * Puts the file in place. After an error it is not, unless the message says so.
   *
   * @throws UsageError where the name appeared meanwhile and `force` was not given.
   * @throws FileError
   * @throws InterruptedError where `discard` was called meanwhile.
   */
  async commit(): Promise<CommitResult> {
    if (this.state === 'placed') throw new UsageError('The output is in place already', { path: this.name });
    if (this.state === 'open') await this.file.finish({ sync: this.withSync });
    if (this.state === 'discarded') throw discardedMeanwhile(this.name);
    // Before the name is given: what has its name is not to be gone on with.
    const { journal } = this;
    const journalIsGone = tryTo(() => journal?.remove());
    const linked = this.force ? this.replace() : this.place();
    this.state = 'placed';
    if (this.withSync) syncAfterPlacing(dirname(this.finalPath), this.name);
    const leftBehind = linked ? this.removeTemporary() : [];
    return { leftBehind: journalIsGone ? leftBehind : [...leftBehind, ...this.removeJournal()] };
  }

  /**
   * Removes the temporary; a file in place stays. May be called at any time and repeatedly, throws nothing.
   * @returns the paths that could not be removed.
   */
  discard(): string[] {
    if (this.state === 'open') this.state = 'discarded';
    tryTo(() => this.file.close());
    return [...this.removeTemporary(), ...this.removeJournal()];
  }

  private place(): boolean {
    const placed = placeIfFree(this.temporaryPath, this.finalPath);
    if (placed === 'taken') throw alreadyExists(this.name, true);
    return placed === 'linked';
  }

  private replace(): boolean {
    requireReplaceable(lookAt(this.finalPath), this.name, true);
    try {
      fileCalls.rename(this.temporaryPath, this.finalPath);
    } catch (error) {
      throw fileError('put the output in place', this.name, error);
    }
    return false;
  }

  /** Also one that was taken over and has not been opened. */
  private removeJournal(): string[] {
    const path = `${this.temporaryPath}${JOURNAL_SUFFIX}`;
    if (this.journal === undefined && this.earlier === undefined) return [];
    this.journal?.close();
    if (removeFile(path)) return [];
    abandonTemporary(this.temporaryPath);
    return [path];
  }

  private removeTemporary(): string[] {
    const gone = tryTo(() => {
      if (fileCalls.lstat(this.temporaryPath) !== undefined) fileCalls.unlink(this.temporaryPath);
    });
    if (gone) return [];
    abandonTemporary(this.temporaryPath);
    return [this.temporaryPath];
  }
}

/** Opens what was taken over; where that fails it is left to the next run. */
function continueOrLeave(temporaryPath: string, path: string): TemporaryFile {
  try {
    return TemporaryFile.continue(temporaryPath, path);
  } catch (error) {
    abandonTemporary(temporaryPath);
    throw error;
  }
}

/** The name itself is given later, by rename(2), which follows no link: what comes there meanwhile is replaced. */
function requireNoLink(finalPath: string, path: string): void {
  let status: Status | undefined;
  try {
    status = fileCalls.lstat(finalPath);
  } catch (error) {
    throw fileError('look at', path, error);
  }
  if (status?.isSymbolicLink() !== true) return;
  throw new UsageError('The destination is a symbolic link', {
    expected: 'a regular file, or a new name',
    path,
    hint: 'Remove it first: it is not followed.',
  });
}

function requireReplaceable(existing: Status | undefined, path: string, force: boolean): void {
  const kind = kindOf(existing);
  if (kind === 'missing') return;
  if (kind !== 'file') {
    throw new UsageError(`The destination is a ${kind}`, { expected: 'a regular file, or a new name', path });
  }
  if (!force) throw alreadyExists(path, false);
}

/** In the words of torch.save. */
function missingParent(path: string): UsageError {
  const parent = dirname(path);
  return new UsageError(`Parent directory ${parent} does not exist`, {
    path,
    hint: `Make it first: mkdir -p ${parent}`,
  });
}
