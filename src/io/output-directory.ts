import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.js';
import { errorCode, fileCalls } from './file-calls.js';
import { JOURNAL_NAME, JournalFile, type JournalText } from './journal-file.js';
import { requireNoOtherRun, takeOver } from './leftovers.js';
import { kindOf, listNames } from './listing.js';
import { holdsIndex, type IndexNames, mergeInto, removeDirectory, settle } from './merging.js';
import type { CommitResult, Unfinished } from './output-file.js';
import { lookAt, resolvePath } from './paths.js';
import { alreadyExists, discardedMeanwhile, syncAfterPlacing, syncDirectory } from './placing.js';
import { fileError } from './source.js';
import { TemporaryFile, tryTo, type WritableFile } from './temporary-file.js';
import { abandonTemporary, temporaryName } from './temporary-name.js';

export interface OutputDirectoryOptions extends IndexNames {
  /** Replace what the directory holds. */
  force?: boolean;
  /** As for `OutputFile`; into a directory that exists, names are always synced. Default true. */
  sync?: boolean;
  /** As for `OutputFile`. */
  unfinished?: Unfinished | undefined;
}

/** So many files hold a descriptor while they are made; a process may often open 1,024 only. */
const MAX_KEPT_OPEN = 64;
/** Syncs that wait at a time: libuv runs four. */
const SYNC_BATCH = 8;

/**
 * A directory of files (a DCP checkpoint) that appears whole or not at all.
 *
 * - **The destination is absent**: the files are made in a temporary directory beside it, which is then
 *   renamed. Missing parents are made, as torch does, and removed again by `discard`.
 * - **It exists**: the files are made in a hidden temporary directory inside it and put in place one by one,
 *   the index last. Without `force` it must hold no index and no file of a new file's name. With `force` the
 *   old index vanishes first, so that no mixture is ever taken for a checkpoint; what is replaced is kept
 *   aside until the new index is in place, and given back by `discard` after an error.
 *
 * Until `commit` nothing that existed is touched. Killed at any moment, the name holds the old thing, nothing,
 * or the whole new thing. Files that are neither replaced nor named in `removeAfterwards` are never touched.
 */
export class OutputDirectory {
  private state: 'open' | 'placed' | 'discarded' = 'open';
  private readonly files = new Map<string, TemporaryFile>();
  private journal: JournalFile | undefined;

  private constructor(
    readonly name: string,
    private readonly finalPath: string,
    /** The directory that the files are in until they are put in place. */
    readonly temporaryPath: string,
    /** Directories above the destination that were made for it, the uppermost first; `undefined`: it exists. */
    private readonly madeParents: string[] | undefined,
    private readonly index: IndexNames,
    private readonly force: boolean,
    private readonly withSync: boolean,
    /** Of an earlier run that is gone on with. */
    private readonly earlier: JournalText | undefined,
  ) {}

  /**
   * @throws UsageError where the name may not be used: it is no directory, holds an index (without `force`),
   *   or another living run makes its output there.
   * @throws FileError where the operating system refuses.
   */
  static create(path: string, options: OutputDirectoryOptions): OutputDirectory {
    const { force = false, sync = true, unfinished } = options;
    const finalPath = resolvePath(path);
    const kind = kindOf(lookAt(finalPath));
    if (kind === 'missing') {
      const madeParents = makeParents(finalPath);
      const beside = unfinished?.leftover.place === 'beside' ? unfinished : undefined;
      let temporary: Temporary | undefined;
      try {
        temporary = takeOrMake(beside, join(dirname(finalPath), temporaryName(basename(finalPath))));
        requireNoOtherRun(temporary.path);
      } catch (error) {
        if (temporary !== undefined && !removeDirectory(temporary.path)) abandonTemporary(temporary.path);
        removeParents(madeParents);
        throw error;
      }
      const { path: temporaryPath, earlier } = temporary;
      return new OutputDirectory(path, finalPath, temporaryPath, madeParents, options, force, sync, earlier);
    }
    if (kind !== 'directory') {
      throw new UsageError(`The destination is a ${kind}`, { expected: 'a directory, or a new name', path });
    }
    const index = listNames(finalPath).find(options.isIndex);
    if (index !== undefined && !force) throw holdsIndex(path, index);
    const inside = unfinished?.leftover.place === 'inside' ? unfinished : undefined;
    const { path: temporaryPath, earlier } = takeOrMake(inside, join(finalPath, temporaryName()));
    try {
      requireNoOtherRun(temporaryPath);
    } catch (error) {
      if (!removeDirectory(temporaryPath)) abandonTemporary(temporaryPath);
      throw error;
    }
    return new OutputDirectory(path, finalPath, temporaryPath, undefined, options, force, sync, earlier);
  }

  /** Whether what an earlier run has begun is gone on with. */
  get isContinued(): boolean {
    return this.earlier !== undefined;
  }

  /** A journal in the temporary directory: that of the earlier run, or a new one that begins with `header`. */
  openJournal(header: string): JournalFile {
    const path = join(this.temporaryPath, JOURNAL_NAME);
    this.journal = this.earlier ? JournalFile.continue(path, this.earlier) : JournalFile.create(path);
    if (this.earlier === undefined) this.journal.add(header);
    return this.journal;
  }

  /** Leaves the temporary and its journal for a later run. To be called before `commit` only. */
  suspend(): void {
    this.state = 'discarded';
    for (const file of this.files.values()) tryTo(() => file.close());
    this.journal?.close();
    abandonTemporary(this.temporaryPath);
  }

  /**
   * Starts one file of the directory.
   * @throws UsageError where the name is not a plain file name, is in use, or exists and may not be replaced.
   * @throws FileError
   */
  createFile(name: string): WritableFile {
    if (!isPlainName(name)) throw new UsageError(`${JSON.stringify(name)} is not a plain file name`);
    if (this.files.has(name)) throw new UsageError(`The file ${name} is made already`, { path: this.name });
    const path = join(this.name, name);
    if (this.madeParents === undefined) this.requireFree(name, path);
    const keepOpen = this.files.size < MAX_KEPT_OPEN;
    const at = join(this.temporaryPath, name);
    const file =
      this.earlier !== undefined && lookAt(at) !== undefined
        ? TemporaryFile.continue(at, path, keepOpen)
        : TemporaryFile.create(at, path, 0o666, keepOpen);
    this.files.set(name, file);
    return file;
  }

  /**
   * Brings all files to the device and puts them in place. After an error they are not, unless the message
   * says so.
   *
   * @param removeAfterwards with `force`: names of files of the old checkpoint, as its index has them. Those
   *   that are not plain names, or are directories, are left and reported.
   * @throws UsageError where the destination or one of the names appeared meanwhile.
   * @throws FileError
   * @throws InterruptedError where `discard` was called meanwhile.
   */
  async commit({ removeAfterwards = [] }: { removeAfterwards?: string[] } = {}): Promise<CommitResult> {
    if (this.state === 'placed') throw new UsageError('The output is in place already', { path: this.name });
    const { indexName } = this.index;
    const isComplete = this.files.has(indexName);
    if (!isComplete) throw new UsageError(`The output has no ${indexName}`, { path: this.name });
    const files = [...this.files.values()];
    for (let start = 0; start < files.length; start += SYNC_BATCH) {
      const results = await Promise.allSettled(
        files.slice(start, start + SYNC_BATCH).map(file => file.finish({ sync: this.withSync })),
      );
      if (this.state === 'discarded') throw discardedMeanwhile(this.name);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    }
    // What is put in place is not to be gone on with; and where that cannot be made sure, it is not put in place.
    this.journal?.remove();
    // From here on nothing is awaited: no code of the caller runs between two steps.
    if (this.withSync) syncDirectory(this.temporaryPath);
    return this.madeParents === undefined
      ? this.commitInside(removeAfterwards)
      : this.commitBeside(this.madeParents);
  }

  /**
   * Removes what was made and is not in place, and gives back what was replaced. May be called at any time and
   * repeatedly, throws nothing.
   * @returns the paths that could not be removed.
   */
  discard(): string[] {
    if (this.state === 'open') this.state = 'discarded';
    for (const file of this.files.values()) tryTo(() => file.close());
    if (this.madeParents === undefined) return this.settle();
    if (this.state === 'placed') return [];
    const isGone = removeDirectory(this.temporaryPath);
    removeParents(this.madeParents);
    return isGone ? [] : abandoned([this.temporaryPath]);
  }

  private commitBeside(madeParents: string[]): CommitResult {
    try {
      // On POSIX this replaces an empty directory that appeared meanwhile, and nothing else.
      fileCalls.rename(this.temporaryPath, this.finalPath);
    } catch (error) {
      if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(errorCode(error))) throw alreadyExists(this.name, true);
      throw fileError('put the output in place', this.name, error);
    }
    this.state = 'placed';
    if (!this.withSync) return { leftBehind: [] };
    syncAfterPlacing(dirname(this.finalPath), this.name);
    for (const parent of madeParents) syncAfterPlacing(dirname(parent), this.name);
    return { leftBehind: [] };
  }

  private commitInside(removeAfterwards: string[]): CommitResult {
    const { finalPath: directory, temporaryPath: temporary, name, index, force } = this;
    const names = [...this.files.keys()].filter(each => each !== index.indexName);
    const old = force ? removeAfterwards : [];
    const oldNames = old.filter(isPlainName);
    const kept = mergeInto({ ...index, directory, temporary, name, names, force, oldNames });
    this.state = 'placed';
    syncAfterPlacing(directory, name);
    const unsafe = old.filter(each => !isPlainName(each));
    return { leftBehind: [...[...unsafe, ...kept].map(each => join(name, each)), ...this.settle()] };
  }

  private settle(): string[] {
    const identities = new Map([...this.files].map(([name, file]) => [name, file.identity]));
    return abandoned(settle(this.finalPath, this.temporaryPath, this.index, identities));
  }

  private requireFree(name: string, path: string): void {
    let status: ReturnType<typeof fileCalls.lstat>;
    try {
      status = fileCalls.lstat(join(this.finalPath, name));
    } catch (error) {
      throw fileError('look at', path, error);
    }
    if (status === undefined) return;
    if (status.isDirectory()) throw new UsageError('A directory has the name of an output file', { path });
    if (!this.force) throw alreadyExists(path, false);
  }
}

interface Temporary {
  path: string;
  earlier: JournalText | undefined;
}

/** The directory of an earlier run, made this run's; else a new one. */
function takeOrMake(unfinished: Unfinished | undefined, path: string): Temporary {
  const taken = unfinished === undefined ? undefined : takeOver(unfinished.leftover, 0o666);
  if (taken !== undefined) return { path: taken, earlier: unfinished?.journal };
  makeDirectory(path);
  return { path, earlier: undefined };
}

/** Temporaries that stay for another try, by whichever run comes next. */
function abandoned(paths: string[]): string[] {
  for (const path of paths) abandonTemporary(path);
  return paths;
}

/** A name that stays in its directory, and is none of ours for temporaries. */
function isPlainName(name: string): boolean {
  return name !== '' && name !== '..' && name !== '.' && !/[/\\\0]/.test(name) && !name.startsWith('.dcp-');
}

function makeDirectory(path: string): void {
  try {
    fileCalls.mkdir(path);
  } catch (error) {
    throw fileError('make the directory', path, error);
  }
}

/** Makes every missing directory above `path`. @returns those that were made, the uppermost first. */
function makeParents(path: string): string[] {
  const missing: string[] = [];
  for (let at = dirname(path); lookAt(at) === undefined; at = dirname(at)) missing.unshift(at);
  const made: string[] = [];
  for (const directory of missing) {
    try {
      fileCalls.mkdir(directory);
      made.push(directory);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue;
      removeParents(made);
      throw fileError('make the directory', directory, error);
    }
  }
  return made;
}

/** Those that still are empty; another run may have put something there. */
function removeParents(made: string[]): void {
  for (const directory of [...made].reverse()) tryTo(() => fileCalls.rmdir(directory));
}
